package webhooks

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// deliveryID is what GitHub's ids of deliveries look like: UUIDs, and a little more.
var deliveryID = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)

// A payload is what is read of a delivery's body: what it is about.
type payload struct {
	Repository struct {
		Name  string `json:"name"`
		Owner struct {
			Login string `json:"login"`
		} `json:"owner"`
	} `json:"repository"`
	PullRequest *numbered `json:"pull_request"`
	Issue       *struct {
		numbered
		PullRequest *struct{} `json:"pull_request"` // the issue is a pull request
	} `json:"issue"`
	CheckRun   *checks `json:"check_run"`
	CheckSuite *checks `json:"check_suite"`
	Action     string  `json:"action"`
	Ref        string  `json:"ref"`
}

type checks struct {
	PullRequests []numbered `json:"pull_requests"`
}

type numbered struct {
	Number int `json:"number"`
}

// about says which pull requests of the repository a delivery is about; 0 is all of
// them. None: it does not concern us.
// anew: somebody asks for what was written to be written again.
func about(event string, body []byte, r Repository, base string) (numbers []int, anew bool, err error) {
	switch event {
	case "pull_request", "issue_comment", "check_run", "check_suite", "push":
	default:
		return nil, false, nil
	}
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, false, fmt.Errorf("the body is not the JSON of a %s event: %w", event, err)
	}
	if !strings.EqualFold(p.Repository.Owner.Login, r.Owner) || !strings.EqualFold(p.Repository.Name, r.Name) {
		return nil, false, nil
	}
	return p.numbers(event, base), p.Action == "rerequested", nil
}

func (p payload) numbers(event, base string) []int {
	var found []numbered
	switch {
	case event == "pull_request" && p.PullRequest != nil:
		found = append(found, *p.PullRequest)
	case event == "issue_comment" && p.Issue != nil && p.Issue.PullRequest != nil && p.Action == "created":
		found = append(found, p.Issue.numbered)
	case event == "check_run" && p.CheckRun != nil && p.Action == "rerequested":
		found = p.CheckRun.PullRequests
	case event == "check_suite" && p.CheckSuite != nil && p.Action == "rerequested":
		found = p.CheckSuite.PullRequests
	case event == "push" && p.Ref == "refs/heads/"+base:
		return []int{0}
	}
	var numbers []int
	for _, n := range found {
		if n.Number > 0 {
			numbers = append(numbers, n.Number)
		}
	}
	return numbers
}
