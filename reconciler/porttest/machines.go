package porttest

import (
	"slices"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

func (t *trial) identity() {
	first, err := t.cloud.Identity(t.Context())
	t.must("Identity", err)
	again, err := t.Open(t.T).Identity(t.Context())
	t.must("Identity of another instance", err)
	if first == "" || first != again {
		t.Fatalf("identities %q and %q: one world has one, and it is not empty", first, again)
	}
}

func (t *trial) launch() {
	token := uuid.NewString()
	m := t.mustLaunch(t.batch(token, true, 0))[0]
	inv := t.eventually("the machine runs and has its volume", func(inv plan.Inventory) bool {
		return machineOf(inv, m.ID).State == plan.MachineRunning &&
			slices.ContainsFunc(inv.Volumes, func(v plan.Volume) bool { return v.AttachedTo == m.ID })
	})
	seen := machineOf(inv, m.ID)
	if seen.Token != token || seen.Index != 0 || seen.Zone != t.Shape.Zone || seen.InstanceType != t.Shape.InstanceType {
		t.Errorf("observed %+v, launched token %s in %+v", seen, token, t.Shape)
	}
	if seen.Host == "" {
		t.Error("the machine has no host to reach its database at")
	}
	for _, v := range inv.Volumes {
		if v.AttachedTo == m.ID && (!t.has(v) || v.Ordinal != 0 || v.GB != t.Volume.GB) {
			t.Errorf("observed volume %+v, launched %d GB for %s", v, t.Volume.GB, t.deployment)
		}
	}
	t.eventually("the agent's address is known", func(inv plan.Inventory) bool {
		return machineOf(inv, m.ID).AgentAddress != ""
	})
}

func (t *trial) launchBatch() {
	token := uuid.NewString()
	machines := t.mustLaunch(t.batch(token, false, 0, 1, 2))
	ids := make(map[string]bool)
	for _, m := range machines {
		ids[m.ID] = true
	}
	if len(ids) != 3 {
		t.Fatalf("three machines have the ids %v", ids)
	}
	t.eventually("three machines run", func(inv plan.Inventory) bool {
		ms := live(inv, token)
		return len(ms) == 3 && !slices.ContainsFunc(ms, func(m plan.Machine) bool { return m.State != plan.MachineRunning })
	})
}

func (t *trial) replay() {
	token := uuid.NewString()
	actions := t.batch(token, true, 0, 1)
	first := t.mustLaunch(actions)
	second := t.mustLaunch(actions)
	t.cloud = t.Open(t.T)
	third := t.mustLaunch(actions)
	if d := cmp.Diff(ids(first), ids(second)) + cmp.Diff(ids(first), ids(third)); d != "" {
		t.Fatalf("a replay returned other machines: %s", d)
	}
	inv := t.eventually("both machines are listed", func(inv plan.Inventory) bool { return len(live(inv, token)) >= 2 })
	if n := len(live(inv, token)); n != 2 {
		t.Fatalf("%d machines after a replay of a launch of 2", n)
	}
	if n := t.volumes(inv); n != 2 {
		t.Fatalf("%d volumes after a replay of a launch of 2", n)
	}
}

func (t *trial) replayTerminated() {
	token := uuid.NewString()
	actions := t.batch(token, true, 0)
	m := t.mustLaunch(actions)[0]
	t.must("TerminateMachine", t.cloud.TerminateMachine(t.Context(), m.ID))
	again := t.mustLaunch(actions)[0]
	if again.ID != m.ID || again.State != plan.MachineTerminated {
		t.Fatalf("the replay returned %+v, want machine %s as terminated", again, m.ID)
	}
	inv := t.eventually("the machine is terminated", func(inv plan.Inventory) bool { return len(live(inv, token)) == 0 })
	if n := t.volumes(inv); n != 1 {
		t.Fatalf("%d volumes, want the first one alone", n)
	}
}

func (t *trial) replayLarger() {
	token := uuid.NewString()
	t.mustLaunch(t.batch(token, false, 0))
	machines, err := t.cloud.Launch(t.Context(), t.batch(token, false, 0, 1))
	for _, m := range machines {
		t.removeAtEnd(m.ID)
	}
	// Refusing is as good as answering with what there is.
	if err == nil && len(machines) != 1 {
		t.Fatalf("a token that made one machine was used to make %d", len(machines))
	}
	inv := t.eventually("the first machine is listed", func(inv plan.Inventory) bool { return len(live(inv, token)) > 0 })
	if n := len(live(inv, token)); n != 1 {
		t.Fatalf("%d machines carry the token", n)
	}
}

func (t *trial) launchRace() {
	const planes, machines = 4, 2
	token := uuid.NewString()
	actions := t.batch(token, true, 0, 1)
	results := make([][]plan.Machine, planes)
	errs := make([]error, planes)
	var group sync.WaitGroup
	for i := range planes {
		cloud := t.Open(t.T)
		group.Go(func() { results[i], errs[i] = cloud.Launch(t.Context(), actions) })
	}
	group.Wait()
	for i := range planes {
		for _, m := range results[i] {
			t.removeAtEnd(m.ID)
		}
		t.must("Launch in a race", errs[i])
		if d := cmp.Diff(ids(results[0]), ids(results[i])); d != "" {
			t.Errorf("two control planes launched different machines: %s", d)
		}
	}
	inv := t.eventually("the machines are listed", func(inv plan.Inventory) bool { return len(live(inv, token)) >= machines })
	if n := len(live(inv, token)); n != machines {
		t.Fatalf("%d machines after a race, want %d", n, machines)
	}
	if n := t.volumes(inv); n != machines {
		t.Fatalf("%d volumes after a race, want %d", n, machines)
	}
}

func (t *trial) launchRefused() {
	one := t.batch(uuid.NewString(), false, 0)
	two := t.batch(uuid.NewString(), false, 0)
	twice := t.batch(uuid.NewString(), false, 0, 0)
	for name, actions := range map[string][]plan.Action{
		"nothing":         nil,
		"no token":        t.batch("", false, 0),
		"two tokens":      append(one, two...),
		"one index twice": twice,
	} {
		machines, err := t.cloud.Launch(t.Context(), actions)
		if err == nil {
			t.Errorf("a launch with %s made %v", name, machines)
		}
		for _, m := range machines {
			t.removeAtEnd(m.ID)
		}
	}
}

func (t *trial) haltAndStart() {
	machine, volume := t.launchOne()
	t.must("StartMachine of a running machine", t.cloud.StartMachine(t.Context(), machine))
	t.Halt(t.T, machine)
	t.eventually("the machine is stopped", func(inv plan.Inventory) bool {
		return machineOf(inv, machine).State == plan.MachineStopped
	})
	t.must("StartMachine", t.cloud.StartMachine(t.Context(), machine))
	t.must("StartMachine again", t.Open(t.T).StartMachine(t.Context(), machine))
	t.eventually("the machine runs and has its volume", func(inv plan.Inventory) bool {
		return machineOf(inv, machine).State == plan.MachineRunning && volumeOf(inv, volume).AttachedTo == machine
	})
}

func (t *trial) terminated() {
	machine, volume := t.launchOne()
	t.must("TerminateMachine", t.cloud.TerminateMachine(t.Context(), machine))
	t.must("TerminateMachine again", t.cloud.TerminateMachine(t.Context(), machine))
	t.eventually("the machine is terminated and its volume free", func(inv plan.Inventory) bool {
		state := machineOf(inv, machine).State
		v := volumeOf(inv, volume)
		return (state == plan.MachineTerminated || state == "") && v.ID == volume && v.AttachedTo == ""
	})
	t.told("StartMachine", machine, t.cloud.StartMachine(t.Context(), machine))
	t.told("AttachVolume", machine, t.cloud.AttachVolume(t.Context(), volume, machine))
}

func (t *trial) unknown() {
	machine, volume := t.launchOne()
	ctx := t.Context()
	t.told("StartMachine", t.UnknownMachine, t.cloud.StartMachine(ctx, t.UnknownMachine))
	t.told("AttachVolume", t.UnknownMachine, t.cloud.AttachVolume(ctx, volume, t.UnknownMachine))
	t.told("AttachVolume", t.UnknownVolume, t.cloud.AttachVolume(ctx, t.UnknownVolume, machine))
	t.told("DetachVolume", t.UnknownVolume, t.cloud.DetachVolume(ctx, t.UnknownVolume, machine))
	t.told("GrowVolume", t.UnknownVolume, t.cloud.GrowVolume(ctx, t.UnknownVolume, 1<<10))
	// What is not there is gone: an end needs no second one.
	t.must("TerminateMachine of nothing", t.cloud.TerminateMachine(ctx, t.UnknownMachine))
	t.must("DeleteVolume of nothing", t.cloud.DeleteVolume(ctx, t.UnknownVolume))
	for _, bad := range []string{"", "..", "../../etc", "x"} {
		if t.cloud.TerminateMachine(ctx, bad) == nil || t.cloud.DeleteVolume(ctx, bad) == nil {
			t.Errorf("%q was taken for an id", bad)
		}
	}
}

// told expects an error that names the id.
func (t *trial) told(doing, id string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s with %s succeeded", doing, id)
	} else if !strings.Contains(err.Error(), id) {
		t.Errorf("%s: the error does not name %s: %v", doing, id, err)
	}
}

// volumes counts the volumes of this trial's deployment.
func (t *trial) volumes(inv plan.Inventory) int {
	n := 0
	for _, v := range inv.Volumes {
		if t.has(v) {
			n++
		}
	}
	return n
}

func ids(machines []plan.Machine) map[int]string {
	m := make(map[int]string)
	for _, machine := range machines {
		m[machine.Index] = machine.ID
	}
	return m
}
