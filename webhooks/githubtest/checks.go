package githubtest

import (
	"slices"
	"time"
)

// A CheckRun is one as GitHub shows it.
type CheckRun struct {
	ID                   int64
	App                  string // slug
	Name, SHA            string
	Status, Conclusion   string
	Title, Summary, Text string
	DetailsURL           string
	ExternalID           string
	Annotations          []Annotation
}

// An Annotation is a remark on lines of a file.
type Annotation struct {
	Path      string `json:"path"`
	StartLine int    `json:"start_line"`
	EndLine   int    `json:"end_line"`
	StartCol  *int   `json:"start_column"`
	EndCol    *int   `json:"end_column"`
	Level     string `json:"annotation_level"`
	Message   string `json:"message"`
	Title     string `json:"title"`
	Details   string `json:"raw_details"`
}

type checkRun struct {
	CheckRun
	suite          int64
	app            *App
	started, ended time.Time
}

// CheckRuns are those of a commit, oldest first. The same name twice is two: GitHub
// makes another with every POST.
func (r *Repository) CheckRuns(sha string) []CheckRun {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	var all []CheckRun
	for _, run := range r.checks {
		if run.SHA == sha {
			one := run.CheckRun
			one.Annotations = slices.Clone(one.Annotations)
			all = append(all, one)
		}
	}
	return all
}

// Rerequest has somebody press "Re-run" at a check run.
func (r *Repository) Rerequest(by string, id int64) {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	for _, run := range r.checks {
		if run.ID == id {
			r.g.tell(r, r.g.person(by), "check_run", object{"action": "rerequested", "check_run": run.json(r)})
		}
	}
}

// suiteOf is the suite of an App's check runs of a commit.
func (r *Repository) suiteOf(app *App, sha string) int64 {
	for _, run := range r.checks {
		if run.app == app && run.SHA == sha {
			return run.suite
		}
	}
	return r.g.id()
}

func (run *checkRun) json(r *Repository) object {
	url := r.api("/check-runs/" + itoa(int(run.ID)))
	o := object{"id": run.ID, "head_sha": run.SHA, "node_id": node("CR", run.ID), "external_id": run.ExternalID, "url": url,
		"html_url": r.html("/runs/" + itoa(int(run.ID))), "details_url": run.DetailsURL, "status": run.Status, "conclusion": orNull(run.Conclusion),
		"started_at": stampOrNull(run.started), "completed_at": stampOrNull(run.ended), "name": run.Name, "check_suite": object{"id": run.suite},
		"app": run.app.json(r.g), "pull_requests": run.pulls(r), "output": object{"title": orNull(run.Title), "summary": orNull(run.Summary),
			"text": orNull(run.Text), "annotations_count": len(run.Annotations), "annotations_url": url + "/annotations"}}
	return o
}

// pulls are those whose head it is about, of the repository itself: GitHub tells of
// none that comes from a fork.
func (run *checkRun) pulls(r *Repository) []object {
	all := []object{}
	for _, pr := range r.pulls {
		if pr.headSHA != run.SHA || pr.headRepo != r || pr.state != open {
			continue
		}
		end := func(branch, sha string) object {
			return object{"ref": branch, "sha": sha, "repo": object{"id": r.id, "url": r.api(""), "name": r.Name}}
		}
		all = append(all, object{"id": pr.id, "number": pr.Number, "url": r.api("/pulls/" + itoa(pr.Number)), "head": end(pr.Branch, pr.headSHA),
			"base": end(pr.base, pr.baseSHA)})
	}
	return all
}

func (a Annotation) json(r *Repository, sha string) object {
	return object{"path": a.Path, "start_line": a.StartLine, "end_line": a.EndLine, "start_column": a.StartCol, "end_column": a.EndCol,
		"annotation_level": a.Level, "title": orNull(a.Title), "message": a.Message, "raw_details": orNull(a.Details), "blob_href": r.html("/blob/" + sha + "/" + a.Path)}
}
