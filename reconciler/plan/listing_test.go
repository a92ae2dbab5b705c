package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

// TestAnOldListingShowsNoAbsence: what a listing lacks is gone only if it began when every
// listing had to have it. A process that stood still wakes with the one from before.
func TestAnOldListingShowsNoAbsence(t *testing.T) {
	t.Parallel()
	made := now.Add(-10 * time.Minute)
	slots := func(change ...func(*plan.Slot)) func(*plan.Input) {
		s := slot(1, append(change, since(now.Sub(made)))...)
		return func(in *plan.Input) { in.Entry.Slots, in.Machines = []plan.Slot{s}, nil }
	}
	for _, c := range []struct {
		name    string
		change  []func(*plan.Input)
		claimed bool           // another machine is, where the listing is new
		state   plan.SlotState // of the slot, where it is new
	}{
		{"a machine that serves", []func(*plan.Input){slots()}, true, plan.SlotVoid},
		{"a machine whose row was deleted", []func(*plan.Input){slots(), deleted}, false, plan.SlotVoid},
		{"a launch that asks for something else than the row", []func(*plan.Input){unlaunched, slots(claimed, func(s *plan.Slot) { s.Shape.InstanceType = "x" })}, true, plan.SlotVoid},
		{"a volume that was made with a machine", []func(*plan.Input){unlaunched, slots(withVolume, void)}, true, plan.SlotVoid},
	} {
		for _, listed := range []struct {
			at   time.Time
			anew bool
		}{{made.Add(-time.Minute), false}, {made.Add(plan.ListingLag - time.Second), false}, {made.Add(plan.ListingLag), true}, {time.Time{}, true}} {
			in := running(c.change...)
			in.Listed = listed.at
			before := in.Entry.Slots[0].State
			out := plan.Deployment(in)
			want := before
			if listed.anew {
				want = c.state
			}
			got := out.Entry.Slots[len(out.Entry.Slots)-1].State
			if got != want || (len(out.Entry.Slots) > 1) != (listed.anew && c.claimed) {
				t.Errorf("%s, listed at %s: the slot is %s, want %s: %s", c.name, listed.at, got, want, describe(out))
			}
			if !listed.anew && !out.Recheck.After(now) {
				t.Errorf("%s, listed at %s: it is not decided anew with the next listing", c.name, listed.at)
			}
		}
	}
}

// TestAnOldListingShowsNoStandstill: a machine that did not run when it was listed may run
// by now, and its database on it, which is stopped before its machine is ended.
func TestAnOldListingShowsNoStandstill(t *testing.T) {
	t.Parallel()
	off := row(func(d *specs.Deployment) { d.Running = false })
	for _, c := range []struct {
		state  plan.MachineState
		listed time.Duration // ago
		gap    string
		ends   bool
	}{
		{plan.MachineStopped, 0, "", true},
		{plan.MachineStopped, plan.ListingLag, "", true},
		{plan.MachineStopped, plan.ListingLag + time.Second, "", false},
		{plan.MachinePending, plan.ListingLag + time.Second, "", false},
		{plan.MachineStopped, 0, "throttled", false},
	} {
		for name, why := range map[string]func(*plan.Input){"switched off": off, "deleted": deleted, "moved": moving} {
			in := running(machineState(c.state), why)
			in.Listed, in.Gaps.Machines = now.Add(-c.listed), c.gap
			out := plan.Deployment(in)
			ends := slices.ContainsFunc(out.Actions, func(a plan.Action) bool { return a.Kind == plan.TerminateMachine })
			if ends != c.ends {
				t.Errorf("%s, %s, listed %s ago, gap %q: it is ended: %t, want %t: %s", c.state, name, c.listed, c.gap, ends, c.ends, describe(out))
			}
			if !c.ends && len(out.Waits) == 0 {
				t.Errorf("%s, %s, listed %s ago, gap %q: nobody is told why it is not ended: %s", c.state, name, c.listed, c.gap, describe(out))
			}
			if !c.ends && c.gap == "" && !out.Recheck.After(now) { // the end of a gap has all decided anew
				t.Errorf("%s, %s, listed %s ago: it is not decided anew with the next listing: %s", c.state, name, c.listed, describe(out))
			}
		}
	}
}
