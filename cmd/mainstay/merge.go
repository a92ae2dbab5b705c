package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/specs/proposals"
	"github.com/mainstaydb/mainstay/specs/repo"
)

// mergeProposal merges what was reviewed and nothing else: the checks and the plan
// are made again on the very root that is pushed, as often as somebody else pushes
// first. Reviewed is nil when the branch was in main already.
func (c *client) mergeProposal(
	ctx context.Context, p proposals.Proposal, book *proposals.Book, o prMergeOptions,
) (*repo.Merged, *reviewed, error) {
	shown := c.shownPlan(ctx, p, book, o)
	var last *reviewed
	done, err := c.MergeChecked(ctx, repo.MergeOptions{
		Branch: p.Branch, Into: p.Base, Resolve: o.side(), Tests: true, Author: o.author,
		Approve: func(m *repo.Merged) (string, error) {
			r, err := c.judgeMerge(ctx, p, book, m, o.ack)
			if err != nil {
				return "", err
			}
			last = r
			if err := refuseMerge(p, r, shown, o.acceptPlan); err != nil {
				return "", err
			}
			return proposals.Message(p, r.plan.Hash), nil
		},
	})
	if err != nil {
		// Not kept as what was shown: the same command again must not go through.
		return nil, last, err
	}
	if done.Commit == "" {
		commit, err := c.mergedAs(ctx, p)
		if err != nil {
			return nil, nil, err
		}
		done.Commit = commit
		return done, nil, c.end(ctx, p.ID, proposals.Merged, done.Head, commit, c.author.Email)
	}
	if err := c.endMerged(ctx, p, last, done, o.ack); err != nil {
		return nil, nil, fmt.Errorf("the merge is on main as %s, but its proposal still says open; mainstay pr merge %d again mends that: %w",
			view.Short(done.Commit), p.ID, err)
	}
	return done, last, nil
}

func (o prMergeOptions) side() repo.Side {
	switch {
	case o.ours:
		return repo.Ours
	case o.theirs:
		return repo.Theirs
	}
	return ""
}

// shownPlan is the plan that a person has agreed to: the one that was named, or the
// one that was shown last for what the branch is now. Empty: none was.
func (c *client) shownPlan(ctx context.Context, p proposals.Proposal, book *proposals.Book, o prMergeOptions) string {
	if o.plan != "" {
		return o.plan
	}
	head, err := c.Resolve(ctx, p.Branch)
	if verdict, ok := book.Verdicts[p.ID]; ok && err == nil && verdict.Head == head && o.side() == "" {
		return verdict.PlanHash
	}
	return ""
}

// refuseMerge says why a proposal may not be merged as it is.
func refuseMerge(p proposals.Proposal, r *reviewed, shown string, acceptNew bool) error {
	if !r.report.Passed() {
		return refusef("proposal #%d is not merged: a check refuses it; change the branch with: mainstay sql -b %s \"…\"", p.ID, p.Branch)
	}
	if open := r.report.Unacknowledged(); len(open) > 0 {
		return refusef("proposal #%d is not merged: somebody must accept what is warned of; if it is meant: mainstay pr merge %[1]d --ack %s", p.ID, open[0].Check)
	}
	if shown != "" && shown != r.plan.Hash && !acceptNew {
		return refusef("proposal #%d is not merged: the plan that was shown was %s and now it is %s; look at it again, and merge with --plan %[3]s or --accept-new-plan",
			p.ID, shown, r.plan.Hash)
	}
	return nil
}

// endMerged records the end of a proposal with what was accepted on the way.
func (c *client) endMerged(ctx context.Context, p proposals.Proposal, r *reviewed, done *repo.Merged, ack []string) error {
	verdict, err := r.verdict(p.ID)
	if err != nil {
		return err
	}
	now := time.Now()
	return c.save(ctx, fmt.Sprintf("#%d is merged", p.ID), func(book *proposals.Book) ([]repo.Edit, error) {
		current := book.Proposals[p.ID]
		current.State, current.MergedCommit, current.Head = proposals.Merged, done.Commit, done.Head
		current.EndedBy, current.EndedAt = c.author.Email, now
		edits := []repo.Edit{put(proposals.TableProposals, current.Row()), put(proposals.TableChecks, verdict.Row())}
		for _, check := range ack {
			if ci.NeedsAcknowledgement(check) {
				a := proposals.Acknowledgement{Proposal: p.ID, Head: done.Head, Check: check, Person: c.author.Email, At: now}
				edits = append(edits, put(proposals.TableAcknowledgements, a.Row()))
			}
		}
		return edits, nil
	})
}

// mergedAs finds the commit of main that merged a proposal whose end was not
// recorded, as after a kill between the two pushes; the branch's head where it was
// merged by other means.
func (c *client) mergedAs(ctx context.Context, p proposals.Proposal) (string, error) {
	entries, err := c.Log(ctx, p.Base, repo.LogOptions{Limit: recentMerges})
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if id, _ := proposals.ParseMessage(e.Message); id == p.ID {
			return e.Commit, nil
		}
	}
	return c.Resolve(ctx, p.Branch)
}

// recentMerges is how far back a merge is looked for whose end was not recorded: it
// was interrupted moments ago.
const recentMerges = 200
