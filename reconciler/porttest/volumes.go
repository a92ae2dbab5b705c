package porttest

import (
	"errors"

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
	t.must("DetachVolume", t.cloud.DetachVolume(t.Context(), volume))
	t.must("DetachVolume again", t.cloud.DetachVolume(t.Context(), volume))
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
	_, volume := t.launchOne()
	release := t.Occupy(t.T, volume)
	t.conflict("DetachVolume of a volume that is written to", t.cloud.DetachVolume(t.Context(), volume))
	release()
	t.must("DetachVolume", t.cloud.DetachVolume(t.Context(), volume))
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
	t.must("DeleteVolume", t.cloud.DeleteVolume(t.Context(), volume))
	t.must("DeleteVolume again", t.cloud.DeleteVolume(t.Context(), volume))
	t.eventually("the volume is gone", func(inv plan.Inventory) bool { return volumeOf(inv, volume).ID == "" })
}

// conflict expects reconciler.ErrConflict.
func (t *trial) conflict(doing string, err error) {
	t.Helper()
	if !errors.Is(err, reconciler.ErrConflict) {
		t.Errorf("%s: %v, want a conflict", doing, err)
	}
}
