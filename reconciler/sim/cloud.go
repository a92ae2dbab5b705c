package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// Identity names the world.
func (w *World) Identity(context.Context) (string, error) { return w.identity, nil }

// Observe lists machines and volumes, less what a gap hides.
func (w *World) Observe(context.Context) plan.Inventory {
	w.mu.Lock()
	defer w.mu.Unlock()
	inv := plan.Inventory{Gaps: w.gaps}
	if w.gaps.Machines == "" {
		inv.Machines = slices.Clone(w.machines)
	}
	if w.gaps.Volumes == "" {
		inv.Volumes = slices.Clone(w.volumes)
	}
	return inv
}

// Launch makes the machines of the batch, unless its token was used before: then
// it returns those of them that were made.
func (w *World) Launch(ctx context.Context, batch []plan.Action) ([]plan.Machine, error) {
	if err := checkBatch(batch); err != nil {
		return nil, err
	}
	var made []plan.Machine
	err := w.effect(ctx, "launch "+batch[0].Token, func() error {
		used := slices.ContainsFunc(w.machines, func(m plan.Machine) bool { return m.Token == batch[0].Token })
		for _, a := range batch {
			if m, ok := w.launched(a); ok {
				made = append(made, m)
			} else if !used {
				made = append(made, w.launch(a))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

func checkBatch(batch []plan.Action) error {
	if len(batch) == 0 || batch[0].Token == "" {
		return fmt.Errorf("a launch needs machines to make and a token")
	}
	seen := map[int]bool{}
	for _, a := range batch {
		if a.Token != batch[0].Token || seen[a.Index] {
			return fmt.Errorf("a launch has one token, and each index once")
		}
		seen[a.Index] = true
	}
	return nil
}

func (w *World) launched(a plan.Action) (plan.Machine, bool) {
	for _, m := range w.machines {
		if m.Token == a.Token && m.Index == a.Index {
			return m, true
		}
	}
	return plan.Machine{}, false
}

func (w *World) launch(a plan.Action) plan.Machine {
	w.launches++
	id := fmt.Sprintf("i-%08x", w.launches)
	m := plan.Machine{ID: id, Token: a.Token, Index: a.Index, State: plan.MachinePending, Zone: a.Shape.Zone,
		InstanceType: a.Shape.InstanceType, Host: w.host(w.launches)}
	w.machines = append(w.machines, m)
	w.byID[id] = len(w.machines) - 1
	if v := a.Shape.Volume; v != nil {
		w.made++
		w.volumes = append(w.volumes, plan.Volume{ID: fmt.Sprintf("vol-%08x", w.made), Deployment: a.Deployment, Ordinal: a.Slot.Ordinal,
			Token: a.Token, Index: a.Index, GB: v.GB, AttachedTo: id})
	}
	w.after(w.latency.Running, func() { w.start(id) })
	w.after(w.latency.Agent, func() { w.answer(id) })
	return *w.machine(id)
}

// host is an address of a network that belongs to nobody.
func (w *World) host(n int) string { return fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255) }

// start has a machine that was launched run, unless it was ended meanwhile.
func (w *World) start(id string) {
	if m := w.machine(id); m.State == plan.MachinePending {
		m.State, m.AgentAddress = plan.MachineRunning, id+":1"
	}
}

// answer has the agent of a fresh machine answer.
func (w *World) answer(id string) {
	if m := w.machine(id); m.State != plan.MachineTerminated {
		attached := slices.ContainsFunc(w.volumes, func(v plan.Volume) bool { return v.AttachedTo == id })
		w.agents[id] = plan.Agent{Reachable: true, Since: since, Database: plan.DatabaseAbsent, VolumeAttached: attached}
	}
}

// StartMachine starts a stopped machine; its agent comes back with its order.
func (w *World) StartMachine(ctx context.Context, id string) error {
	return w.onMachine(ctx, "start", id, func(m *plan.Machine) error {
		if m.State == plan.MachineTerminated {
			return fmt.Errorf("machine %s is terminated: %w", id, reconciler.ErrConflict)
		}
		w.restart(id)
		return nil
	})
}

func (w *World) restart(id string) {
	w.machine(id).State = plan.MachineRunning
	a := w.agents[id]
	a.Reachable = true
	w.agents[id] = comeBack(a)
}

// comeBack is an agent that serves again what it was told last.
func comeBack(a plan.Agent) plan.Agent {
	if a.Order != nil && a.VolumeAttached {
		a.Database, a.DatabaseDetail = plan.DatabaseServing, ""
	}
	return a
}

// TerminateMachine ends a machine and frees its volume.
func (w *World) TerminateMachine(ctx context.Context, id string) error {
	return w.effect(ctx, "terminate "+id, func() error {
		if !strings.HasPrefix(id, "i-") {
			return fmt.Errorf("%q is not the id of a machine", id)
		}
		if w.machine(id) != nil { // one that is not known is gone already
			w.terminate(id)
		}
		return nil
	})
}

// AttachVolume gives a free volume to a machine.
func (w *World) AttachVolume(ctx context.Context, volumeID, machineID string) error {
	return w.onVolume(ctx, "attach", volumeID, func(v *plan.Volume) error {
		m := w.machine(machineID)
		switch {
		case m == nil || m.State == plan.MachineTerminated:
			return fmt.Errorf("there is no machine %s to attach volume %s to", machineID, volumeID)
		case v.AttachedTo != "" && v.AttachedTo != machineID:
			return fmt.Errorf("volume %s is attached to %s: %w", volumeID, v.AttachedTo, reconciler.ErrConflict)
		}
		v.AttachedTo = machineID
		if a, ok := w.agents[machineID]; ok { // the agent of one that starts sees it when it answers
			a.VolumeAttached = true
			w.agents[machineID] = comeBack(a)
		}
		return nil
	})
}

// DetachVolume frees a volume that nothing writes to.
func (w *World) DetachVolume(ctx context.Context, id, machine string) error {
	return w.onVolume(ctx, "detach", id, func(v *plan.Volume) error {
		if v.AttachedTo == "" {
			return nil
		}
		if v.AttachedTo != machine {
			return fmt.Errorf("volume %s is attached to %s and not to %s: %w", id, v.AttachedTo, machine, reconciler.ErrConflict)
		}
		a, ok := w.agents[v.AttachedTo]
		if ok && a.Database == plan.DatabaseServing {
			return fmt.Errorf("the database on %s writes to volume %s: %w", v.AttachedTo, id, reconciler.ErrConflict)
		}
		if ok {
			a.VolumeAttached = false
			w.agents[v.AttachedTo] = a
		}
		v.AttachedTo = ""
		return nil
	})
}

// GrowVolume makes a volume larger.
func (w *World) GrowVolume(ctx context.Context, id string, gb int) error {
	return w.onVolume(ctx, "grow", id, func(v *plan.Volume) error {
		if gb < v.GB {
			return fmt.Errorf("volume %s has %d GiB and cannot shrink to %d", id, v.GB, gb)
		}
		v.GB = gb
		return nil
	})
}

// DeleteVolume deletes a free volume; one that is gone already is no error.
func (w *World) DeleteVolume(ctx context.Context, id string) error {
	return w.effect(ctx, "delete "+id, func() error {
		if !strings.HasPrefix(id, "vol-") {
			return fmt.Errorf("%q is not the id of a volume", id)
		}
		v := w.volume(id)
		if v != nil && v.AttachedTo != "" {
			return fmt.Errorf("volume %s is attached to %s: %w", id, v.AttachedTo, reconciler.ErrConflict)
		}
		w.volumes = slices.DeleteFunc(w.volumes, func(v plan.Volume) bool { return v.ID == id })
		return nil
	})
}

func (w *World) onMachine(ctx context.Context, verb, id string, change func(*plan.Machine) error) error {
	return w.effect(ctx, verb+" "+id, func() error {
		m := w.machine(id)
		if m == nil {
			return fmt.Errorf("there is no machine %s", id)
		}
		return change(m)
	})
}

func (w *World) onVolume(ctx context.Context, verb, id string, change func(*plan.Volume) error) error {
	return w.effect(ctx, verb+" "+id, func() error {
		v := w.volume(id)
		if v == nil {
			return fmt.Errorf("there is no volume %s", id)
		}
		return change(v)
	})
}
