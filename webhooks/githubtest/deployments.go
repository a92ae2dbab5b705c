package githubtest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A DeploymentStatus is one that was told of a commit.
type DeploymentStatus struct {
	SHA, Environment   string
	State, Description string
	URL                string // of the log
	At                 time.Time
}

type deployment struct {
	id                       int64
	sha, ref, task           string
	environment, description string
	payload                  json.RawMessage
	transient, production    bool
	by                       *Person
	app                      *App
	made                     time.Time
	statuses                 []*deploymentStatus
}

type deploymentStatus struct {
	id                              int64
	state, description, target, log string
	environment, url                string
	by                              *Person
	app                             *App
	made                            time.Time
}

// DeploymentStatuses are all that were told of a commit's deployments, oldest first.
func (r *Repository) DeploymentStatuses(sha string) []DeploymentStatus {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	var all []DeploymentStatus
	for _, d := range r.deploys {
		for _, s := range d.statuses {
			if d.sha == sha {
				all = append(all, DeploymentStatus{d.sha, d.environment, s.state, s.description, s.log, s.made})
			}
		}
	}
	return all
}

// Deployments is how many deployments there are of a commit.
func (r *Repository) Deployments(sha string) int {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	n := 0
	for _, d := range r.deploys {
		if d.sha == sha {
			n++
		}
	}
	return n
}

func (d *deployment) json(r *Repository) object {
	url := r.api("/deployments/" + itoa(int(d.id)))
	o := object{"url": url, "id": d.id, "node_id": node("DE", d.id), "sha": d.sha, "ref": d.ref, "task": d.task, "payload": d.payload,
		"original_environment": d.environment, "environment": d.environment, "description": orNull(d.description), "creator": r.g.user(d.by),
		"created_at": stamp(d.made), "updated_at": stamp(d.made), "statuses_url": url + "/statuses", "repository_url": r.api(""),
		"transient_environment": d.transient, "production_environment": d.production}
	if d.app != nil {
		o["performed_via_github_app"] = d.app.json(r.g)
	}
	return o
}

func (s *deploymentStatus) json(r *Repository, d *deployment) object {
	url := r.api("/deployments/" + itoa(int(d.id)))
	o := object{"url": url + "/statuses/" + itoa(int(s.id)), "id": s.id, "node_id": node("DES", s.id), "state": s.state, "creator": r.g.user(s.by),
		"description": s.description, "environment": s.environment, "target_url": s.target, "created_at": stamp(s.made), "updated_at": stamp(s.made),
		"deployment_url": url, "repository_url": r.api(""), "environment_url": s.url, "log_url": s.log}
	if s.app != nil {
		o["performed_via_github_app"] = s.app.json(r.g)
	}
	return o
}

func createDeployment(c *call) answer {
	in := struct {
		Ref, Task, Environment, Description string
		AutoMerge                           *bool     `json:"auto_merge"`
		RequiredContexts                    *[]string `json:"required_contexts"`
		Payload                             json.RawMessage
		Transient                           bool  `json:"transient_environment"`
		Production                          *bool `json:"production_environment"`
	}{Task: "deploy", Environment: "production", Payload: json.RawMessage("{}")}
	if !c.decode(&in) {
		return unreadable()
	}
	at := c.repo.resolve(in.Ref)
	if in.Ref == "" || at == nil {
		return refuse(http.StatusUnprocessableEntity, "No ref found for: "+in.Ref)
	}
	// GitHub wants all checks of the commit to be green, unless it is told not to.
	if in.RequiredContexts == nil {
		for _, run := range c.repo.checks {
			if run.SHA == at.sha && !slices.Contains([]string{"success", "neutral", "skipped"}, run.Conclusion) {
				return refuse(http.StatusConflict, "Conflict: Commit status checks failed for "+in.Ref+".")
			}
		}
	}
	d := &deployment{id: c.g.id(), sha: at.sha, ref: in.Ref, task: in.Task, environment: in.Environment, description: in.Description, payload: in.Payload,
		transient: in.Transient, production: in.Environment == "production", by: c.who.actor(), app: c.who.app, made: c.g.now()}
	if in.Production != nil {
		d.production = *in.Production
	}
	c.repo.deploys = append(c.repo.deploys, d)
	c.g.tell(c.repo, d.by, "deployment", object{"action": "created", "deployment": d.json(c.repo), "workflow": nil, "workflow_run": nil})
	return made(d.json(c.repo))
}

func listDeployments(c *call) answer {
	q := c.query
	var all []*deployment
	for _, d := range slices.Backward(c.repo.deploys) {
		if is(q.Get("sha"), d.sha) && is(q.Get("ref"), d.ref) && is(q.Get("task"), d.task) && is(q.Get("environment"), d.environment) {
			all = append(all, d)
		}
	}
	return ok(list(page(c, all), func(d *deployment) object { return d.json(c.repo) }))
}

func onDeployment(f func(*call, *deployment) answer) func(*call) answer {
	return func(c *call) answer {
		i := slices.IndexFunc(c.repo.deploys, func(d *deployment) bool { return d.id == c.number("deployment_id") })
		if i < 0 {
			return notFound()
		}
		return f(c, c.repo.deploys[i])
	}
}

func getDeployment(c *call, d *deployment) answer { return ok(d.json(c.repo)) }

func listDeploymentStatuses(c *call, d *deployment) answer {
	newest := slices.Clone(d.statuses)
	slices.Reverse(newest)
	return ok(list(page(c, newest), func(s *deploymentStatus) object { return s.json(c.repo, d) }))
}

func createDeploymentStatus(c *call, d *deployment) answer {
	const descriptionMax = 140 // characters, GitHub's
	in := struct {
		State, Description, Environment string
		Target                          string `json:"target_url"`
		Log                             string `json:"log_url"`
		URL                             string `json:"environment_url"`
	}{Environment: d.environment}
	if !c.decode(&in) {
		return unreadable()
	}
	switch {
	case !strings.Contains(" error failure inactive in_progress queued pending success ", " "+in.State+" "):
		return invalid("Validation Failed", "DeploymentStatus", "state", "custom")
	case utf8.RuneCountInString(in.Description) > descriptionMax:
		return invalid("Validation Failed", "DeploymentStatus", "description", "custom")
	}
	if in.Log == "" {
		in.Log = in.Target // they are one and the same
	}
	s := &deploymentStatus{id: c.g.id(), state: in.State, description: in.Description, target: in.Log, log: in.Log, environment: in.Environment, url: in.URL,
		by: c.who.actor(), app: c.who.app, made: c.g.now()}
	d.statuses = append(d.statuses, s)
	c.g.tell(c.repo, s.by, "deployment_status", object{"action": "created", "deployment_status": s.json(c.repo, d), "deployment": d.json(c.repo), "check_run": nil,
		"workflow": nil, "workflow_run": nil})
	return made(s.json(c.repo, d))
}
