package githubtest

import (
	"net/http"
	"slices"
	"strings"
)

func listPulls(c *call) answer {
	state := c.query.Get("state")
	if state == "" {
		state = open
	}
	var all []*PullRequest
	for _, pr := range c.repo.pulls {
		if (state == "all" || pr.state == state) && is(c.query.Get("base"), pr.base) && is(c.query.Get("head"), pr.headRepo.Owner+":"+pr.Branch) {
			all = append(all, pr)
		}
	}
	// GitHub lists the newest first, unless it is asked to sort by a time.
	by, ascending := c.query.Get("sort"), c.query.Get("direction") == "asc"
	slices.SortStableFunc(all, func(a, b *PullRequest) int {
		order := a.Number - b.Number
		if by == "updated" && !a.updated.Equal(b.updated) {
			order = a.updated.Compare(b.updated)
		}
		if ascending {
			return order
		}
		return -order
	})
	return ok(list(page(c, all), func(pr *PullRequest) object { return pr.json(false) }))
}

// is tells whether something passes a filter; an empty one lets all pass.
func is(filter, s string) bool { return filter == "" || strings.EqualFold(filter, s) }

// onPull answers for a pull request that is there.
func onPull(param string, f func(*call, *PullRequest) answer) func(*call) answer {
	return func(c *call) answer {
		n := int(c.number(param))
		if n < 1 || n > len(c.repo.pulls) {
			return notFound()
		}
		return f(c, c.repo.pulls[n-1])
	}
}

func getPull(_ *call, pr *PullRequest) answer { return ok(pr.json(true)) }

func createPull(c *call) answer {
	var in struct {
		Title, Head, Base, Body string
		HeadRepo                string `json:"head_repo"`
		Draft                   bool
	}
	if !c.decode(&in) {
		return unreadable()
	}
	from, branch := c.repo, in.Head
	if owner, name, forked := strings.Cut(in.Head, ":"); forked {
		from, branch = c.g.repos[strings.ToLower(owner+"/"+c.repo.Name)], name
	}
	switch {
	case in.Title == "":
		return invalid("Validation Failed", "PullRequest", "title", "missing_field")
	case from == nil || from.refs[refHeads+branch] == "":
		return invalid("Validation Failed", "PullRequest", "head", "invalid")
	case c.repo.refs[refHeads+in.Base] == "":
		return invalid("Validation Failed", "PullRequest", "base", "invalid")
	}
	if len(c.repo.objects.between(c.repo.refs[refHeads+in.Base], from.refs[refHeads+branch])) == 0 {
		return custom("No commits between " + in.Base + " and " + in.Head)
	}
	for _, pr := range c.repo.pulls {
		if pr.state == open && pr.headRepo == from && pr.Branch == branch && pr.base == in.Base {
			return custom("A pull request already exists for " + from.Owner + ":" + branch + ".")
		}
	}
	return made(c.repo.openPull(c.who.actor(), in.Title, in.Body, from, branch, in.Base, in.Draft).json(true))
}

// custom is a refusal in words.
func custom(message string) answer {
	a := invalid("Validation Failed", "PullRequest", "base", "custom")
	a.body.(object)["errors"].([]object)[0]["message"] = message
	return a
}

func updatePull(c *call, pr *PullRequest) answer {
	var in struct{ Title, Body, State, Base *string }
	if !c.decode(&in) {
		return unreadable()
	}
	by := c.who.actor()
	if in.Base != nil && *in.Base != pr.base {
		if c.repo.refs[refHeads+*in.Base] == "" {
			return invalid("Validation Failed", "PullRequest", "base", "invalid")
		}
		pr.rebase(by, *in.Base)
	}
	if in.Title != nil && *in.Title != pr.title {
		pr.retitle(by, *in.Title)
	}
	if in.Body != nil {
		pr.body, pr.updated = *in.Body, c.g.now()
	}
	switch {
	case in.State == nil || *in.State == pr.state:
	case !pr.merged.IsZero():
		return invalid("Validation Failed", "PullRequest", "state", "invalid")
	case *in.State == open:
		pr.reopen(by)
	default:
		pr.close(by)
	}
	return ok(pr.json(true))
}

func mergePull(c *call, pr *PullRequest) answer {
	var in struct {
		Title   string `json:"commit_title"`
		Message string `json:"commit_message"`
		Method  string `json:"merge_method"`
		SHA     string
	}
	if !c.decode(&in) {
		return unreadable()
	}
	switch {
	case in.Method == "rebase":
		return refuse(http.StatusMethodNotAllowed, "Rebase merges are not allowed on this repository.")
	case in.SHA != "" && in.SHA != pr.headSHA:
		return refuse(http.StatusConflict, "Head branch was modified. Review and try the merge again.")
	}
	if reason := pr.unmergeable(); reason != "" {
		return refuse(http.StatusMethodNotAllowed, reason)
	}
	sha := pr.land(c.who.actor(), in.Method, in.Title, in.Message)
	return ok(object{"sha": sha, "merged": true, "message": "Pull Request successfully merged"})
}

func listPullCommits(c *call, pr *PullRequest) answer {
	return ok(list(page(c, c.repo.objects.between(pr.baseSHA, pr.headSHA)), c.repo.commit))
}

func listPullFiles(c *call, pr *PullRequest) answer {
	return ok(list(page(c, pr.files()), func(f diff) object { return f.json(c.repo, pr.headSHA) }))
}

// listPullsOf are those that a commit came by, or is in.
func listPullsOf(c *call) answer {
	var all []*PullRequest
	sha := c.params["commit_sha"]
	for _, pr := range c.repo.pulls {
		in := pr.mergeSHA == sha
		for _, one := range c.repo.objects.between(pr.baseSHA, pr.headSHA) {
			in = in || one.sha == sha
		}
		if in {
			all = append(all, pr)
		}
	}
	return ok(list(page(c, all), func(pr *PullRequest) object { return pr.json(false) }))
}
