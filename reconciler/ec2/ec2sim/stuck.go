package ec2sim

import (
	"context"
	"maps"
	"slices"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// Stick has volumes that are attached from now on be on their way until they no longer
// stick: AWS says "attaching", and the machine does not see them.
func (a *API) Stick(stuck bool) {
	a.mu.Lock()
	a.stuck = stuck
	arriving := maps.Clone(a.attaching)
	if stuck {
		arriving = nil
	} else {
		clear(a.attaching)
	}
	a.mu.Unlock()
	for _, volume := range slices.Sorted(maps.Keys(arriving)) {
		// A machine that has ended meanwhile gets nothing.
		_ = a.world.AttachVolume(context.Background(), volume, arriving[volume])
	}
}

// sticks says whether a volume that could be attached is on its way instead.
func (a *API) sticks(ctx context.Context, volume, machine string) bool {
	inv := a.present(ctx).inv
	free := slices.ContainsFunc(inv.Volumes, func(v plan.Volume) bool { return v.ID == volume && v.AttachedTo == "" })
	there := slices.ContainsFunc(inv.Machines, func(m plan.Machine) bool { return m.ID == machine && m.State != plan.MachineTerminated })
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.stuck || !free || !there {
		return false
	}
	a.attaching[volume] = machine
	return true
}

// onItsWay is the machine that a volume is on its way to; one that has ended no longer
// waits for it.
func (a *API) onItsWay(volume string) string {
	a.mu.Lock()
	machine := a.attaching[volume]
	a.mu.Unlock()
	if machine == "" {
		return ""
	}
	there := slices.ContainsFunc(a.world.Live(), func(m plan.Machine) bool { return m.ID == machine })
	if !there {
		a.mu.Lock()
		delete(a.attaching, volume)
		a.mu.Unlock()
		return ""
	}
	return machine
}
