package porttest

import (
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

func (t *trial) volumeMoves() {
	first, volume := t.launchOne()
	t.must("TerminateMachine", t.cloud.TerminateMachine(t.Context(), first))
	second := t.mustLaunch(t.batch(uuid.NewString(), false, 1))[0].ID
	t.must("AttachVolume", t.cloud.AttachVolume(t.Context(), volume, second))
	t.must("AttachVolume again", t.cloud.AttachVolume(t.Context(), volume, second))
	t.eventually("the volume is attached to the second machine", func(inv plan.Inventory) bool {
		return volumeOf(inv, volume).AttachedTo == second
	})
	t.conflict("DetachVolume from where it was", t.cloud.DetachVolume(t.Context(), volume, first))
	t.must("DetachVolume", t.cloud.DetachVolume(t.Context(), volume, second))
	t.must("DetachVolume again", t.cloud.DetachVolume(t.Context(), volume, second))
	t.eventually("the volume is free", func(inv plan.Inventory) bool {
		v := volumeOf(inv, volume)
		return v.ID == volume && v.AttachedTo == "" && machineOf(inv, second).State == plan.MachineRunning
	})
}

func (t *trial) volumeConflict() {
	first, volume := t.launchOne()
	second := t.mustLaunch(t.batch(uuid.NewString(), false, 1))[0].ID
	t.conflict("AttachVolume of an attached volume", t.cloud.AttachVolume(t.Context(), volume, second))
	t.eventually("the volume is where it was", func(inv plan.Inventory) bool {
		return volumeOf(inv, volume).AttachedTo == first
	})
}

func (t *trial) volumeBusy() {
	if t.Occupy == nil {
		t.Skip("this world cannot write to a volume")
	}
	machine, volume := t.launchOne()
	release := t.Occupy(t.T, volume)
	t.conflict("DetachVolume of a volume that is written to", t.cloud.DetachVolume(t.Context(), volume, machine))
	release()
	t.must("DetachVolume", t.cloud.DetachVolume(t.Context(), volume, machine))
}

func (t *trial) volumeGrows() {
	_, volume := t.launchOne()
	gb := t.Volume.GB + 5
	t.must("GrowVolume", t.cloud.GrowVolume(t.Context(), volume, gb))
	t.must("GrowVolume again", t.cloud.GrowVolume(t.Context(), volume, gb))
	t.told("GrowVolume to a smaller size", volume, t.cloud.GrowVolume(t.Context(), volume, t.Volume.GB))
	t.eventually("the volume has grown", func(inv plan.Inventory) bool { return volumeOf(inv, volume).GB == gb })
}

func (t *trial) volumeDeleted() {
	machine, volume := t.launchOne()
	t.conflict("DeleteVolume of an attached volume", t.cloud.DeleteVolume(t.Context(), volume))
	t.must("TerminateMachine", t.cloud.TerminateMachine(t.Context(), machine))
	t.deleted(volume)
	t.must("DeleteVolume again", t.cloud.DeleteVolume(t.Context(), volume))
	t.eventually("the volume is gone", func(inv plan.Inventory) bool { return volumeOf(inv, volume).ID == "" })
}

// deleted asks for a volume's end until it is done: a cloud may make a last snapshot
// of it first, and other control planes ask for it too.
func (t *trial) deleted(volume string) {
	t.Helper()
	other := t.Open(t.T)
	t.eventually("the volume is deleted", func(plan.Inventory) bool {
		err := other.DeleteVolume(t.Context(), volume)
		if err != nil && !errors.Is(err, reconciler.ErrConflict) {
			t.Fatalf("DeleteVolume: %v", err)
		}
		return err == nil
	})
}

// volumesToldApart: whose each volume of one launch is follows from what is listed,
// and a volume that lost its machine still tells which launch made it.
func (t *trial) volumesToldApart() {
	token := uuid.NewString()
	machines := t.mustLaunch(t.batch(token, true, 0, 1))
	inv := t.eventually("both machines have their volumes", func(inv plan.Inventory) bool {
		return !slices.ContainsFunc(machines, func(m plan.Machine) bool { return volumeAt(inv, m.ID).ID == "" })
	})
	for _, m := range machines {
		if v := volumeAt(inv, m.ID); v.Deployment != t.deployment && (v.Token != token || v.Index != m.Index) {
			t.Errorf("the volume of index %d is %+v", m.Index, v)
		}
	}
	volume := volumeAt(inv, machines[0].ID).ID
	t.must("TerminateMachine", t.cloud.TerminateMachine(t.Context(), machines[0].ID))
	inv = t.eventually("the volume is free", func(inv plan.Inventory) bool {
		v := volumeOf(inv, volume)
		return v.ID == volume && v.AttachedTo == ""
	})
	if v := volumeOf(inv, volume); !t.has(v) || v.Deployment == "" && v.Index >= 0 {
		t.Errorf("a volume that lost its machine is %+v, want its deployment, or its launch and no index", v)
	}
}

func volumeAt(inv plan.Inventory, machine string) plan.Volume {
	for _, v := range inv.Volumes {
		if v.AttachedTo == machine {
			return v
		}
	}
	return plan.Volume{}
}

// conflict expects reconciler.ErrConflict.
func (t *trial) conflict(doing string, err error) {
	t.Helper()
	if !errors.Is(err, reconciler.ErrConflict) {
		t.Errorf("%s: %v, want a conflict", doing, err)
	}
}
