package reconciler

import (
	"context"
	"fmt"

	"github.com/mainstaydb/mainstay/specs"
)

// A pendingStep is a part of what a commit of main did that came after the one in
// force, with who wrote it and who agreed to it. A commit that was refused stays in
// the way of the next one: what it did is in force with that one, so it needs its
// approvals.
type pendingStep struct {
	changes   []specs.RowChange
	authors   []string
	approvals []string
}

// missing says which approvals are lacking to take net, the difference to the
// commit in force, by way of the pending commits, the last of which is commit. It
// costs nothing on a fleet that has no reviewers.
func (r *Reconciler) missing(
	ctx context.Context, pending *[]pendingStep, before, commit string, onward bool, net []specs.RowChange,
) ([]specs.Finding, error) {
	base := r.desired.snapshot
	if r.cfg.Missing == nil || len(base.Reviewers) == 0 {
		return nil, nil
	}
	parts, err := r.partsOf(ctx, before, commit, onward)
	if err != nil {
		return nil, err
	}
	*pending = append(*pending, parts...)
	rows := map[[2]string]bool{}
	for _, c := range net {
		rows[[2]string{c.Table, c.Key}] = true
	}
	var found []specs.Finding
	for _, p := range *pending {
		var counts []specs.RowChange
		for _, c := range p.changes {
			if rows[[2]string{c.Table, c.Key}] { // a row that was put back needs nobody's consent
				counts = append(counts, c)
			}
		}
		found = append(found, r.cfg.Missing(base, counts, p.authors, p.approvals)...)
	}
	return found, nil
}

// partsOf takes apart what a commit did to the one before it: what a merge brings
// from its branch as it was there was approved as the branch's head, and is by all
// who wrote on the branch; everything else needs approvals of the commit itself. A
// step that does not lead on from the commit before, as when main is set back, has
// none: whoever approved that commit once did not approve going back to it.
func (r *Reconciler) partsOf(ctx context.Context, before, commit string, onward bool) ([]pendingStep, error) {
	changes, err := r.cfg.Store.Changes(ctx, before, commit)
	if err != nil {
		return nil, fmt.Errorf("reading what commit %s changed: %w", commit, err)
	}
	info, err := r.cfg.Store.Commit(ctx, commit)
	if err != nil {
		return nil, fmt.Errorf("reading who made commit %s: %w", commit, err)
	}
	if !onward {
		return []pendingStep{{changes: changes, authors: []string{info.Author}}}, nil
	}
	var parts []pendingStep
	if len(info.Parents) == 2 && info.Parents[0] == before {
		brought, err := r.branchPart(ctx, before, info.Parents[1], changes)
		if err != nil {
			return nil, err
		}
		parts, changes = append(parts, brought), without(changes, brought.changes)
	}
	approvals, err := r.cfg.Store.Approvals(ctx, commit)
	if err != nil {
		return nil, fmt.Errorf("reading who approved commit %s: %w", commit, err)
	}
	return append(parts, pendingStep{changes: changes, authors: []string{info.Author}, approvals: approvals}), nil
}

// branchPart is what of a merge's changes stood on its branch.
func (r *Reconciler) branchPart(ctx context.Context, before, head string, changes []specs.RowChange) (pendingStep, error) {
	fork, err := r.cfg.Store.MergeBase(ctx, before, head)
	if err != nil {
		return pendingStep{}, fmt.Errorf("finding where the branch of commit %s began: %w", head, err)
	}
	there, err := r.cfg.Store.Changes(ctx, fork, head)
	if err != nil {
		return pendingStep{}, fmt.Errorf("reading what the branch of commit %s changed: %w", head, err)
	}
	onBranch := map[[2]string]specs.RowChange{}
	for _, c := range there {
		onBranch[[2]string{c.Table, c.Key}] = c
	}
	var p pendingStep
	for _, c := range changes {
		if b, ok := onBranch[[2]string{c.Table, c.Key}]; ok && specs.Brings(b, c) {
			p.changes = append(p.changes, c)
		}
	}
	if p.authors, err = r.cfg.Store.Authors(ctx, before, head); err != nil {
		return pendingStep{}, fmt.Errorf("reading who wrote the branch of commit %s: %w", head, err)
	}
	if p.approvals, err = r.cfg.Store.Approvals(ctx, head); err != nil {
		return pendingStep{}, fmt.Errorf("reading who approved commit %s: %w", head, err)
	}
	return p, nil
}

// without leaves the changes of rows that are not among some.
func without(changes, some []specs.RowChange) []specs.RowChange {
	among := map[[2]string]bool{}
	for _, c := range some {
		among[[2]string{c.Table, c.Key}] = true
	}
	var left []specs.RowChange
	for _, c := range changes {
		if !among[[2]string{c.Table, c.Key}] {
			left = append(left, c)
		}
	}
	return left
}
