package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// withVolume is the slot of a launch that brings a new volume.
func withVolume(s *plan.Slot) { s.Shape.Volume = &plan.VolumeSpec{Type: "gp3", GB: 10} }

// claimed is a slot whose launch has not come about.
func claimed(s *plan.Slot) { s.State, s.MachineID = plan.SlotClaimed, "" }

func since(d time.Duration) func(*plan.Slot) {
	return func(s *plan.Slot) { s.ClaimedAt = now.Add(-d) }
}

// unseen is a deployment of some slots no volume of which is on record.
func unseen(slots ...plan.Slot) func(*plan.Input) {
	return func(in *plan.Input) {
		in.Entry.VolumeID, in.Entry.Slots = "", slots
		in.Machines, in.Volumes, in.Agents = nil, nil, nil
	}
}

func launches(o plan.Outcome) bool {
	return slices.ContainsFunc(o.Actions, func(a plan.Action) bool { return a.Kind == plan.LaunchMachine })
}

// TestNoVolumeBesideAnUnlistedOne: a machine that was made and is gone left a volume,
// which is in every listing some time after the launch, and not sooner.
func TestNoVolumeBesideAnUnlistedOne(t *testing.T) {
	t.Parallel()
	gone := slot(1, withVolume, void, since(time.Hour))
	for _, c := range []struct {
		name  string
		bound time.Duration // since when the slot has a machine
		want  bool          // another is launched
	}{
		{"launched just now, claimed long ago", 10 * time.Second, false},
		{"launched so long ago that its volume would be listed", plan.ListingLag, true},
	} {
		in := running(unseen(gone))
		in.Bound = map[plan.SlotID]time.Time{gone.SlotID: now.Add(-c.bound)}
		if out := plan.Deployment(in); launches(out) != c.want {
			t.Errorf("%s: %s", c.name, describe(out))
		}
	}
}

// TestWhichVolume: of a deployment that never had a database the volume is taken that is
// where the machine is that will run one.
func TestWhichVolume(t *testing.T) {
	t.Parallel()
	free := plan.Volume{ID: "vol-1", Deployment: "d1", GB: 10}
	at := func(machine, id string) plan.Volume {
		return plan.Volume{ID: id, Deployment: "d1", GB: 10, AttachedTo: machine}
	}
	for _, c := range []struct {
		name     string
		slots    []plan.Slot
		machines []plan.Machine
		volumes  []plan.Volume
		want     string
	}{
		{"the only one", []plan.Slot{slot(1, void)}, nil, []plan.Volume{free}, "vol-1"},
		{"not one of a launch that was given up and lives", []plan.Slot{slot(1, void)}, []plan.Machine{machine(1, plan.MachineRunning)}, []plan.Volume{at("m-1", "vol-1")}, ""},
		{"the same once its machine has ended", []plan.Slot{slot(1, void)}, []plan.Machine{machine(1, plan.MachineTerminated)}, []plan.Volume{at("m-1", "vol-1")}, "vol-1"},
		{"not one beside a machine on its way that brings another", []plan.Slot{slot(2, withVolume, claimed), slot(1, void)}, nil, []plan.Volume{free}, ""},
		{"the one that came with the machine", []plan.Slot{slot(2, withVolume), slot(1, void)}, []plan.Machine{machine(2, plan.MachineRunning)},
			[]plan.Volume{free, at("m-2", "vol-2")}, "vol-2"},
		{"none of several while people handed one over", []plan.Slot{slot(2, withVolume), slot(1, void)}, []plan.Machine{machine(2, plan.MachineRunning)},
			[]plan.Volume{{ID: "vol-1", Deployment: "d1", GB: 10, ByHand: true}, at("m-2", "vol-2")}, ""},
	} {
		in := running(unseen(c.slots...))
		in.Machines, in.Volumes = c.machines, c.volumes
		if got := plan.Deployment(in).Entry.VolumeID; got != c.want {
			t.Errorf("%s: %q is on record, want %q", c.name, got, c.want)
		}
	}
}
