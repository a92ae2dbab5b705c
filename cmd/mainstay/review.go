package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/proposals"
	"github.com/mainstaydb/mainstay/specs/repo"
)

// A reviewed is everything that is known of a proposal at one moment.
type reviewed struct {
	merged  *repo.Merged
	base    *specs.Snapshot // of main, as far as the change can see it
	report  ci.Report
	plan    view.Plan
	cells   []specs.CellChange
	approve []string // who approved this head
}

// passed says whether the proposal may be merged as it is.
func (r *reviewed) passed() bool { return r.report.Passed() && len(r.report.Unacknowledged()) == 0 }

// review judges what merging a proposal would make of main, now. What it costs
// follows the change and not the fleet.
func (c *client) review(ctx context.Context, p proposals.Proposal, book *proposals.Book, side repo.Side) (*reviewed, error) {
	merged, err := c.TryMerge(ctx, repo.MergeOptions{Branch: p.Branch, Into: p.Base, Resolve: side, Tests: true})
	if err != nil {
		return nil, err
	}
	return c.judgeMerge(ctx, p, book, merged, nil)
}

// judgeMerge judges a trial merge. Acknowledged adds to what the book knows.
func (c *client) judgeMerge(ctx context.Context, p proposals.Proposal, book *proposals.Book, merged *repo.Merged, acknowledged []string) (*reviewed, error) {
	r := &reviewed{merged: merged, approve: book.Approvals(merged.Head)}
	var err error
	if r.base, err = c.SnapshotAround(ctx, merged.Base, merged.Changes); err != nil {
		return nil, err
	}
	fleet, err := c.CountDeployments(ctx, merged.Base)
	if err != nil {
		return nil, err
	}
	authors, err := c.Authors(ctx, merged.Base, merged.Head)
	if err != nil {
		return nil, err
	}
	statistics, err := c.Statistics(ctx, merged.Base)
	if err != nil {
		return nil, err
	}
	r.report = ci.Judge(ci.Review{
		Base: r.base, Changes: merged.Changes, Fleet: fleet, Statistics: statistics, Tests: tests(merged.Tests), TestsChanged: merged.TestsChanged,
		Branch: p.Base, Authors: append(authors, p.AuthorEmail), Approvals: r.approve,
		Acknowledged: append(slices.Clone(acknowledged), book.Acknowledged(merged.Head)...),
	})
	if r.plan, err = c.preview(ctx, r.base, merged); err != nil {
		return nil, err
	}
	r.plan.Findings = r.report.Findings
	r.cells, err = c.cells(ctx, merged.Base, merged.Changes)
	return r, err
}

func tests(results []repo.TestResult) []ci.Test {
	var all []ci.Test
	for _, t := range results {
		all = append(all, ci.Test{Kind: t.Kind, Group: t.Group, Name: t.Name, Message: t.Message, Passed: t.Passed, Ran: t.Ran, Standing: t.Standing})
	}
	return all
}

// preview tells what would happen to the deployments that a merge touches, in the
// world as it was recorded last, by the very decisions that the control plane makes.
func (c *client) preview(ctx context.Context, base *specs.Snapshot, merged *repo.Merged) (view.Plan, error) {
	doc := view.Plan{Commit: merged.Commit}
	status, err := c.Resolve(ctx, repo.StatusBranch)
	if err != nil {
		return doc, err
	}
	if doc.ObservedAt, err = c.observedAt(ctx, status); err != nil {
		return doc, err
	}
	after := base.Overlay(merged.Changes)
	if found := after.Apply(merged.Changes); len(found) > 0 {
		doc.SetPreview(plan.Preview{}) // rows that cannot be read have no plan; a finding says so
		return doc, nil
	}
	ins, err := c.inputs(ctx, status, base, after, merged)
	if err != nil {
		return doc, err
	}
	doc.SetPreview(plan.ForecastInputs(ins))
	return doc, nil
}

// inputs gathers what is recorded of the deployments that a merge touches.
func (c *client) inputs(ctx context.Context, status string, base, after *specs.Snapshot, merged *repo.Merged) ([]plan.Input, error) {
	ids := touchedIDs(merged.Changes)
	state, err := c.stateOf(ctx, status, ids)
	if err != nil {
		return nil, err
	}
	scene := state.Scene(time.Now(), specs.NewSnapshot())
	scene.Desired.Versions = after.Versions
	for _, id := range ids {
		if d := after.Deployments[id]; d != nil {
			scene.Desired.Deployments[id] = d
		}
	}
	scene.Deleted = deleted(base, after, state.Entries, merged.Commit)
	return scene.Inputs(), nil
}

// touchedIDs are the deployments whose row or settings a change touches.
func touchedIDs(changes []specs.RowChange) []string {
	var ids []string
	for _, c := range changes {
		switch c.Table {
		case specs.TableDeployments:
			ids = append(ids, c.Key)
		case specs.TableSettings:
			for _, row := range []specs.Row{c.From, c.To} {
				if id, ok := row["deployment"].(string); ok {
					ids = append(ids, id)
				}
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// verdict is the review as it is kept with the proposal.
func (r *reviewed) verdict(id int) (proposals.Verdict, error) {
	text, err := json.Marshal(r.plan)
	if err != nil {
		return proposals.Verdict{}, fmt.Errorf("the plan of proposal #%d cannot be kept: %w", id, err)
	}
	return proposals.Verdict{
		Proposal: id, Head: r.merged.Head, BaseCommit: r.merged.Base, Passed: r.passed(), Findings: r.report.Findings,
		PlanHash: r.plan.Hash, Plan: text, CheckedAt: time.Now(),
	}, nil
}

// keep records a review with its proposal, unless the same is there.
func (c *client) keep(ctx context.Context, id int, r *reviewed) error {
	verdict, err := r.verdict(id)
	if err != nil {
		return err
	}
	return c.save(ctx, fmt.Sprintf("check #%d", id), func(book *proposals.Book) ([]repo.Edit, error) {
		p, ok := book.Proposals[id]
		old, had := book.Verdicts[id]
		same := had && old.Head == verdict.Head && old.BaseCommit == verdict.BaseCommit && old.Passed == verdict.Passed && old.PlanHash == verdict.PlanHash
		if !ok || p.State != proposals.Open || same {
			return nil, nil
		}
		edits := []repo.Edit{put(proposals.TableChecks, verdict.Row())}
		if p.Head != r.merged.Head {
			p.Head = r.merged.Head
			edits = append(edits, put(proposals.TableProposals, p.Row()))
		}
		return edits, nil
	})
}
