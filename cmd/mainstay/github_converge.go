package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/webhooks"
)

// stalledAfter is how long a deployment may wait for the same before that is told as a
// failure: longer than a machine's start, and short enough to be noticed the same day.
const stalledAfter = 15 * time.Minute

// Convergence implements webhooks.Fleet: it is about the deployments that the commit
// touches, and done when each has what the commit or a later one says.
func (b *bridge) Convergence(ctx context.Context, commit string) (webhooks.Convergence, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.client
	heads, err := c.FetchHeads(ctx)
	if err != nil {
		return webhooks.Convergence{}, err
	}
	ids, err := c.touchedBy(ctx, commit)
	if err != nil {
		return webhooks.Convergence{}, err
	}
	tables, err := c.Tables(ctx, heads.Status, ledger.Tables...)
	if err != nil {
		return webhooks.Convergence{}, err
	}
	state, err := ledger.Decode(tables)
	if err != nil {
		return webhooks.Convergence{}, err
	}
	taken, err := c.follows(ctx, state.Applied.Commit, commit)
	if err != nil {
		return webhooks.Convergence{}, err
	}
	if !taken {
		return notInForce(state), nil
	}
	return c.deploymentsAt(ctx, state, ids, commit, time.Now())
}

// follows says whether a commit of main is another one or came after it.
func (c *client) follows(ctx context.Context, later, commit string) (bool, error) {
	if later == commit || later == "" {
		return later != "", nil
	}
	_, ok, err := c.Steps(ctx, commit, later)
	return ok, err
}

// touchedBy are the deployments that a commit of main changed.
func (c *client) touchedBy(ctx context.Context, commit string) ([]string, error) {
	info, err := c.Commit(ctx, commit)
	if err != nil || len(info.Parents) == 0 {
		return nil, err
	}
	changes, err := c.Changes(ctx, info.Parents[0], commit)
	return touchedIDs(changes), err
}

func notInForce(state *ledger.State) webhooks.Convergence {
	if len(state.Findings) > 0 {
		return webhooks.Convergence{Stalled: "the fleet refuses its main: " + state.Findings[0].String()}
	}
	return webhooks.Convergence{Waiting: "the control plane to take it up"}
}

// deploymentsAt tells of the first deployment that is not as a commit says; of one
// that is stalled rather than of one that is on its way.
func (c *client) deploymentsAt(ctx context.Context, state *ledger.State, ids []string, commit string, now time.Time) (webhooks.Convergence, error) {
	done := webhooks.Convergence{Done: true}
	for _, id := range ids {
		d, seen := state.Deployments[id]
		if !seen {
			if entry := state.Entries[id]; entry == nil {
				continue // it is gone, or was deleted before it was ever made
			}
			done = webhooks.Convergence{Waiting: "a deployment that is new"}
			continue
		}
		carried, err := c.follows(ctx, d.Commit, commit)
		if err != nil {
			return done, err
		}
		each := progressOf(d, state.ConditionsOf(id), carried, now)
		switch {
		case each.Stalled != "":
			return each, nil
		case !each.Done:
			done = each
		}
	}
	return done, nil
}

// progressOf is how far one deployment is with a commit that may be carried out.
func progressOf(d ledger.Deployment, conditions []ledger.Condition, carried bool, now time.Time) webhooks.Convergence {
	if d.Phase == plan.PhaseDeleted || d.Phase == plan.PhaseStopped && carried {
		return webhooks.Convergence{Done: true}
	}
	var waits []string
	stalled := d.Phase == plan.PhaseFailing || d.Phase == plan.PhaseUnknown
	for _, c := range conditions {
		if !c.Status || c.Type != "Waiting" && c.Type != "Held" {
			continue
		}
		waits = append(waits, c.Message)
		stalled = stalled || c.Reason == string(plan.ByFailure) || !c.Since.IsZero() && now.Sub(c.Since) > stalledAfter
	}
	reason := fmt.Sprintf("%s: %s", d.Name, strings.Join(waits, "; "))
	if len(waits) == 0 {
		reason = fmt.Sprintf("%s, which is %s", d.Name, d.Phase)
	}
	switch {
	case stalled:
		return webhooks.Convergence{Stalled: reason}
	case carried && len(waits) == 0:
		return webhooks.Convergence{Done: true}
	}
	return webhooks.Convergence{Waiting: reason}
}
