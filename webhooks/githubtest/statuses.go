package githubtest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// A Status is one of a commit: what those have who cannot make check runs.
type Status struct{ Context, State, Description, URL, By string }

type status struct {
	Status
	id   int64
	sha  string
	by   *Person
	made time.Time
}

// Statuses are those of a commit, oldest first.
func (r *Repository) Statuses(sha string) []Status {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	var all []Status
	for _, s := range r.states {
		if s.sha == sha {
			all = append(all, s.Status)
		}
	}
	return all
}

func (s *status) json(r *Repository) object {
	return object{"url": r.api("/statuses/" + s.sha), "avatar_url": r.g.URL + "/avatars/" + s.By, "id": s.id, "node_id": node("SC", s.id), "state": s.State,
		"description": orNull(s.Description), "target_url": orNull(s.URL), "context": s.Context, "created_at": stamp(s.made), "updated_at": stamp(s.made)}
}

func (s *status) full(r *Repository) object {
	o := s.json(r)
	o["creator"] = r.g.user(s.by)
	return o
}

func createStatus(c *call) answer {
	in := struct {
		State, Description, Context string
		URL                         string `json:"target_url"`
	}{Context: "default"}
	if !c.decode(&in) {
		return unreadable()
	}
	if c.repo.objects.commits[c.params["sha"]] == nil {
		return refuse(http.StatusUnprocessableEntity, "No commit found for SHA: "+c.params["sha"])
	}
	if !strings.Contains(" error failure pending success ", " "+in.State+" ") {
		return invalid("Validation Failed", "Status", "state", "custom")
	}
	by := c.who.actor()
	s := &status{id: c.g.id(), sha: c.params["sha"], by: by, made: c.g.now(), Status: Status{in.Context, in.State, in.Description, in.URL, by.Login}}
	c.repo.states = append(c.repo.states, s)
	c.g.tell(c.repo, by, "status", object{"id": s.id, "sha": s.sha, "name": c.repo.fullName(), "context": s.Context, "state": s.State,
		"description": orNull(s.Description), "target_url": orNull(s.URL), "created_at": stamp(s.made), "updated_at": stamp(s.made), "avatar_url": c.g.URL + "/avatars/" + by.Login,
		"branches": []object{}, "commit": c.repo.commit(c.repo.objects.commits[s.sha])})
	return made(s.full(c.repo))
}

// statusesOf are the newest first; latest: one of each context.
func (r *Repository) statusesOf(sha string, latest bool) []*status {
	var all []*status
	for _, s := range slices.Backward(r.states) {
		has := slices.ContainsFunc(all, func(other *status) bool { return other.Context == s.Context })
		if s.sha == sha && !(latest && has) {
			all = append(all, s)
		}
	}
	return all
}

func listStatuses(c *call) answer {
	at := c.repo.resolve(c.params["ref"])
	if at == nil {
		return notFound()
	}
	return ok(list(page(c, c.repo.statusesOf(at.sha, false)), func(s *status) object { return s.full(c.repo) }))
}

func getCombined(c *call) answer {
	at := c.repo.resolve(c.params["ref"])
	if at == nil {
		return notFound()
	}
	all := c.repo.statusesOf(at.sha, true)
	state := "success"
	for _, s := range all {
		switch {
		case s.State == "error" || s.State == "failure":
			state = "failure"
		case s.State == "pending" && state == "success":
			state = "pending"
		}
	}
	if len(all) == 0 {
		state = "pending"
	}
	return ok(object{"state": state, "statuses": list(page(c, all), func(s *status) object { return s.json(c.repo) }), "sha": at.sha, "total_count": len(all),
		"repository": c.repo.json(), "commit_url": c.repo.api("/commits/" + at.sha), "url": c.repo.api("/commits/" + at.sha + "/status")})
}
