package reconciler

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

func (r *Reconciler) limits() specs.Limits {
	if r.desired.snapshot == nil {
		return specs.DefaultLimits()
	}
	return r.desired.snapshot.Limits
}

// stage puts what was admitted into the book: entries with their new slots, the
// claim on the work, and the status to be shown.
func (r *Reconciler) stage(outs []plan.Outcome, now time.Time) {
	for _, out := range outs {
		r.stageOne(out, now)
	}
	r.renewClaims(now)
	since := r.desk.sinceOf("")
	cs := r.fleet.list()
	slices.SortFunc(cs, func(a, b plan.Condition) int { return strings.Compare(a.Type, b.Type) })
	keepSince(since, cs, now)
	r.book.Set(ledger.Owner{Kind: "fleet"}, ledger.ConditionRecords("", cs, since))
}

func (r *Reconciler) stageOne(out plan.Outcome, now time.Time) {
	id := out.Status.ID
	if out.Entry == nil {
		delete(r.state.Entries, id)
		r.forget(id)
		return
	}
	if r.isShown(out) {
		return
	}
	r.state.Entries[id] = out.Entry
	r.desk.noteEntry(out.Entry)
	r.book.Set(ledger.Owner{Kind: "entry", ID: id}, ledger.EntryRecords(out.Entry))
	if out.Settled() {
		delete(r.desk.active, id)
		r.desk.done[id] = r.rowCommit(id)
	}
	var since map[string]time.Time
	if len(out.Status.Conditions) == 0 {
		delete(r.desk.since, id) // most have none: ten thousand empty maps are a megabyte
	} else {
		since = r.desk.sinceOf(id)
		keepSince(since, out.Status.Conditions, now)
	}
	r.book.Set(ledger.Owner{Kind: "status", ID: id}, ledger.StatusRecords(out.Status, r.desk.done[id], since))
	r.stageClaim(out, now)
}

// isShown says whether a decision that only waits is staged already, as it is in
// most passes for most of a fleet that waits for the cloud.
func (r *Reconciler) isShown(out plan.Outcome) bool {
	id := out.Status.ID
	if len(out.Actions) > 0 || out.Settled() {
		delete(r.desk.shown, id)
		return false
	}
	now := held{entry: r.desk.active[id].Entry}
	for _, w := range out.Waits {
		now.waits += w.Reason + "\n"
	}
	if r.desk.shown[id] == now {
		return true
	}
	r.desk.shown[id] = now
	return false
}

// rowCommit is the commit in force that last changed the deployment's row, as far
// as this process knows.
func (r *Reconciler) rowCommit(id string) string {
	if c := r.desired.commits[id]; c != "" {
		return c
	}
	if c := r.desk.done[id]; c != "" {
		return c
	}
	return r.state.Applied.Commit
}

// stageClaim takes the work on a deployment, or gives it back when it is done, has come
// to a halt, or can do nothing before its turn: for as long as it is claimed, another
// control plane must take it for disrupted, and two would wait for each other.
func (r *Reconciler) stageClaim(out plan.Outcome, now time.Time) {
	id, acts := out.Status.ID, len(out.Actions) > 0
	c, held := r.state.Claims[id]
	ours := held && c.Holder == r.cfg.Holder
	idle := ours && !out.Pending && out.Held(plan.ByLimit)
	switch {
	case acts && (!ours || c.Until.Sub(now) < claimFor/2):
		r.claim(id, now)
	case held && !acts && (out.Settled() || idle || !now.Before(c.Until)):
		delete(r.state.Claims, id)
		r.book.Set(ledger.Owner{Kind: "claim", ID: id}, nil)
	case held && !acts:
		r.desk.recheck[id] = c.Until
		r.desk.wakeAt(c.Until)
	}
}

func (r *Reconciler) claim(id string, now time.Time) {
	c := ledger.Claim{Holder: r.cfg.Holder, Until: now.Add(claimFor)}
	r.state.Claims[id] = c
	r.book.Set(ledger.Owner{Kind: "claim", ID: id}, ledger.ClaimRecords(id, c))
}

// renewClaims keeps the claims on what is under way.
func (r *Reconciler) renewClaims(now time.Time) {
	for key := range r.desk.busy {
		id := deploymentOf(key)
		if c, ok := r.state.Claims[id]; ok && c.Holder == r.cfg.Holder && c.Until.Sub(now) < claimFor/2 {
			r.claim(id, now)
		}
	}
}

// keepSince notes when conditions began, and forgets those that ended.
func keepSince(since map[string]time.Time, cs []plan.Condition, now time.Time) {
	holds := map[string]bool{}
	for _, c := range cs {
		holds[c.Type] = true
		if _, ok := since[c.Type]; !ok {
			since[c.Type] = now
		}
	}
	for typ := range since {
		if !holds[typ] {
			delete(since, typ)
		}
	}
}

// publish pushes what is staged: at once when an action depends on it, otherwise
// gathered for a moment.
func (r *Reconciler) publish(ctx context.Context, outs []plan.Outcome, now time.Time) error {
	edits := r.book.Edits()
	if len(edits) == 0 {
		r.staged = time.Time{}
		return nil
	}
	if r.staged.IsZero() {
		r.staged = now
	}
	if !r.urgent(edits, outs) && now.Before(r.recordDue()) {
		return nil
	}
	commit, err := r.cfg.Store.Publish(ctx, r.status, edits, message(outs))
	if err != nil {
		return fmt.Errorf("publishing on the branch status: %w", err)
	}
	r.book.Published()
	r.status, r.staged = commit, time.Time{}
	r.metrics.published.Inc()
	return nil
}

// urgent says whether the edits hold what an action rests on, which may only begin
// once it is on the hub: a claim of a slot or of work, or what is remembered about a
// deployment that is acted on, such as the volume that its database will write to.
func (r *Reconciler) urgent(edits []ledger.Edit, outs []plan.Outcome) bool {
	acts := map[any]bool{}
	for _, out := range outs {
		if len(out.Actions) > 0 {
			acts[out.Status.ID] = true
		}
	}
	return slices.ContainsFunc(edits, func(e ledger.Edit) bool {
		if e.Delete {
			return false
		}
		return e.Table == "claims" || e.Table == "slots" && e.Row["state"] == string(plan.SlotClaimed) ||
			e.Table == "entries" && acts[e.Row["deployment"]]
	})
}

// maxMessage keeps commit messages readable: a pass that starts fifty machines
// says so in a few lines.
const maxMessage = 6

// message says what a status commit is about.
func message(outs []plan.Outcome) string {
	var lines []string
	for _, out := range outs {
		for _, a := range out.Actions {
			lines = append(lines, a.Name+": "+a.Summary)
		}
	}
	switch {
	case len(lines) == 0:
		return "status: record what was seen"
	case len(lines) == 1:
		return lines[0]
	case len(lines) > maxMessage:
		lines = append(lines[:maxMessage:maxMessage], fmt.Sprintf("and %d more", len(lines)-maxMessage))
	}
	return fmt.Sprintf("status: begin %d actions\n\n%s", len(lines), strings.Join(lines, "\n"))
}
