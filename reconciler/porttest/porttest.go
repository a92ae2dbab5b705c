// Package porttest is the suite that every reconciler.Cloud passes: what the
// planner relies on, tried against the real thing.
//
// It promises that an adapter which passes launches at most one machine for a
// token and index, keeps data, says no where the port says so, and may be called
// again after any failure. It knows nothing about any cloud: what differs is in
// the Harness. It does not measure.
package porttest

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A Harness is a world to try a cloud in. Each test gets its own, or one that
// other tests' deployments do not disturb.
type Harness struct {
	// Open returns one more instance of the cloud over the same world, as another
	// control plane would have it.
	Open func(t *testing.T) reconciler.Cloud
	// Shape is one that the world can launch, without a volume.
	Shape plan.Shape
	// Volume is one that the world can make.
	Volume plan.VolumeSpec
	// Patience is how long the world may take to show what was done.
	Patience time.Duration
	// Halt takes a machine down without the cloud's help, as a crash does.
	Halt func(t *testing.T, machineID string)
	// Occupy begins to write to an attached volume the way a database does, and
	// returns how to end that. Nil: the world cannot tell.
	Occupy func(t *testing.T, volumeID string) (release func())
	// UnknownMachine and UnknownVolume are well-formed ids of nothing.
	UnknownMachine, UnknownVolume string
}

// Run runs the suite.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	for _, c := range []struct {
		name string
		test func(*trial)
	}{
		{"identity is one for all and lasting", (*trial).identity},
		{"a launch is observed with its volume", (*trial).launch},
		{"a launch of several", (*trial).launchBatch},
		{"volumes of several are told apart", (*trial).volumesToldApart},
		{"a replay makes nothing", (*trial).replay},
		{"a replay after the end makes nothing", (*trial).replayTerminated},
		{"a replay asking for more makes nothing more", (*trial).replayLarger},
		{"launches that race make one machine each", (*trial).launchRace},
		{"a launch without a token is refused", (*trial).launchRefused},
		{"a machine that halts can be started", (*trial).haltAndStart},
		{"a machine that ended stays ended", (*trial).terminated},
		{"a volume outlives its machine and moves", (*trial).volumeMoves},
		{"a volume has one machine", (*trial).volumeConflict},
		{"a volume that is written to stays", (*trial).volumeBusy},
		{"a volume grows and never shrinks", (*trial).volumeGrows},
		{"a volume is deleted when nothing has it", (*trial).volumeDeleted},
		{"unknown ids are told", (*trial).unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			c.test(&trial{T: t, Harness: h, cloud: h.Open(t), deployment: uuid.NewString(), tokens: map[string]bool{}})
		})
	}
}

// A trial is one test in its world.
type trial struct {
	*testing.T
	Harness
	cloud      reconciler.Cloud
	deployment string
	tokens     map[string]bool // of its launches
}

// has tells whether a volume is this trial's: a cloud names the deployment, or the
// launch that made the volume.
func (t *trial) has(v plan.Volume) bool {
	return v.Deployment == t.deployment || v.Deployment == "" && t.tokens[v.Token]
}

// batch are the actions that launch one machine for each index, with a volume
// each when the shape says so. Index i is for generation i+1 of the deployment.
func (t *trial) batch(token string, withVolume bool, indexes ...int) []plan.Action {
	shape := t.Shape
	if withVolume {
		volume := t.Volume
		shape.Volume = &volume
	}
	t.tokens[token] = true
	var actions []plan.Action
	for _, i := range indexes {
		actions = append(actions, plan.Action{
			Kind: plan.LaunchMachine, Deployment: t.deployment, Token: token, Index: i, Batch: len(indexes), Shape: shape,
			Slot: plan.SlotID{Deployment: t.deployment, Generation: int64(i + 1)},
		})
	}
	return actions
}

// mustLaunch launches and expects one machine for each action.
func (t *trial) mustLaunch(actions []plan.Action) []plan.Machine {
	t.Helper()
	machines, err := t.cloud.Launch(t.Context(), actions)
	if err != nil {
		t.Fatalf("Launch: %v", err)
	}
	if len(machines) != len(actions) {
		t.Fatalf("Launch returned %d machines for %d actions", len(machines), len(actions))
	}
	for i, m := range machines {
		t.removeAtEnd(m.ID)
		if m.ID == "" || m.Token != actions[i].Token || m.Index != actions[i].Index {
			t.Fatalf("Launch returned %+v for token %s, index %d", m, actions[i].Token, actions[i].Index)
		}
	}
	return machines
}

// launchOne launches one machine with a volume and returns both.
func (t *trial) launchOne() (machine, volume string) {
	t.Helper()
	machine = t.mustLaunch(t.batch(uuid.NewString(), true, 0))[0].ID
	t.eventually("the volume is attached", func(inv plan.Inventory) bool {
		for _, v := range inv.Volumes {
			if t.has(v) && v.AttachedTo == machine {
				volume = v.ID
			}
		}
		return volume != ""
	})
	return machine, volume
}

// removeAtEnd leaves no machine behind, also after a failure.
func (t *trial) removeAtEnd(machine string) {
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := t.cloud.TerminateMachine(ctx, machine); err != nil {
			t.Errorf("terminate machine %s at the test's end: %v", machine, err)
		}
	})
}

// eventually looks until the condition holds on a whole listing.
func (t *trial) eventually(what string, holds func(plan.Inventory) bool) plan.Inventory {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), t.Patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		inv := t.cloud.Observe(ctx)
		if inv.Gaps == (plan.Gaps{}) && holds(inv) {
			return inv
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not seen within %s: %s; last seen: %+v", t.Patience, what, inv)
		case <-tick.C:
		}
	}
}

func (t *trial) must(doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

func machineOf(inv plan.Inventory, id string) plan.Machine {
	for _, m := range inv.Machines {
		if m.ID == id {
			return m
		}
	}
	return plan.Machine{}
}

func volumeOf(inv plan.Inventory, id string) plan.Volume {
	for _, v := range inv.Volumes {
		if v.ID == id {
			return v
		}
	}
	return plan.Volume{}
}

// live are the machines of a token that have not ended.
func live(inv plan.Inventory, token string) []plan.Machine {
	var ms []plan.Machine
	for _, m := range inv.Machines {
		if m.Token == token && m.State != plan.MachineTerminated {
			ms = append(ms, m)
		}
	}
	return ms
}
