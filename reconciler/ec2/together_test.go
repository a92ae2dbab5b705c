package ec2_test

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/mototest"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// gather is longer than a busy machine takes to begin a handful of requests.
const gather = time.Second

// TestTogether: what is asked at one moment is one request, and each gets the answer
// about its own.
func TestTogether(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.Gather(gather)
	actions := batch(4)
	machines := f.launch(t, actions)
	inv := f.owned(t, actions)
	const unknown = "vol-00000000000000001"
	before := f.proxy.Count("DescribeVolumes")
	var looks errgroup.Group
	for _, v := range inv.Volumes {
		looks.Go(func() error { return f.AttachVolume(t.Context(), v.ID, v.AttachedTo) })
	}
	looks.Go(func() error {
		if err := f.DetachVolume(t.Context(), unknown, machines[0].ID); awserr.KindOf(err) != awserr.NotFound {
			t.Errorf("a volume that is not there among others: %v, want not found", err)
		}
		return nil
	})
	if err := looks.Wait(); err != nil {
		t.Error(err)
	}
	if n := f.proxy.Count("DescribeVolumes") - before; n != 1 {
		t.Errorf("%d requests for 5 looks, want one", n)
	}
}

// TestEndedTogether: machines are ended with one request. One that AWS does not know
// any more keeps no other from being ended.
func TestEndedTogether(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		forgotten int // of the machines
		requests  int
	}{
		{"all known", -1, 1},
		{"one forgotten", 1, 1 + 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			f.Gather(gather)
			machines := f.launch(t, batch(3))
			f.whole(t)
			f.proxy.Failing(func(r mototest.Request) *mototest.Fault {
				if c.forgotten < 0 || r.Action != "TerminateInstances" || !slices.Contains(slices.Concat(slices.Collect(maps.Values(r.Form))...), machines[c.forgotten].ID) {
					return nil
				}
				return &mototest.Fault{Status: http.StatusBadRequest, Code: "InvalidInstanceID.NotFound"}
			})
			var ends sync.WaitGroup
			failed := make([]error, len(machines))
			for n, m := range machines {
				ends.Go(func() { failed[n] = f.TerminateMachine(t.Context(), m.ID) })
			}
			ends.Wait()
			if n := f.proxy.Since("TerminateInstances"); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
			for n, m := range machines {
				// It was seen a moment ago: AWS's answer lags, and it is asked for again.
				if lost := n == c.forgotten; (awserr.KindOf(failed[n]) == awserr.NotFound) != lost {
					t.Errorf("ending machine %d: %v", n, failed[n])
				}
				if f.proxy.Failing(nil); n != c.forgotten && f.stateOf(t, m.ID) != plan.MachineTerminated {
					t.Errorf("machine %d still lives", n)
				}
			}
		})
	}
}

func (f *fleet) stateOf(t *testing.T, machine string) plan.MachineState {
	t.Helper()
	for _, m := range f.whole(t).Machines {
		if m.ID == machine {
			return m.State
		}
	}
	return ""
}
