package reconciler

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// TestWhatNoListingCouldShowYet: that a slot has a machine is heard of before a listing shows
// the machine. Until one does that began late enough, when it was heard of is told to who decides,
// however long ago that is: in a large fleet listings are minutes apart.
func TestWhatNoListingCouldShowYet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &Reconciler{world: newWorld(), desk: newDesk(), state: ledger.NewState()}
		slot := plan.Slot{SlotID: plan.SlotID{Deployment: "d1", Generation: 1}, Token: "ms-1", State: plan.SlotBound, MachineID: "i-1", ClaimedAt: time.Now().Add(-time.Hour)}
		r.state.Entries["d1"] = &plan.Entry{Deployment: "d1", Slots: []plan.Slot{slot}}
		r.world.listed = time.Now()
		time.Sleep(time.Second)
		heard := time.Now()
		r.desk.noteEntry(r.state.Entries["d1"])
		time.Sleep(10 * plan.ListingLag)
		if at, ok := r.input("d1", time.Now()).Bound[slot.SlotID]; !ok || !at.Equal(heard) {
			t.Errorf("with a listing from before it was heard of at %s: %s, %t", heard, at, ok)
		}
		r.world.listed = heard.Add(plan.ListingLag)
		if at, ok := r.input("d1", time.Now()).Bound[slot.SlotID]; ok {
			t.Errorf("with a listing that had to show its machine: %s", at)
		}
	})
}
