package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
)

// A FleetInput is what the decisions of single deployments are admitted against.
type FleetInput struct {
	Limits   specs.Limits
	Outcomes []Outcome // those with something to do
	// Disrupted are the names of all deployments that a change of ours disrupts now or
	// is about to, those of Outcomes among them. True: it does not serve, or is being
	// worked on.
	Disrupted map[string]bool
	// Destroyed counts the deployments that each commit deleted, and Approved says
	// which of these commits a person has approved.
	Destroyed map[string]int
	Approved  map[string]bool
	// Updating counts the agents that are being updated, silent, or could not be.
	Updating int
	// Asked are the deployments, by id, whose agents were asked to update and did not
	// say that they have: they may be at it still. Updating counts them too.
	Asked map[string]bool
	// Room is how many machines may be launched now; nil: any number.
	Room *int
}

// maxBatch is how many machines one launch may ask for. EC2 takes 1,000; a
// smaller number keeps small what one lost answer leaves in doubt.
const maxBatch = 200

// Fleet admits decisions against the limits and gives launches of one shape a
// common token. What is not admitted becomes a wait; what it would have claimed
// is not claimed. The outcomes come back in the order of deployments' ids.
func Fleet(in FleetInput) []Outcome {
	outs := slices.Clone(in.Outcomes)
	slices.SortFunc(outs, func(a, b Outcome) int { return strings.Compare(a.Status.ID, b.Status.ID) })
	budget := newBudget(in)
	for i := range outs {
		outs[i] = admit(outs[i], in, budget)
	}
	ration(outs, in)
	batch(outs)
	return outs
}

// leastBatch is how many machines are worth a request while more are waiting for
// room: requests are limited too.
const leastBatch = 50

// WaitsForRoom is why a launch is held that there is no room for. It says nothing
// that changes: thousands may be waiting.
const WaitsForRoom = "waits for its turn: more machines are wanted than the cloud launches at one time"

// ration holds the launches that there is no room for yet, before anything is
// claimed for them. Repeated launches are not new machines.
func ration(outs []Outcome, in FleetInput) {
	if in.Room == nil {
		return
	}
	var fresh []int
	for i, o := range outs {
		if slices.ContainsFunc(o.Actions, isFresh) {
			fresh = append(fresh, i)
		}
	}
	// A database that has data and no machine goes before those that are yet to be.
	slices.SortStableFunc(fresh, func(a, b int) int { return cmp.Compare(brandNew(outs[a]), brandNew(outs[b])) })
	room := *in.Room
	if len(fresh) > room && room < leastBatch {
		room = 0
	}
	for n, i := range fresh {
		if n >= room {
			outs[i] = HoldKind(outs[i], LaunchMachine, ByCloud, WaitsForRoom)
		}
	}
}

// brandNew is 1 for a launch that brings a new volume.
func brandNew(o Outcome) int {
	if slices.ContainsFunc(o.Actions, func(a Action) bool { return isFresh(a) && a.Shape.Volume != nil }) {
		return 1
	}
	return 0
}

func isFresh(a Action) bool { return a.Kind == LaunchMachine && a.Token == "" }

// A budget is how many disruptions are still allowed.
type budget struct {
	limit    int
	names    []string // disrupted now, and then those that are about to be
	updating int      // agents that are being updated, or did not come back
}

func newBudget(in FleetInput) *budget {
	names := slices.Sorted(maps.Keys(in.Disrupted))
	slices.SortStableFunc(names, func(a, b string) int {
		switch {
		case in.Disrupted[a] == in.Disrupted[b]:
			return 0
		case in.Disrupted[a]:
			return -1
		}
		return 1
	})
	return &budget{limit: in.Limits.MaxDisrupted, names: names, updating: in.Updating}
}

// take says whether one more deployment may be disrupted. One that does not serve costs
// nothing more. One that serves may wait for its turn although its new machine is there:
// more than the limit get theirs at once when a cloud had none for a while.
func (b *budget) take(name string, serves bool) bool {
	at := slices.Index(b.names, name)
	switch {
	case at >= 0:
		return !serves || at < b.limit
	case len(b.names) >= b.limit:
		return false
	}
	b.names = append(b.names, name)
	return true
}

func admit(o Outcome, in FleetInput, b *budget) Outcome {
	if c := deletedIn(o); c != "" && in.Destroyed[c] > in.Limits.MaxDestroyed && !in.Approved[c] && destroys(o) {
		return hold(o, Destroy, fmt.Sprintf(
			"commit %s deletes %d deployments and at most %d may go in one commit: nothing is destroyed until a row in approvals names it "+
				"(INSERT INTO approvals (commit_hash, approved_by, reason) VALUES ('%s', …)) or it is reverted",
			short(c), in.Destroyed[c], in.Limits.MaxDestroyed, c))
	}
	if Disrupts(o) && !b.take(o.Status.Name, o.Status.Ready) {
		first := b.names[:min(len(b.names), max(b.limit, 0))]
		return hold(o, Restart, fmt.Sprintf("waits for its turn: %d of at most %d deployments are disrupted now (%s)",
			len(first), b.limit, strings.Join(first, ", ")))
	}
	if updates(o) && !in.Asked[o.Status.ID] && !b.update() {
		return HoldKind(o, UpdateAgent, ByLimit, "its agent is updated when those of others, updated before, answer again")
	}
	return o
}

func updates(o Outcome) bool {
	return slices.ContainsFunc(o.Actions, func(a Action) bool { return a.Kind == UpdateAgent })
}

// update says whether one more agent may be updated. A release that does not work
// must not reach more machines than may be disrupted at one time.
func (b *budget) update() bool {
	if b.updating >= max(b.limit, 1) {
		return false
	}
	b.updating++
	return true
}

func deletedIn(o Outcome) string {
	if o.Entry == nil {
		return ""
	}
	return o.Entry.DeletedIn
}

func destroys(o Outcome) bool {
	return slices.ContainsFunc(o.Actions, func(a Action) bool { return a.Disruption == Destroy })
}

// Disrupts says whether users of a serving database would notice. What a person
// asked for by running = false or a deletion is theirs to time, not ours to ration.
// A replacement counts also where nothing serves: when a whole zone is in trouble,
// not all of its machines are to be replaced at once.
func Disrupts(o Outcome) bool {
	if o.Status.Phase == PhaseStopping || o.Status.Phase == PhaseDeleting {
		return false
	}
	if !o.Status.Ready {
		return slices.ContainsFunc(o.Actions, func(a Action) bool { return isFresh(a) && a.Disruption == Replace })
	}
	return slices.ContainsFunc(o.Actions, func(a Action) bool { return a.Disruption == Restart || a.Disruption == Replace })
}

// hold takes out the actions at or above a disruption, with the claims they need.
func hold(o Outcome, from Disruption, reason string) Outcome {
	return without(o, func(a Action) bool { return a.Disruption.rank() >= from.rank() }, ByLimit, reason)
}

// Hold takes out everything that would be done, with the reason.
func Hold(o Outcome, why HeldBy, reason string) Outcome {
	return without(o, func(Action) bool { return true }, why, reason)
}

// HoldKind takes out the actions of one kind, with the reason.
func HoldKind(o Outcome, k Kind, why HeldBy, reason string) Outcome {
	return without(o, func(a Action) bool { return a.Kind == k }, why, reason)
}

// Underway takes out the actions of a kind that is being carried out beside.
func Underway(o Outcome, k Kind) Outcome {
	o.Actions = slices.DeleteFunc(slices.Clone(o.Actions), func(a Action) bool { return a.Kind == k })
	o.Pending = true
	if k == ObtainCert && !o.Status.Ready {
		const reason = "its first certificate is being obtained"
		o.Waits = append(slices.Clone(o.Waits), Wait{Deployment: o.Status.ID, Name: o.Status.Name, Reason: reason})
		o.Status.Conditions = append(slices.Clone(o.Status.Conditions), Condition{Type: "Waiting", Status: true, Reason: "Waiting", Message: reason})
	}
	return o
}

// without takes out actions; a claim goes with the launch that it is for.
func without(o Outcome, which func(Action) bool, why HeldBy, reason string) Outcome {
	o.Actions = slices.DeleteFunc(slices.Clone(o.Actions), which)
	if o.Entry != nil && !slices.ContainsFunc(o.Actions, isFresh) {
		e := o.Entry.clone()
		e.Slots = slices.DeleteFunc(e.Slots, func(s Slot) bool { return s.Token == "" })
		o.Entry = e
	}
	o.Waits = append(slices.Clone(o.Waits), Wait{Deployment: o.Status.ID, Name: o.Status.Name, Reason: reason})
	o.Status.Conditions = append(slices.Clone(o.Status.Conditions),
		Condition{Type: "Held", Status: true, Reason: string(why), Message: reason})
	return o
}

// HeldBy is what keeps an action from being carried out now, in one word.
type HeldBy string

// What holds actions.
const (
	ByLimit   HeldBy = "Limit"         // the fleet's own
	ByCloud   HeldBy = "CloudLimit"    // the cloud's, on launches
	ByFailure HeldBy = "LastTryFailed" // it is tried again later
)

// Held says whether something that would be done is kept back by that.
func (o *Outcome) Held(by HeldBy) bool {
	return slices.ContainsFunc(o.Status.Conditions, func(c Condition) bool { return c.Type == "Held" && c.Reason == string(by) })
}

func (d Disruption) rank() int { return slices.Index([]Disruption{None, Restart, Replace, Destroy}, d) }

// A launch is one launch action by its place in the outcomes.
type launch struct {
	out, act int
	slot     Slot
}

// batch gives new launches of equal shape a common token.
func batch(outs []Outcome) {
	groups := map[string][]launch{}
	for i, o := range outs {
		for j, a := range o.Actions {
			if a.Kind == LaunchMachine && a.Token == "" {
				groups[a.Shape.key()] = append(groups[a.Shape.key()], launch{i, j, o.Entry.Slots[0]})
			}
		}
	}
	for _, g := range groups {
		for part := range slices.Chunk(g, maxBatch) {
			assign(outs, part)
		}
	}
}

func assign(outs []Outcome, part []launch) {
	token := batchToken(part)
	for n, l := range part {
		o := &outs[l.out]
		e := o.Entry.clone()
		s := &e.Slots[0]
		s.Token, s.Index, s.Batch = token, n, len(part)
		o.Entry = e
		o.Actions = slices.Clone(o.Actions)
		a := &o.Actions[l.act]
		a.Token, a.Index, a.Batch = token, n, len(part)
	}
}

// batchToken names a batch for ever: slots and the time of their claim go in, so
// that a batch made again after a loss has another name. 43 characters; EC2's
// client tokens hold 64.
func batchToken(part []launch) string {
	h := sha256.New()
	for _, l := range part {
		fmt.Fprintf(h, "%s/%d/%d@%d\n", l.slot.Deployment, l.slot.Ordinal, l.slot.Generation, l.slot.ClaimedAt.UnixNano())
	}
	return "ms-" + hex.EncodeToString(h.Sum(nil)[:20])
}

func (s Shape) key() string {
	k := s.Zone + "|" + s.InstanceType
	if v := s.Volume; v != nil {
		k += fmt.Sprintf("|%s|%d|%d|%d", v.Type, v.GB, v.IOPS, v.MiBps)
	}
	return k
}

// SortActions orders actions for people: by deployment's name, and within one as
// they were decided.
func SortActions(as []Action) {
	slices.SortStableFunc(as, func(a, b Action) int { return cmp.Compare(a.Name, b.Name) })
}
