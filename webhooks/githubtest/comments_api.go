package githubtest

import (
	"net/http"
	"slices"
	"unicode/utf8"
)

// commentMax is GitHub's limit of a comment, in characters.
const commentMax = 65536

func listComments(c *call, pr *PullRequest) answer {
	return ok(list(page(c, c.comments(pr.Number)), func(one *comment) object { return one.json(c.repo) }))
}

func listAllComments(c *call) answer {
	all := c.comments(0)
	by, descending := c.query.Get("sort"), c.query.Get("direction") == "desc"
	slices.SortStableFunc(all, func(a, b *comment) int {
		order := a.made.Compare(b.made)
		if by == "updated" {
			order = a.updated.Compare(b.updated)
		}
		if descending {
			return -order
		}
		return order
	})
	return ok(list(page(c, all), func(one *comment) object { return one.json(c.repo) }))
}

// comments are those that were written or changed since the moment that is asked for;
// pull 0: of all.
func (c *call) comments(pull int) []*comment {
	var all []*comment
	for _, one := range c.repo.comment {
		if (pull == 0 || one.pull == pull) && !one.updated.Before(c.since()) {
			all = append(all, one)
		}
	}
	return all
}

// written reads the body of a comment.
func (c *call) written() (string, *answer) {
	var in struct{ Body string }
	if !c.decode(&in) {
		a := unreadable()
		return "", &a
	}
	switch {
	case in.Body == "":
		a := invalid("Validation Failed", "IssueComment", "data", "unprocessable")
		return "", &a
	case utf8.RuneCountInString(in.Body) > commentMax:
		a := invalid("Validation Failed: Body is too long (maximum is 65536 characters)", "IssueComment", "body", "unprocessable")
		return "", &a
	}
	return in.Body, nil
}

func createComment(c *call, pr *PullRequest) answer {
	body, refusal := c.written()
	if refusal != nil {
		return *refusal
	}
	return made(pr.say(c.who.actor(), c.who.app, body).json(c.repo))
}

func onComment(f func(*call, *comment) answer) func(*call) answer {
	return func(c *call) answer {
		one := c.repo.commentOf(c.number("comment_id"))
		if one == nil {
			return notFound()
		}
		return f(c, one)
	}
}

func getComment(c *call, one *comment) answer { return ok(one.json(c.repo)) }

func updateComment(c *call, one *comment) answer {
	if !c.mayEdit(one) {
		return refuse(http.StatusForbidden, "Unauthorized")
	}
	body, refusal := c.written()
	if refusal != nil {
		return *refusal
	}
	c.repo.edit(c.who.actor(), one, body)
	return ok(one.json(c.repo))
}

func deleteComment(c *call, one *comment) answer {
	if !c.mayEdit(one) {
		return refuse(http.StatusForbidden, "Unauthorized")
	}
	c.repo.comment = slices.DeleteFunc(c.repo.comment, func(other *comment) bool { return other == one })
	c.repo.tellComment(c.who.actor(), one, "deleted", nil)
	return gone()
}

// mayEdit: one's own, or anybody's for those who write to the repository.
func (c *call) mayEdit(one *comment) bool {
	return c.who.app != nil || c.who.person == one.by || c.repo.level(c.who.person.Login).writes()
}
