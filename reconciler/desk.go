package reconciler

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A desk is what lies before the loop: deployments to be decided anew, decisions
// that are not carried out yet, and what is under way.
type desk struct {
	dirty   map[string]struct{}
	active  map[string]plan.Outcome // not settled
	recheck map[string]time.Time    // when time alone changes a decision
	retry   map[string]*retry       // after a failure
	// launches are those that failed, by token: several deployments share one.
	launches map[string]*retry
	busy     map[string]task     // by deployment: what is under way
	tasks    uint64              // begun so far
	slots    map[launchKey]place // by what binds its machine
	volumes  map[string]string   // deployment, by the volume that the ledger remembers
	since    map[string]map[string]time.Time
	done     map[string]string // by deployment: the commit that is carried out
	// doubtful are deployments with an agent that is silent or could not be updated.
	doubtful map[string]struct{}
	due      time.Time       // earliest of recheck and retry; zero: none
	waiting  int             // launches that the cloud has no room for yet
	shown    map[string]held // what is staged of deployments that wait
}

// A held is a decision that waits: staged once, it costs nothing more until another
// is made.
type held struct {
	entry *plan.Entry
	waits string
}

// A place is a slot as the desk knows it. It is small, as there is one for each machine.
type place struct {
	deployment string
	bound      int64 // since when it is known here that it has a machine, Unix nanoseconds; 0: it has none
}

func newDesk() desk {
	return desk{
		dirty: map[string]struct{}{}, active: map[string]plan.Outcome{}, recheck: map[string]time.Time{}, retry: map[string]*retry{},
		launches: map[string]*retry{}, busy: map[string]task{}, slots: map[launchKey]place{}, volumes: map[string]string{}, since: map[string]map[string]time.Time{},
		done: map[string]string{}, doubtful: map[string]struct{}{}, shown: map[string]held{},
	}
}

// A task is the actions under way for one deployment.
type task struct {
	number uint64     // tells its result from that of a later one
	name   string     // the deployment's, for people
	rough  bool       // it disrupts
	update bool       // it updates an agent
	launch *launchKey // set when all it does is to launch this
}

// reset begins anew from the ledger; what is under way stays under way.
func (d *desk) reset(s *ledger.State) {
	clear(d.active)
	before := d.slots
	d.slots = make(map[launchKey]place, len(before))
	clear(d.volumes)
	clear(d.shown)
	clear(d.since)
	for _, e := range s.Entries {
		d.noteEntry(e)
	}
	for key, p := range d.slots {
		if was := before[key]; was.bound != 0 && p.bound != 0 {
			p.bound = was.bound
			d.slots[key] = p
		}
	}
	for _, c := range s.Conditions {
		d.sinceOf(c.Deployment)[c.Type] = c.Since
	}
	for id, dep := range s.Deployments {
		d.done[id] = dep.Commit
		d.mark(id)
	}
}

func (d *desk) noteEntry(e *plan.Entry) {
	if e.VolumeID != "" {
		d.volumes[e.VolumeID] = e.Deployment
	}
	for _, s := range e.Slots {
		if s.Token == "" {
			continue
		}
		key := launchKey{s.Token, s.Index}
		p := place{deployment: s.Deployment, bound: d.slots[key].bound}
		if s.State == plan.SlotBound && p.bound == 0 {
			p.bound = time.Now().UnixNano()
		}
		d.slots[key] = p
	}
}

func (d *desk) sinceOf(deployment string) map[string]time.Time {
	if d.since[deployment] == nil {
		d.since[deployment] = map[string]time.Time{}
	}
	return d.since[deployment]
}

// mark has a deployment decided anew in this pass.
func (d *desk) mark(id string) {
	if id != "" {
		d.dirty[id] = struct{}{}
	}
}

func (d *desk) markActive() {
	for id := range d.active {
		d.mark(id)
	}
}

func (d *desk) wakeAt(t time.Time) {
	if d.due.IsZero() || t.Before(d.due) {
		d.due = t
	}
}

func (d *desk) nextDue() time.Time { return d.due }

// ring marks every deployment whose time has come.
func (d *desk) ring(now time.Time) {
	if d.due.IsZero() || now.Before(d.due) {
		return
	}
	d.due = time.Time{}
	for id, t := range d.recheck {
		if now.Before(t) {
			d.wakeAt(t)
		} else {
			delete(d.recheck, id)
			d.mark(id)
		}
	}
	for key, t := range d.retry {
		if now.Before(t.at) {
			d.wakeAt(t.at)
		} else if _, ok := d.active[deploymentOf(key)]; ok {
			d.mark(deploymentOf(key))
		}
	}
}

// decide plans every marked deployment that has nothing under way.
func (r *Reconciler) decide(now time.Time) {
	start := time.Now()
	d := &r.desk
	d.ring(now)
	for id := range d.dirty {
		if t, busy := d.busy[id]; busy && !r.landed(id, t) {
			continue // its end marks it again
		}
		delete(d.dirty, id)
		r.decideOne(id, now)
	}
	r.metrics.planned(time.Since(start))
}

// landed ends the wait for a launch's answer when its machine is listed: token and
// index tell whose it is. So a machine of a large batch is put to use while others
// are still being made.
func (r *Reconciler) landed(id string, t task) bool {
	if t.launch == nil {
		return false
	}
	if _, listed := r.world.byLaunch[*t.launch]; !listed {
		return false
	}
	delete(r.desk.busy, id)
	return true
}

func (r *Reconciler) decideOne(id string, now time.Time) {
	d := &r.desk
	in := r.input(id, now)
	delete(d.recheck, id)
	if in.Row == nil && in.Entry == nil {
		r.forget(id)
		return
	}
	out := plan.Deployment(in)
	if !out.Recheck.IsZero() {
		d.recheck[id] = out.Recheck
		d.wakeAt(out.Recheck)
	}
	d.active[id] = out // settled ones leave when they are staged
	delete(d.doubtful, id)
	if out.Doubtful {
		d.doubtful[id] = struct{}{}
	}
}

// askRoom takes in how many machines the cloud would launch now.
func (r *Reconciler) askRoom(in *plan.FleetInput, now time.Time) {
	paced, ok := r.cfg.Cloud.(Paced)
	if !ok {
		return
	}
	room, more := paced.LaunchRoom()
	for _, t := range r.desk.busy {
		if t.launch != nil { // it may not have reached the cloud's limits yet
			room--
		}
	}
	room = max(0, room)
	in.Room = &room
	if r.desk.waiting > 0 {
		r.desk.wakeAt(later(more, now.Add(leastRoomPause)))
	}
}

// leastRoomPause is how soon the cloud is asked again for room that it had none of: a
// moment's rounding must not make it a loop, and it grows by a machine or two in the
// time.
const leastRoomPause = 500 * time.Millisecond

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// noteRoom tells of launches that wait for room.
func (r *Reconciler) noteRoom(outs []plan.Outcome) {
	n := 0
	for _, o := range outs {
		if slices.ContainsFunc(o.Waits, func(w plan.Wait) bool { return w.Reason == plan.WaitsForRoom }) {
			n++
		}
	}
	r.desk.waiting = n
	c := plan.Condition{Type: "LaunchesWait", Status: true}
	if n > 0 {
		c.Reason, c.Message = "CloudLimit", fmt.Sprintf("%d machines wait to be launched: the cloud gives only so many at one time, and they come as fast as it does", n)
	}
	r.fleet.set(c)
}

// forget takes a deployment that neither main nor the ledger knows off the books.
func (r *Reconciler) forget(id string) {
	d := &r.desk
	delete(d.active, id)
	delete(d.since, id)
	delete(d.done, id)
	d.succeeded(id, task{update: true}) // of whatever kind
	for _, k := range plan.Aside() {
		delete(d.retry, asideKey(id, k))
	}
	delete(d.doubtful, id)
	delete(d.shown, id)
	for _, kind := range []string{"entry", "status", "claim"} {
		r.book.Set(ledger.Owner{Kind: kind, ID: id}, nil)
	}
	delete(r.state.Claims, id)
}

// asked are the deployments whose agents did not answer an order to update well.
func (d *desk) asked() map[string]bool {
	asked := map[string]bool{}
	for id, t := range d.retry {
		if t.kind == plan.UpdateAgent {
			asked[id] = true
		}
	}
	return asked
}

// admitted is what may be done and shown now: everything decided, held against the
// limits, without what another control plane is at work on.
func (r *Reconciler) admitted(now time.Time) []plan.Outcome {
	d := &r.desk
	in := plan.FleetInput{Disrupted: map[string]bool{}, Limits: r.limits(), Approved: r.approved(), Destroyed: r.destroyed(), Updating: len(d.doubtful), Asked: d.asked()}
	for id := range in.Asked {
		if _, ok := d.doubtful[id]; !ok {
			in.Updating++
		}
	}
	r.askRoom(&in, now)
	for id, out := range d.active {
		if _, busy := d.busy[id]; busy {
			continue
		}
		if out.Disrupting {
			in.Disrupted[out.Status.Name] = !out.Status.Ready
		}
		if c, ok := r.state.Claims[id]; ok && c.Holder != r.cfg.Holder && now.Before(c.Until) {
			if out.Disrupting || plan.Disrupts(out) {
				in.Disrupted[out.Status.Name] = true // whether it has done so yet cannot be known
			}
			d.recheck[id] = c.Until
			d.wakeAt(c.Until)
			continue
		}
		out = r.beside(id, out, now)
		switch t := d.retry[id]; {
		case t == nil || len(out.Actions) == 0:
		case now.Before(t.at):
			d.wakeAt(t.at)
			out = t.hold(out)
		default:
			out = t.again(out)
		}
		in.Outcomes = append(in.Outcomes, out)
	}
	for _, t := range d.busy {
		if t.rough {
			in.Disrupted[t.name] = true
		}
		if t.update {
			in.Updating++
		}
	}
	outs := plan.Fleet(in)
	r.noteRoom(outs)
	return outs
}

// beside takes out of a decision what is under way beside the deployment's other
// actions, or failed and is not to be tried again yet.
func (r *Reconciler) beside(id string, out plan.Outcome, now time.Time) plan.Outcome {
	d := &r.desk
	for _, k := range plan.Aside() {
		key := asideKey(id, k)
		if _, busy := d.busy[key]; busy {
			out = plan.Underway(out, k)
			continue
		}
		switch t := d.retry[key]; {
		case t == nil || !t.concerns(out):
		case now.Before(t.at):
			d.wakeAt(t.at)
			out = t.hold(out)
		default:
			out = t.again(out)
		}
	}
	return out
}

func (r *Reconciler) approved() map[string]bool {
	m := map[string]bool{}
	if r.desired.snapshot != nil {
		for c := range maps.Keys(r.desired.snapshot.Approvals) {
			m[c] = true
		}
	}
	return m
}

// destroyed counts the deletions of each commit, when there is one to be admitted.
func (r *Reconciler) destroyed() map[string]int {
	n := map[string]int{}
	for _, out := range r.desk.active {
		if out.Entry != nil && out.Entry.DeletedIn != "" {
			n[out.Entry.DeletedIn] = 0
		}
	}
	if len(n) == 0 {
		return n
	}
	for _, e := range r.state.Entries {
		if _, ok := n[e.DeletedIn]; ok {
			n[e.DeletedIn]++
		}
	}
	return n
}
