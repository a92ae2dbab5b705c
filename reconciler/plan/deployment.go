package plan

import (
	"slices"
	"time"

	"github.com/mainstaydb/mainstay/specs"
)

// An Input is all there is to know about one deployment.
type Input struct {
	Now      time.Time
	Row      *specs.Deployment // nil: main has no such row
	Entry    *Entry            // nil: the ledger knows nothing of it
	Machines []Machine         // that carry the token of one of the entry's slots
	Volumes  []Volume          // that are tagged with the deployment
	// Bound is since when this control plane knows that a slot has a machine: a launch
	// may come about long after its claim, and listings lag from then on.
	Bound  map[SlotID]time.Time
	Agents map[string]Agent // by machine id; a machine without an entry was not asked yet
	Gaps   Gaps
	// Listed is when the listing began that Machines and Volumes are from: what it does
	// not show may have been made since. Zero: now.
	Listed  time.Time
	Means   Means
	Version specs.Version // of the row's release of Dolt: where it is fetched
	// Addresses are the records that are the deployment's, and those of others at
	// names that it wants.
	Addresses   []Address
	Certificate *Certificate // of the public authority; nil: not looked up yet
}

// Means are what a control plane can do beside machines and databases. They are on
// the ledger, so that a plan can be made by somebody who has them not.
type Means struct {
	Domain    string       // under which names are kept; empty: none are
	Authority string       // the public authority's directory; empty: there is none
	Agent     AgentRelease // that machines should run; zero: whatever they have
}

// An Outcome is the decision for one deployment.
type Outcome struct {
	Actions []Action
	Waits   []Wait
	// Entry is what the ledger should remember, new slots among it (their tokens
	// are set by Fleet). It must be on the ledger before any action starts. Nil:
	// there is nothing left to remember.
	Entry  *Entry
	Status Status
	// Recheck is when time alone will change the decision; zero: never.
	Recheck time.Time
	// Disrupting says that a disruption by us is under way.
	Disrupting bool
	// Pending says that an action of its is under way beside: it is not settled.
	Pending bool
	// Doubtful says that an agent of its machines is silent or could not be updated:
	// others are not updated before that is over.
	Doubtful bool
}

// Settled says that nothing is left to do and nothing is waited for.
func (o *Outcome) Settled() bool { return len(o.Actions) == 0 && len(o.Waits) == 0 && !o.Pending }

// The ordinal of the primary's slot.
const primary = 0

const (
	// ListingLag is how long a machine that was bound may be missing from a whole
	// listing before it counts as gone: EC2's reads are eventually consistent and
	// usually catch up within seconds.
	ListingLag = 2 * time.Minute
	// relisted is how soon it is looked whether there is a newer listing: some seconds are
	// the time from one to the next, where a few pages are all.
	relisted = 5 * time.Second
	// voidKept is how long a void slot is remembered so that a machine which turns
	// up late is still known as ours and ended: client tokens are honoured for at
	// least 24 hours after a machine's end.
	voidKept = 24 * time.Hour
	// renewBefore is when a listener's certificate is renewed before its end: a
	// month leaves time to choose a quiet hour, since a renewal is a restart.
	renewBefore = 30 * 24 * time.Hour
)

// Deployment decides for one deployment.
func Deployment(in Input) Outcome {
	d := newDecision(in)
	switch {
	case in.Row != nil && in.Row.Running:
		d.run()
	case in.Row != nil:
		d.tearDown(Replace, "running = false")
		d.phase = d.restPhase(PhaseStopping, PhaseStopped)
	case d.entry.DeletedIn != "":
		d.remove()
	case in.Entry != nil:
		d.waitf("main has no row for it and no commit is on record that deleted one: it is left as it is; " +
			"put the row back, or delete it in a commit")
		d.phase = PhaseUnknown
	}
	return d.outcome()
}

// A decision is an Outcome in the making.
type decision struct {
	in      Input
	entry   *Entry // a copy: the new state of the ledger
	out     Outcome
	phase   Phase
	name    string
	machine *Machine // of the newest live slot
	forget  bool
	notes   []Condition // for people, beside the waits
}

func newDecision(in Input) *decision {
	d := &decision{in: in, entry: &Entry{}}
	if in.Listed.IsZero() {
		d.in.Listed = in.Now
	}
	if in.Entry != nil {
		d.entry = in.Entry.clone()
	}
	if in.Row != nil {
		d.entry.Deployment, d.entry.Name = in.Row.ID, in.Row.Name
		d.comeBack()
	}
	d.name = d.entry.Name
	d.settleSlots()
	d.noteVolume()
	return d
}

// comeBack takes a deletion off the record, as the row is there. After its retention
// its volume may be gone, which was our doing: then it begins empty. That cannot be
// told under a gap, and is remembered until it can.
func (d *decision) comeBack() {
	e := d.entry
	e.DeletedAt, e.DeletedIn = time.Time{}, ""
	if over := !e.DeleteAfter.IsZero() && !d.in.Now.Before(e.DeleteAfter); over && e.VolumeID != "" {
		switch {
		case d.volume() != nil:
		case d.in.Gaps.Volumes != "":
			return
		default:
			e.VolumeID = ""
		}
	}
	e.DeleteAfter = time.Time{}
}

// listedBy is when what was made for a slot is in every listing.
func (d *decision) listedBy(s Slot) time.Time {
	made := s.ClaimedAt
	if at := d.in.Bound[s.SlotID]; at.After(made) {
		made = at
	}
	if m := d.machineOf(s); m != nil && m.LaunchedAt.After(made) {
		made = m.LaunchedAt
	}
	return made.Add(ListingLag)
}

// awaitsListing says whether the listing is too old to show what is in every listing from
// a moment on, and has it decided anew. A process that stood still wakes with an old one.
func (d *decision) awaitsListing(from time.Time) bool {
	if !d.in.Listed.Before(from) {
		return false
	}
	if soon := d.in.Now.Add(relisted); from.Before(soon) {
		from = soon
	}
	d.recheckAt(from)
	return true
}

func (e *Entry) clone() *Entry {
	c := *e
	c.Slots = slices.Clone(e.Slots)
	return &c
}

func (d *decision) act(a Action) {
	a.Deployment, a.Name = d.entry.Deployment, d.name
	d.out.Actions = append(d.out.Actions, a)
}

func (d *decision) outcome() Outcome {
	d.endStrays()
	status := d.status()
	d.updateAgents()
	// What nothing else waits for comes last: an authority may take minutes.
	slices.SortStableFunc(d.out.Actions, func(a, b Action) int { return a.Kind.rank() - b.Kind.rank() })
	d.publishNames(&status)
	d.out.Entry = d.entry
	d.forget = d.forget && len(d.out.Actions) == 0 && len(d.out.Waits) == 0
	if d.forget && d.in.Means.Domain != "" && d.in.Gaps.Names != "" {
		d.forget = false // its names may be among those not listed, and nobody else takes them back
		d.recheckAt(d.in.Now.Add(time.Minute))
	}
	if d.forget {
		d.out.Entry = nil
	}
	d.addConditions(&status)
	d.out.Status = status
	return d.out
}

func (d *decision) recheckAt(t time.Time) {
	if d.out.Recheck.IsZero() || t.Before(d.out.Recheck) {
		d.out.Recheck = t
	}
}
