package ec2

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// TestMissing: which machines are believed in that a listing does not show.
func TestMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		see := func(whole bool, want string, found ...plan.Machine) {
			t.Helper()
			var sightings []sighting
			for _, f := range found {
				sightings = append(sightings, sighting{machine: f, tags: []types.Tag{tag(fleetTag, "acme")}})
			}
			got := ""
			for _, missing := range m.see(sightings, whole) {
				got += missing.ID
			}
			if got != want {
				t.Errorf("after %v, %q are believed in, want %q", found, got, want)
			}
		}
		a, b := plan.Machine{ID: "a", State: plan.MachineRunning}, plan.Machine{ID: "b", State: plan.MachinePending}
		ended := plan.Machine{ID: "b", State: plan.MachineTerminated}
		see(true, "", a, b)
		see(true, "b", a)
		if m.listed("a") == nil || m.listed("b") != nil {
			t.Error("what a listing did not show is taken as still tagged, or what it showed is not")
		}
		see(false, "b", a)
		time.Sleep(lag / 2)
		see(true, "b", a)
		see(true, "a", ended)
		see(true, "a") // one that ended is gone when it is not listed
		time.Sleep(lag / 2)
		see(true, "a")
		time.Sleep(lag / 2)
		see(false, "")
		if _, known := m.tags("a"); !known {
			t.Error("forgotten on account of a partial listing")
		}
		see(true, "")
		if _, known := m.tags("a"); known {
			t.Error("remembered though it was not listed for long")
		}
	})
}
