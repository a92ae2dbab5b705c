package ec2_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/awslimit"
	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/reconciler/mototest"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// TestThrottledForAMinute: AWS refuses everything for what is a minute at its pace.
// Nothing is lost or done twice, requests get fewer, and it goes on as soon as it may.
func TestThrottledForAMinute(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	// The limits are a thousand times AWS's, so that a minute's worth of refill is a moment.
	var quick []awslimit.Bucket
	for _, b := range ec2.Buckets() {
		b.PerSecond *= 1000
		quick = append(quick, b)
	}
	opts := f.options(f.name)
	opts.Limiter = awslimit.New(quick...)
	c := f.with(t, opts)
	f.proxy.Failing(func(r mototest.Request) *mototest.Fault {
		return &mototest.Fault{Status: http.StatusServiceUnavailable, Code: "RequestLimitExceeded"}
	})
	actions := batch(3)
	for range 60 {
		if _, err := c.Launch(t.Context(), actions); awserr.KindOf(err) != awserr.Throttled {
			t.Fatalf("error %v, want throttled", err)
		}
		if gaps := c.Observe(t.Context()).Gaps; gaps.Machines == "" || gaps.Volumes == "" {
			t.Fatalf("throttled, and the gaps are %+v", gaps)
		}
	}
	f.proxy.Failing(nil)
	machines, err := c.Launch(t.Context(), actions)
	if err != nil || len(machines) != len(actions) {
		t.Fatalf("after the throttling, the launch gave %+v (%v)", machines, err)
	}
	if inv := c.Observe(t.Context()); inv.Gaps != (plan.Gaps{}) || len(inv.Machines) != 3 || len(inv.Volumes) != 3 {
		t.Errorf("after the throttling: %+v", inv)
	}
}

// TestExpiredCredentials: what cannot be asked is not known, and the reason says
// what a person has to look at. With fresh ones it goes on.
func TestExpiredCredentials(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	actions := batch(2)
	machines := f.launch(t, actions)
	before := f.owned(t, actions)
	f.proxy.Failing(func(r mototest.Request) *mototest.Fault {
		return &mototest.Fault{Status: http.StatusBadRequest, Code: "RequestExpired"}
	})
	inv := f.Observe(t.Context())
	for what, gap := range map[string]string{"machines": inv.Gaps.Machines, "volumes": inv.Gaps.Volumes} {
		if !strings.Contains(gap, "RequestExpired") || !strings.Contains(gap, "credentials") {
			t.Errorf("the gap of %s is %q", what, gap)
		}
	}
	for doing, err := range map[string]error{
		"launch": second(f.Launch(t.Context(), batch(1))), "terminate": f.TerminateMachine(t.Context(), machines[0].ID),
		"delete": f.DeleteVolume(t.Context(), before.Volumes[0].ID), "identity": second(f.Identity(t.Context())),
	} {
		if awserr.KindOf(err) != awserr.Denied {
			t.Errorf("%s with expired credentials: %v, want denied", doing, err)
		}
	}
	f.proxy.Failing(nil)
	if inv := f.owned(t, actions); inv.Machines[0].State != plan.MachineRunning {
		t.Errorf("afterwards: %+v", inv)
	}
}

func second[T any](_ T, err error) error { return err }

// TestStaleListing: EC2 lists what was there some time ago. Nothing is launched
// twice, and nothing that was launched is taken to be gone.
func TestStaleListing(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	old := batch(1)
	f.launch(t, old)
	f.whole(t)
	end := f.proxy.Lag("DescribeInstances", "DescribeVolumes")
	actions := batch(2)
	made := f.launch(t, actions)
	if again := f.launch(t, actions); again[1].ID != made[1].ID {
		t.Errorf("launched again under the lag: %+v, want %+v", again, made)
	}
	inv := f.whole(t)
	for _, m := range made {
		if !slices.ContainsFunc(inv.Machines, func(seen plan.Machine) bool { return seen.ID == m.ID && seen.Index == m.Index }) {
			t.Errorf("machine %s is taken to be gone: %+v", m.ID, inv.Machines)
		}
	}
	if err := f.TerminateMachine(t.Context(), made[0].ID); err != nil {
		t.Errorf("a machine that is not listed yet cannot be terminated: %v", err)
	}
	end()
	inv = f.whole(t)
	if len(inv.Machines) != 3 || len(inv.Volumes) != 3 {
		t.Errorf("after the lag %d machines and %d volumes, want 3 each", len(inv.Machines), len(inv.Volumes))
	}
	for _, m := range inv.Machines {
		if ended := m.State == plan.MachineTerminated; ended != (m.ID == made[0].ID) {
			t.Errorf("after the lag: %+v", m)
		}
	}
}

// TestRefusals: each request goes out once, and its failure is of a kind.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault mototest.Fault
		want  awserr.Kind
	}{
		{mototest.Fault{Status: http.StatusServiceUnavailable, Code: "RequestLimitExceeded"}, awserr.Throttled},
		{mototest.Fault{Status: http.StatusInternalServerError, Code: "InsufficientInstanceCapacity"}, ec2.NoCapacity},
		{mototest.Fault{Status: http.StatusBadRequest, Code: "VcpuLimitExceeded"}, awserr.Quota},
		{mototest.Fault{Status: http.StatusBadRequest, Code: "RequestExpired"}, awserr.Denied},
		{mototest.Fault{Status: http.StatusBadRequest, Code: "InvalidSubnetID.NotFound"}, awserr.Refused},
	} {
		t.Run(string(c.want), func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			f.proxy.Failing(mototest.On("RunInstances", c.fault))
			_, err := f.Launch(t.Context(), batch(2))
			if awserr.KindOf(err) != c.want || f.proxy.Count("RunInstances") != 1 {
				t.Errorf("%d requests, and %v; want one, %s", f.proxy.Count("RunInstances"), err, c.want)
			}
			f.proxy.Failing(mototest.On("DescribeInstances", c.fault))
			if gap := f.Observe(t.Context()).Gaps.Machines; !strings.Contains(gap, c.fault.Code) {
				t.Errorf("the gap does not tell why: %q", gap)
			}
		})
	}
}
