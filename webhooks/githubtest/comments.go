package githubtest

import (
	"slices"
	"time"
)

// A Comment is one in a pull request's conversation.
type Comment struct {
	ID               int64
	By               string
	Body             string
	Created, Updated time.Time
}

type comment struct {
	id            int64
	pull          int
	by            *Person
	app           *App // that it was written by
	body          string
	made, updated time.Time
}

// Comment writes in its conversation.
func (pr *PullRequest) Comment(by, body string) int64 {
	pr.g.mu.Lock()
	defer pr.g.mu.Unlock()
	return pr.say(pr.g.person(by), nil, body).id
}

// EditComment changes what somebody wrote.
func (pr *PullRequest) EditComment(by string, id int64, body string) {
	pr.g.mu.Lock()
	defer pr.g.mu.Unlock()
	if c := pr.repo.commentOf(id); c != nil {
		pr.repo.edit(pr.g.person(by), c, body)
	}
}

// Comments are its conversation, oldest first.
func (pr *PullRequest) Comments() []Comment {
	pr.g.mu.Lock()
	defer pr.g.mu.Unlock()
	var all []Comment
	for _, c := range pr.repo.conversation(pr.Number) {
		all = append(all, Comment{c.id, c.by.Login, c.body, c.made, c.updated})
	}
	return all
}

func (r *Repository) conversation(pull int) []*comment {
	var all []*comment
	for _, c := range r.comment {
		if c.pull == pull {
			all = append(all, c)
		}
	}
	return all
}

func (pr *PullRequest) say(by *Person, app *App, body string) *comment {
	c := &comment{id: pr.g.id(), pull: pr.Number, by: by, app: app, body: body, made: pr.g.now(), updated: pr.g.now()}
	pr.repo.comment = append(pr.repo.comment, c)
	pr.updated = pr.g.now()
	pr.repo.tellComment(by, c, "created", nil)
	return c
}

func (r *Repository) edit(by *Person, c *comment, body string) {
	was := c.body
	c.body, c.updated = body, r.g.now()
	r.tellComment(by, c, "edited", object{"body": object{"from": was}})
}

func (r *Repository) commentOf(id int64) *comment {
	i := slices.IndexFunc(r.comment, func(c *comment) bool { return c.id == id })
	if i < 0 {
		return nil
	}
	return r.comment[i]
}

// tellComment sends the event. GitHub tells of a pull request as of an issue here.
func (r *Repository) tellComment(by *Person, c *comment, action string, changes object) {
	pr := r.pulls[c.pull-1]
	n := itoa(c.pull)
	issue := object{"id": pr.id, "node_id": node("I", pr.id), "number": c.pull, "title": pr.title, "state": pr.state, "user": r.g.user(pr.author),
		"body": orNull(pr.body), "url": r.api("/issues/" + n), "repository_url": r.api(""), "labels_url": r.api("/issues/" + n + "/labels{/name}"),
		"events_url": r.api("/issues/" + n + "/events"), "milestone": nil, "assignee": nil, "active_lock_reason": nil, "author_association": "COLLABORATOR",
		"comments": len(r.conversation(c.pull)), "reactions": reactions(r.api("/issues/" + n)), "html_url": r.html("/pull/" + n), "comments_url": r.api("/issues/" + n + "/comments"),
		"labels": []object{}, "assignees": []object{}, "locked": false, "draft": pr.draft, "created_at": stamp(pr.made), "updated_at": stamp(pr.updated),
		"closed_at": stampOrNull(pr.closed), "pull_request": object{"url": r.api("/pulls/" + n), "html_url": r.html("/pull/" + n),
			"diff_url": r.html("/pull/" + n + ".diff"), "patch_url": r.html("/pull/" + n + ".patch"), "merged_at": stampOrNull(pr.merged)}}
	e := object{"action": action, "issue": issue, "comment": c.json(r)}
	if changes != nil {
		e["changes"] = changes
	}
	r.g.tell(r, by, "issue_comment", e)
}

func (c *comment) json(r *Repository) object {
	id := itoa(int(c.id))
	o := object{"id": c.id, "node_id": node("IC", c.id), "url": r.api("/issues/comments/" + id), "body": c.body,
		"html_url": r.html("/pull/" + itoa(c.pull) + "#issuecomment-" + id), "user": r.g.user(c.by), "created_at": stamp(c.made), "updated_at": stamp(c.updated),
		"issue_url": r.api("/issues/" + itoa(c.pull)), "author_association": "COLLABORATOR", "performed_via_github_app": nil,
		"reactions": reactions(r.api("/issues/comments/" + id))}
	if c.app != nil {
		o["performed_via_github_app"] = c.app.json(r.g)
	}
	return o
}

// reactions are those to something: there are none here.
func reactions(of string) object {
	o := object{"url": of + "/reactions", "total_count": 0}
	for _, kind := range []string{"+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"} {
		o[kind] = 0
	}
	return o
}
