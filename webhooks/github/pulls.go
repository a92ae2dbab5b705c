package github

import (
	"context"
	"fmt"
	"net/http"
	"time"

	sdk "github.com/google/go-github/v60/github"

	"github.com/mainstaydb/mainstay/webhooks"
)

// PullRequest implements webhooks.GitHub.
func (c *Client) PullRequest(ctx context.Context, r webhooks.Repository, number int) (webhooks.PullRequest, error) {
	ctx, err := begin(ctx, r)
	if err != nil {
		return webhooks.PullRequest{}, err
	}
	p, _, err := c.api.PullRequests.Get(ctx, r.Owner, r.Name, number)
	if err != nil {
		return webhooks.PullRequest{}, explain(ctx, err, fmt.Sprintf("look at pull request %s#%d", r, number))
	}
	pull := c.pull(p)
	if pull.Author, err = c.named(ctx, p.User); err == nil && pull.Merged && p.MergedBy != nil {
		pull.MergedBy, err = c.named(ctx, p.MergedBy)
	}
	return pull, err
}

// OpenPullRequests implements webhooks.GitHub. Authors have their logins for names.
func (c *Client) OpenPullRequests(ctx context.Context, r webhooks.Repository, base string) ([]webhooks.PullRequest, error) {
	ctx, err := begin(ctx, r)
	if err != nil {
		return nil, err
	}
	// The oldest first: what is opened while pages are read comes on the last.
	found, err := c.list(ctx, r, sdk.PullRequestListOptions{State: "open", Base: base, Sort: "created", Direction: "asc"}, nil)
	if err != nil {
		return nil, explain(ctx, err, fmt.Sprintf("list the open pull requests of %s into %s", r, base))
	}
	var all []webhooks.PullRequest
	for _, p := range found {
		all = append(all, c.pull(p))
	}
	return all, nil
}

// ClosedSince implements webhooks.GitHub. Those that were merged are looked at one by
// one, as lists do not tell who merged.
func (c *Client) ClosedSince(ctx context.Context, r webhooks.Repository, base string, since time.Time) ([]webhooks.PullRequest, error) {
	ctx, err := begin(ctx, r)
	if err != nil {
		return nil, err
	}
	// Closing updates, so those that were closed since are in front.
	older := func(page []*sdk.PullRequest) bool {
		return len(page) > 0 && page[len(page)-1].GetUpdatedAt().Before(since)
	}
	found, err := c.list(ctx, r, sdk.PullRequestListOptions{State: "closed", Base: base, Sort: "updated", Direction: "desc"}, older)
	if err != nil {
		return nil, explain(ctx, err, fmt.Sprintf("list the pull requests of %s into %s that were closed", r, base))
	}
	var all []webhooks.PullRequest
	for _, p := range found {
		if p.GetClosedAt().Before(since) {
			continue
		}
		pull := c.pull(p)
		if pull.Merged {
			if pull, err = c.PullRequest(ctx, r, pull.Number); err != nil {
				return nil, err
			}
		}
		all = append(all, pull)
	}
	return all, nil
}

// list lists pull requests. One that moves to another page while they are read is
// listed once.
func (c *Client) list(ctx context.Context, r webhooks.Repository, opts sdk.PullRequestListOptions, enough func([]*sdk.PullRequest) bool) ([]*sdk.PullRequest, error) {
	found, err := pages(func(p sdk.ListOptions) ([]*sdk.PullRequest, *sdk.Response, error) {
		opts.ListOptions = p
		return c.api.PullRequests.List(ctx, r.Owner, r.Name, &opts)
	}, enough)
	seen := map[int]bool{}
	var once []*sdk.PullRequest
	for _, p := range found {
		if !seen[p.GetNumber()] {
			seen[p.GetNumber()] = true
			once = append(once, p)
		}
	}
	return once, err
}

func (c *Client) pull(p *sdk.PullRequest) webhooks.PullRequest {
	pull := webhooks.PullRequest{
		Number: p.GetNumber(), State: p.GetState(), Merged: p.GetMerged() || p.MergedAt != nil, Draft: p.GetDraft(),
		Title: p.GetTitle(), Body: p.GetBody(), Author: c.person(p.User), URL: p.GetHTMLURL(),
		Base: p.GetBase().GetRef(), BaseSHA: p.GetBase().GetSHA(), Head: p.GetHead().GetRef(), HeadSHA: p.GetHead().GetSHA(),
		UpdatedAt: p.GetUpdatedAt().Time,
	}
	// A fork that was deleted is no repository any more.
	pull.Fork = p.GetHead().GetRepo().GetID() != p.GetBase().GetRepo().GetID()
	if pull.Merged {
		// Before, it is the commit by which GitHub tries whether it could be merged.
		pull.MergeCommit = p.GetMergeCommitSHA()
		if p.MergedBy != nil {
			pull.MergedBy = c.person(p.MergedBy)
		}
	}
	return pull
}

// OpenPullRequest implements webhooks.GitHub.
func (c *Client) OpenPullRequest(ctx context.Context, r webhooks.Repository, title, body, head, base string) (webhooks.PullRequest, error) {
	doing := fmt.Sprintf("open a pull request for %s on %s", head, r)
	ctx, err := begin(ctx, r)
	if err != nil {
		return webhooks.PullRequest{}, explain(ctx, err, doing)
	}
	end, err := c.turns.take(ctx, "pull "+r.String()+" "+head)
	if err != nil {
		return webhooks.PullRequest{}, explain(ctx, err, doing)
	}
	defer end()
	var pull webhooks.PullRequest
	err = settle(ctx, func() error {
		found, err := c.proposed(ctx, r, head, base)
		if err == nil && found == nil {
			found, _, err = c.api.PullRequests.Create(ctx, r.Owner, r.Name, &sdk.NewPullRequest{
				Title: &title, Head: &head, Base: &base, Body: sdk.String(cut(body, bodyLength, "")),
			})
			if statusOf(err) == http.StatusUnprocessableEntity { // somebody else was faster, or it is refused
				if there, lookErr := c.proposed(ctx, r, head, base); lookErr == nil && there != nil {
					found, err = there, nil
				}
			}
		}
		if err == nil {
			pull = c.pull(found)
		}
		return explain(ctx, err, doing)
	})
	return pull, err
}

// proposed is the open pull request of a branch; nil: there is none.
func (c *Client) proposed(ctx context.Context, r webhooks.Repository, head, base string) (*sdk.PullRequest, error) {
	found, _, err := c.api.PullRequests.List(ctx, r.Owner, r.Name, &sdk.PullRequestListOptions{State: "open", Head: r.Owner + ":" + head, Base: base})
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		// GitHub does not filter by a head that it cannot make sense of.
		if p.GetHead().GetRef() == head && p.GetBase().GetRef() == base {
			return p, nil
		}
	}
	return nil, nil
}

// MergeBase implements webhooks.GitHub. The answer can never change.
func (c *Client) MergeBase(ctx context.Context, r webhooks.Repository, base, head string) (string, error) {
	doing := fmt.Sprintf("find what %.12s and %.12s of %s have in common", base, head, r)
	ctx, err := begin(ctx, r, base, head)
	if err != nil {
		return "", explain(ctx, err, doing)
	}
	found, _, err := c.api.Repositories.CompareCommits(keep(ctx, forever), r.Owner, r.Name, base, head, &sdk.ListOptions{PerPage: 1})
	if err != nil {
		return "", explain(ctx, err, doing)
	}
	if sha := found.GetMergeBaseCommit().GetSHA(); sha != "" {
		return sha, nil
	}
	return "", explain(ctx, unfit("the two have no commit in common"), doing)
}

// Head implements webhooks.GitHub.
func (c *Client) Head(ctx context.Context, r webhooks.Repository, branch string) (string, error) {
	doing := fmt.Sprintf("find where the branch %s of %s is", branch, r)
	ctx, err := begin(ctx, r)
	if err != nil {
		return "", explain(ctx, err, doing)
	}
	if err := checkBranch(branch); err != nil {
		return "", explain(ctx, err, doing)
	}
	ref, _, err := c.api.Git.GetRef(ctx, r.Owner, r.Name, "heads/"+branch)
	if err != nil {
		return "", explain(ctx, err, doing)
	}
	return ref.GetObject().GetSHA(), nil
}
