package reconciler

import (
	"context"
	"fmt"

	"github.com/mainstaydb/mainstay/specs"
)

// A pendingStep is a commit of main that came after the one in force, with what it
// did itself and who agreed to it. A commit that was refused stays in the way of
// the next one: what it did is in force with that one, so it needs its approvals.
type pendingStep struct {
	changes   []specs.RowChange
	author    string
	approvals []string
}

// missing says which approvals are lacking to take net, the difference to the
// commit in force, by way of the pending commits, the last of which is commit. It
// costs nothing on a fleet that has no reviewers.
func (r *Reconciler) missing(ctx context.Context, pending *[]pendingStep, before, commit string, net []specs.RowChange) ([]specs.Finding, error) {
	base := r.desired.snapshot
	if r.cfg.Missing == nil || len(base.Reviewers) == 0 {
		return nil, nil
	}
	step, err := r.stepOf(ctx, before, commit)
	if err != nil {
		return nil, err
	}
	*pending = append(*pending, step)
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
		found = append(found, r.cfg.Missing(base, counts, p.author, p.approvals)...)
	}
	return found, nil
}

// stepOf is what one commit did to the one before it. What a merge brings was
// approved as the head of its branch and is by that head's author.
func (r *Reconciler) stepOf(ctx context.Context, before, commit string) (pendingStep, error) {
	changes, err := r.cfg.Store.Changes(ctx, before, commit)
	if err != nil {
		return pendingStep{}, fmt.Errorf("reading what commit %s changed: %w", commit, err)
	}
	info, err := r.cfg.Store.Commit(ctx, commit)
	if err != nil {
		return pendingStep{}, fmt.Errorf("reading who made commit %s: %w", commit, err)
	}
	head, author := commit, info.Author
	if len(info.Parents) > 1 {
		head = info.Parents[1]
		of, err := r.cfg.Store.Commit(ctx, head)
		if err != nil {
			return pendingStep{}, fmt.Errorf("reading who made commit %s: %w", head, err)
		}
		author = of.Author
	}
	approvals, err := r.cfg.Store.Approvals(ctx, head)
	if err != nil {
		return pendingStep{}, fmt.Errorf("reading who approved commit %s: %w", head, err)
	}
	return pendingStep{changes: changes, author: author, approvals: approvals}, nil
}
