package githubtest

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

const (
	annotationsMax = 50    // of one request
	outputMax      = 65535 // characters of summary and of text
)

// A checkInput is what may be said of a check run. What is not said stays.
type checkInput struct {
	Name        *string
	HeadSHA     string  `json:"head_sha"`
	DetailsURL  *string `json:"details_url"`
	ExternalID  *string `json:"external_id"`
	Status      *string
	Conclusion  *string
	StartedAt   *time.Time `json:"started_at"`
	CompletedAt *time.Time `json:"completed_at"`
	Output      *struct {
		Title, Summary string
		Text           *string
		Annotations    []Annotation
	}
}

func createCheckRun(c *call) answer {
	var in checkInput
	if !c.decode(&in) {
		return unreadable()
	}
	if in.Name == nil || *in.Name == "" {
		return invalid("Invalid request.\n\n\"name\" wasn't supplied.", "CheckRun", "name", "missing_field")
	}
	if c.repo.objects.commits[in.HeadSHA] == nil {
		return refuse(http.StatusUnprocessableEntity, "No commit found for SHA: "+in.HeadSHA)
	}
	run := &checkRun{app: c.who.app, suite: c.repo.suiteOf(c.who.app, in.HeadSHA), started: c.g.now(),
		CheckRun: CheckRun{App: c.who.app.Slug, SHA: in.HeadSHA, Status: "queued", DetailsURL: c.g.URL}}
	if refusal := run.set(c, in); refusal != nil {
		return *refusal
	}
	run.ID = c.g.id()
	c.repo.checks = append(c.repo.checks, run)
	c.g.tell(c.repo, c.who.actor(), "check_run", object{"action": "created", "check_run": run.json(c.repo)})
	return made(run.json(c.repo))
}

// set does what is asked, or says what is wrong and does nothing.
func (run *checkRun) set(c *call, in checkInput) *answer {
	refuseWith := func(message string) *answer { a := refuse(http.StatusUnprocessableEntity, message); return &a }
	if o := in.Output; o != nil {
		switch {
		case len(o.Annotations) > annotationsMax:
			return refuseWith(fmt.Sprintf("Invalid request.\n\nNo more than %d items are allowed; %d were supplied.", annotationsMax, len(o.Annotations)))
		case len([]rune(o.Summary)) > outputMax || o.Text != nil && len([]rune(*o.Text)) > outputMax:
			return refuseWith(fmt.Sprintf("Invalid request.\n\nOnly %d characters are allowed.", outputMax))
		case o.Title == "" || o.Summary == "":
			return refuseWith("Invalid request.\n\n\"title\", \"summary\" weren't supplied.")
		}
		for _, a := range o.Annotations {
			if a.Path == "" || a.Message == "" || a.StartLine < 1 || a.EndLine < a.StartLine || !slices.Contains([]string{"notice", "warning", "failure"}, a.Level) {
				return refuseWith("Invalid request.\n\nAn annotation has no path, lines, level or message.")
			}
		}
	}
	if in.Status != nil && *in.Status == "completed" && in.Conclusion == nil && run.Conclusion == "" {
		return refuseWith("Invalid request.\n\n\"conclusion\" wasn't supplied.")
	}
	run.apply(c, in)
	return nil
}

func (run *checkRun) apply(c *call, in checkInput) {
	for to, from := range map[*string]*string{&run.Name: in.Name, &run.DetailsURL: in.DetailsURL, &run.ExternalID: in.ExternalID} {
		if from != nil {
			*to = *from
		}
	}
	if in.StartedAt != nil {
		run.started = *in.StartedAt
	}
	switch {
	case in.Conclusion != nil:
		run.Status, run.Conclusion, run.ended = "completed", *in.Conclusion, c.g.now()
		if in.CompletedAt != nil {
			run.ended = *in.CompletedAt
		}
	case in.Status != nil && *in.Status != "completed":
		run.Status, run.Conclusion, run.ended = *in.Status, "", time.Time{}
	}
	if o := in.Output; o != nil {
		run.Title, run.Summary = o.Title, o.Summary
		if o.Text != nil {
			run.Text = *o.Text
		}
		run.Annotations = append(run.Annotations, o.Annotations...) // GitHub appends, and takes none away
	}
}

func onCheckRun(f func(*call, *checkRun) answer) func(*call) answer {
	return func(c *call) answer {
		i := slices.IndexFunc(c.repo.checks, func(run *checkRun) bool { return run.ID == c.number("check_run_id") })
		if i < 0 {
			return notFound()
		}
		return f(c, c.repo.checks[i])
	}
}

func getCheckRun(c *call, run *checkRun) answer { return ok(run.json(c.repo)) }

func updateCheckRun(c *call, run *checkRun) answer {
	var in checkInput
	if !c.decode(&in) {
		return unreadable()
	}
	if run.app != c.who.app {
		return refuse(http.StatusForbidden, "Invalid app_id `"+itoa(int(c.who.app.ID))+"` - check run can only be modified by the GitHub App that created it.")
	}
	was := run.Status
	if refusal := run.set(c, in); refusal != nil {
		return *refusal
	}
	if run.Status == "completed" && was != "completed" {
		c.g.tell(c.repo, c.who.actor(), "check_run", object{"action": "completed", "check_run": run.json(c.repo)})
	}
	return ok(run.json(c.repo))
}

func listAnnotations(c *call, run *checkRun) answer {
	return ok(list(page(c, run.Annotations), func(a Annotation) object { return a.json(c.repo, run.SHA) }))
}

// listCheckRuns lists the newest of each name first, or all.
func listCheckRuns(c *call) answer {
	at := c.repo.resolve(c.params["ref"])
	if at == nil {
		return refuse(http.StatusUnprocessableEntity, "No commit found for SHA: "+c.params["ref"])
	}
	q := c.query
	var all []*checkRun
	type key struct {
		app  *App
		name string
	}
	seen := map[key]bool{}
	for _, run := range slices.Backward(c.repo.checks) {
		k := key{run.app, run.Name}
		if run.SHA != at.sha || q.Get("filter") != "all" && seen[k] {
			continue
		}
		seen[k] = true
		if is(q.Get("check_name"), run.Name) && is(q.Get("status"), run.Status) && is(q.Get("app_id"), itoa(int(run.app.ID))) {
			all = append(all, run)
		}
	}
	return ok(object{"total_count": len(all), "check_runs": list(page(c, all), func(run *checkRun) object { return run.json(c.repo) })})
}
