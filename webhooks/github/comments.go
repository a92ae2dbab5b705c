package github

import (
	"context"
	"fmt"
	"strings"
	"time"

	sdk "github.com/google/go-github/v60/github"

	"github.com/mainstaydb/mainstay/webhooks"
)

// PutComment implements webhooks.GitHub. Only a comment of our own is taken for the
// one: whoever can comment could write the mark, and would then own what we say.
// Should there be two, made by two processes at once, the later goes.
func (c *Client) PutComment(ctx context.Context, r webhooks.Repository, number int, mark, body string) error {
	return c.comment(ctx, r, number, mark, body, func(ctx context.Context, ours []*sdk.IssueComment, text string) error {
		for _, extra := range ours[1:] {
			if _, err := c.api.Issues.DeleteComment(ctx, r.Owner, r.Name, extra.GetID()); err != nil && statusOf(err) != 404 {
				return err
			}
		}
		if same(ours[0].GetBody(), text) {
			return nil
		}
		_, _, err := c.api.Issues.EditComment(repeatable(ctx), r.Owner, r.Name, ours[0].GetID(), &sdk.IssueComment{Body: &text})
		return err
	})
}

// AddComment implements webhooks.GitHub.
func (c *Client) AddComment(ctx context.Context, r webhooks.Repository, number int, mark, body string) error {
	return c.comment(ctx, r, number, mark, body, func(context.Context, []*sdk.IssueComment, string) error { return nil })
}

// comment makes a comment with a mark, or does something with those of ours that are
// there.
func (c *Client) comment(ctx context.Context, r webhooks.Repository, number int, mark, body string, there func(context.Context, []*sdk.IssueComment, string) error) error {
	doing := fmt.Sprintf("comment on %s#%d", r, number)
	ctx, err := begin(ctx, r)
	if err != nil {
		return explain(ctx, err, doing)
	}
	if mark, err = hidden(mark); err != nil {
		return explain(ctx, err, doing)
	}
	end, err := c.turns.take(ctx, fmt.Sprintf("comment %s#%d", r, number))
	if err != nil {
		return explain(ctx, err, doing)
	}
	defer end()
	text := marked(mark, body)
	return settle(ctx, func() error {
		ours, err := c.ours(ctx, r, number, mark)
		switch {
		case err != nil:
		case len(ours) > 0:
			err = there(ctx, ours, text)
		default:
			_, _, err = c.api.Issues.CreateComment(ctx, r.Owner, r.Name, number, &sdk.IssueComment{Body: &text})
		}
		return explain(ctx, err, doing)
	})
}

// ours are our comments that begin with a mark, as we write it, the oldest first. Who
// owns a personal token may also quote one.
func (c *Client) ours(ctx context.Context, r webhooks.Repository, number int, mark string) ([]*sdk.IssueComment, error) {
	self, err := c.self(ctx)
	if err != nil {
		return nil, err
	}
	all, err := c.listComments(ctx, r, number, nil)
	if err != nil {
		return nil, err
	}
	var ours []*sdk.IssueComment
	for _, each := range all {
		if strings.EqualFold(each.GetUser().GetLogin(), self.login) && strings.HasPrefix(strings.TrimSpace(each.GetBody()), mark) {
			ours = append(ours, each)
		}
	}
	return ours, nil
}

// Comments implements webhooks.GitHub: those that were made since, the oldest first.
func (c *Client) Comments(ctx context.Context, r webhooks.Repository, number int, since time.Time) ([]webhooks.Comment, error) {
	doing := fmt.Sprintf("read the comments of %s#%d", r, number)
	ctx, err := begin(ctx, r)
	if err != nil {
		return nil, explain(ctx, err, doing)
	}
	found, err := c.listComments(ctx, r, number, &since)
	if err != nil {
		return nil, explain(ctx, err, doing)
	}
	var all []webhooks.Comment
	for _, each := range found {
		// GitHub's "since" is about edits too.
		if created := each.GetCreatedAt().Time; !created.Before(since) {
			all = append(all, webhooks.Comment{ID: each.GetID(), Author: c.person(each.User), Body: each.GetBody(), CreatedAt: created, Edited: each.GetUpdatedAt().After(created)})
		}
	}
	return all, nil
}

func (c *Client) listComments(ctx context.Context, r webhooks.Repository, number int, since *time.Time) ([]*sdk.IssueComment, error) {
	if since != nil && since.IsZero() {
		since = nil
	}
	return pages(func(p sdk.ListOptions) ([]*sdk.IssueComment, *sdk.Response, error) {
		return c.api.Issues.ListComments(ctx, r.Owner, r.Name, number, &sdk.IssueListCommentsOptions{Since: since, ListOptions: p})
	}, nil)
}

// hidden is a mark as it stands in a comment, where only programs see it.
func hidden(mark string) (string, error) {
	inner := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(mark, "<!--"), "-->"))
	if inner == "" || strings.Contains(inner, "--") || strings.ContainsAny(inner, "<>\r\n") {
		return "", &Error{Kind: Refused, Err: fmt.Errorf("%q cannot be the mark of a comment", mark)}
	}
	if strings.HasPrefix(mark, "<!--") {
		return mark, nil
	}
	return "<!-- " + inner + " -->", nil
}

// marked puts the mark in front, where no cut loses it.
func marked(mark, body string) string {
	body = strings.TrimLeft(strings.Replace(body, mark, "", 1), "\n")
	return cut(mark+"\n"+body, bodyLength, "")
}

// same compares as GitHub keeps: it may change the ends of lines and cut white space at
// the end.
func same(a, b string) bool {
	norm := func(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }
	return norm(a) == norm(b)
}
