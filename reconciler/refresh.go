package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

// desired is the desired state in force, and what is known of newer commits.
type desired struct {
	snapshot *specs.Snapshot   // nil: none was ever good
	commits  map[string]string // by deployment: the commit that last changed its row
	refused  []specs.Finding   // of the newest commit, when it is not in force
	seen     time.Time         // when the newest commit was seen; zero: converged since
	reviews  string            // commit of the branch proposals that the newest commit was judged with
}

// refresh learns the hub's newest commits: another control plane's status, and a
// newer main, which is admitted step by step.
func (r *Reconciler) refresh(ctx context.Context, now time.Time) error {
	if r.book != nil && now.Sub(r.polled) < r.cfg.Poll {
		return nil
	}
	heads, err := r.cfg.Store.Fetch(ctx)
	if err != nil {
		return fmt.Errorf("fetching from the hub: %w", err)
	}
	r.polled = now
	if r.book == nil || heads.Status != r.status {
		if err := r.reload(ctx, heads.Status); err != nil {
			return err
		}
	}
	unloaded := r.desired.snapshot == nil && r.state.Applied.Commit != ""
	// An approval that came later can let in what was refused.
	approved := len(r.desired.refused) > 0 && heads.Proposals != r.desired.reviews
	r.desired.reviews = heads.Proposals
	if unloaded || approved || heads.Main != r.state.Applied.Head {
		return r.admit(ctx, heads.Main, now)
	}
	return nil
}

// forgetStatus drops what was staged; the next pass reads the hub's again.
func (r *Reconciler) forgetStatus() {
	r.book, r.polled, r.staged = nil, time.Time{}, time.Time{}
}

// tellBlind puts on record that nothing can be seen, by a process that has just begun and
// does not get to know whose cloud this is: what the one before it said of the fleet is no
// longer looked after. Another one that sees takes it off again.
func (r *Reconciler) tellBlind(ctx context.Context, head string, book *ledger.Book, s *ledger.State, reason error) {
	if r.blind || s.World == "" || !errors.Is(reason, errNoWorld) {
		return
	}
	r.blind = true
	gaps := map[string]ledger.Gap{}
	maps.Copy(gaps, s.Gaps)
	for _, kind := range []string{"machines", "volumes"} {
		if _, had := gaps[kind]; !had {
			gaps[kind] = ledger.Gap{Reason: reason.Error(), Since: time.Now()}
		}
	}
	book.Set(ledger.Owner{Kind: "gaps"}, ledger.GapRecords(gaps))
	if _, err := r.cfg.Store.Publish(ctx, head, book.Edits(), "nothing can be seen"); err != nil {
		r.blind = false
		r.log.Debug("that nothing can be seen is not on record yet", "err", err)
	}
}

// reload takes the branch status as it is on the hub. What this process had seen
// and not published is seen again.
func (r *Reconciler) reload(ctx context.Context, head string) error {
	state, book, err := r.ledger(ctx, head)
	if err != nil {
		return err
	}
	id, err := r.checkWorld(ctx, state.World)
	if err != nil {
		r.tellBlind(ctx, head, book, state, err)
		return err // and nothing was taken in: the next pass must ask again
	}
	r.blind = false
	if r.state == nil || state.Applied.Commit != r.state.Applied.Commit {
		r.desired.snapshot = nil
	}
	r.book, r.state, r.status = book, state, head
	if state.World == "" {
		state.World, r.newborn = id, true
		r.book.Set(ledger.Owner{Kind: "world"}, ledger.WorldRecords(id))
	} else {
		r.yieldBirth()
	}
	if !r.told {
		r.told = true // once: another control plane that can do other things would answer for ever
		r.book.Set(ledger.Owner{Kind: "means"}, ledger.MeansRecords(r.means))
	}
	r.world.restage = true
	r.desk.reset(state)
	dropSeen(state)
	for id := range state.Entries {
		r.desk.mark(id)
	}
	if r.desired.snapshot != nil {
		r.markAll()
	}
	return nil
}

// ledger reads the branch status at a commit, row by row: as rows a large fleet's takes
// many times what is kept of it.
func (r *Reconciler) ledger(ctx context.Context, head string) (*ledger.State, *ledger.Book, error) {
	state, book := ledger.NewState(), ledger.NewBook()
	err := r.cfg.Store.EachRow(ctx, head, ledger.Tables, func(table string, row specs.Row) error {
		if err := state.Add(table, row); err != nil {
			return err
		}
		book.Add(table, row)
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading the branch status: %w", err)
	}
	return state, book, nil
}

// dropSeen lets go of what looking tells anew and nobody asks the ledger for: in a
// large fleet it is as much as the look itself.
func dropSeen(s *ledger.State) {
	s.Machines, s.Volumes, s.Deployments, s.Conditions, s.Addresses, s.Certificates = nil, nil, nil, nil, nil, nil
}

// markAll has everything decided anew, also what is on its way out.
func (r *Reconciler) markAll() {
	for id := range r.desired.snapshot.Deployments {
		r.desk.mark(id)
	}
	for id := range r.state.Entries {
		r.desk.mark(id)
	}
}

// admit moves the desired state towards a new head of main, one commit after the
// other along first parents, passing over those that a check refuses. Each is
// held against the last good one, so what a commit takes away must have been
// allowed by one before it.
func (r *Reconciler) admit(ctx context.Context, head string, now time.Time) error {
	if r.desired.snapshot == nil {
		if err := r.begin(ctx, head, now); err != nil || r.desired.snapshot == nil {
			return err
		}
	}
	steps, ok, err := r.cfg.Store.Steps(ctx, r.state.Applied.Commit, head)
	if err != nil {
		return fmt.Errorf("reading the history of main: %w", err)
	}
	if !ok { // main was set to another history: one step, judged as a whole
		steps = []string{head}
	}
	r.desired.refused = nil
	var pending []pendingStep
	before := r.state.Applied.Commit
	for _, commit := range steps {
		found, err := r.judge(ctx, &pending, before, commit, ok, now)
		if err != nil {
			return err
		}
		if before = commit; refuses(found) {
			r.refuse(commit, found)
		} else {
			pending = nil
		}
	}
	r.headSeen(head, now)
	return nil
}

// judge takes a commit, or says why not.
func (r *Reconciler) judge(ctx context.Context, pending *[]pendingStep, before, commit string, onward bool, now time.Time) ([]specs.Finding, error) {
	changes, err := r.cfg.Store.Changes(ctx, r.state.Applied.Commit, commit)
	if err != nil {
		return nil, fmt.Errorf("reading what commit %s changed: %w", commit, err)
	}
	missing, err := r.missing(ctx, pending, before, commit, onward, changes)
	if err != nil {
		return nil, err
	}
	if found := append(r.cfg.Check(r.desired.snapshot, changes), missing...); refuses(found) {
		return found, nil
	}
	if found := r.take(commit, changes, now); refuses(found) {
		return found, nil
	}
	return nil, r.notePlan(ctx, commit, changes, now)
}

// begin loads the commit in force, or for a new fleet the head if it is good.
func (r *Reconciler) begin(ctx context.Context, head string, now time.Time) error {
	commit := r.state.Applied.Commit
	fresh := commit == ""
	if fresh {
		commit = head
	}
	snapshot, err := r.cfg.Store.Snapshot(ctx, commit)
	if err != nil && !fresh && commit != head {
		// The commit in force cannot be read any more. The head is judged as a fleet's
		// first commit then: what has no row in it is left as it is.
		if next, again := r.cfg.Store.Snapshot(ctx, head); again == nil && !refuses(specs.Validate(next)) {
			r.log.Warn("the commit in force cannot be read; the newest one is taken as the first", "commit", commit, "err", err)
			commit, snapshot, err, fresh = head, next, nil, true
		}
	}
	if err != nil {
		return fmt.Errorf("reading the desired state at %s: %w", commit, err)
	}
	if fresh {
		if found := specs.Validate(snapshot); refuses(found) {
			r.refuse(commit, found)
			r.headSeen(head, now)
			return nil
		}
		r.state.Applied.Commit, r.state.Applied.At = commit, now
	}
	r.desired.snapshot, r.desired.commits = snapshot, map[string]string{}
	r.markAll()
	return nil
}

// take brings a commit into force.
func (r *Reconciler) take(commit string, changes []specs.RowChange, now time.Time) []specs.Finding {
	deleted := r.deletions(changes, commit, now)
	if found := r.desired.snapshot.Apply(changes); refuses(found) {
		return found
	}
	for _, e := range deleted { // staged here: it must be published with the commit, also when the deployment is busy or another's
		r.state.Entries[e.Deployment] = e
		r.book.Set(ledger.Owner{Kind: "entry", ID: e.Deployment}, ledger.EntryRecords(e))
	}
	r.state.Applied.Commit, r.state.Applied.At = commit, now
	r.desired.refused = nil
	for _, id := range touched(changes) {
		if id == "" { // limits, approvals, versions: what was held may go now
			r.desk.markActive()
			continue
		}
		r.desired.commits[id] = commit
		r.desk.mark(id)
	}
	r.log.Info("commit in force", "commit", commit, "changes", len(changes))
	return nil
}

// deletions are the ledger's entries of deleted rows, with the commit that did
// it and how long the volume is kept: without this record nothing is ever taken
// down.
func (r *Reconciler) deletions(changes []specs.RowChange, commit string, now time.Time) []*plan.Entry {
	var es []*plan.Entry
	for _, c := range changes {
		row, e := r.desired.snapshot.Deployments[c.Key], r.state.Entries[c.Key]
		if c.Table != "deployments" || c.To != nil || row == nil || e == nil {
			continue
		}
		gone := *e
		gone.DeletedIn, gone.DeletedAt = commit, now
		gone.DeleteAfter = now.Add(time.Duration(row.RetentionDays) * 24 * time.Hour)
		es = append(es, &gone)
	}
	return es
}

// touched lists the deployments that changes concern; "" stands for tables that
// concern all.
func touched(changes []specs.RowChange) []string {
	var ids []string
	for _, c := range changes {
		switch c.Table {
		case "deployments":
			ids = append(ids, c.Key)
		case "settings":
			for _, row := range []specs.Row{c.From, c.To} {
				if id, ok := row["deployment"].(string); ok {
					ids = append(ids, id)
				}
			}
		default:
			ids = append(ids, "")
		}
	}
	return ids
}

func refuses(found []specs.Finding) bool {
	for _, f := range found {
		if f.Severity == specs.Error {
			return true
		}
	}
	return false
}

func (r *Reconciler) refuse(commit string, found []specs.Finding) {
	r.desired.refused = found
	r.metrics.refused.Inc()
	for _, f := range found {
		if f.Severity == specs.Error {
			r.log.Warn("commit refused", "commit", commit, "err", f.String())
		}
	}
}

// headSeen records the newest commit of main, and when it is not in force, why.
func (r *Reconciler) headSeen(head string, now time.Time) {
	r.state.Applied.Head = head
	r.desired.seen = now
	if r.state.Applied.At.IsZero() {
		r.state.Applied.At = now
	}
	r.book.Set(ledger.Owner{Kind: "applied"}, ledger.AppliedRecords(r.state.Applied, r.desired.refused))
	c := plan.Condition{Type: "CommitRefused", Status: true}
	if len(r.desired.refused) > 0 {
		c.Reason, c.Message = "Check", refusal(head, r.state.Applied.Commit, r.desired.refused)
	}
	r.fleet.set(c)
}

func refusal(head, inForce string, found []specs.Finding) string {
	s := fmt.Sprintf("commit %s of main is not applied", head)
	if inForce != "" {
		s += fmt.Sprintf("; %s stays in force", inForce)
	}
	for _, f := range found {
		if f.Severity == specs.Error {
			return s + ": " + f.String()
		}
	}
	return s
}
