package ec2_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/reconciler/ec2/mototest"
)

func TestLaunchAnswerLost(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	actions := batch(3)
	f.proxy.Failing(mototest.On("RunInstances", mototest.Fault{Status: http.StatusInternalServerError, Code: "InternalError", After: true}))
	if _, err := f.Launch(t.Context(), actions); ec2.KindOf(err) != ec2.Ambiguous {
		t.Fatalf("the lost answer is %v, want ambiguous", err)
	}
	f.proxy.Failing(nil)
	machines := f.launch(t, actions)
	if inv := f.owned(t, actions); len(inv.Machines) != len(machines) {
		t.Errorf("%d machines, want %d", len(inv.Machines), len(machines))
	}
}

// TestLaunchCutOff: the process ends between the launch and the labels.
func TestLaunchCutOff(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	actions := batch(2)
	f.proxy.Failing(mototest.On("CreateTags", mototest.Fault{Status: http.StatusServiceUnavailable, Code: "Unavailable"}))
	machines := f.launch(t, actions)
	inv := f.owned(t, actions)
	volume := inv.Volumes[0]
	if slices.Contains(f.tags(t, volume.ID), "mainstay:deployment") {
		t.Fatal("the volume is labelled, so nothing is tried here")
	}
	next := f.open(t, f.name) // another process
	if err := next.TerminateMachine(t.Context(), volume.AttachedTo); err == nil {
		t.Error("a machine was terminated before its volume could be labelled")
	}
	f.proxy.Failing(nil)
	if err := next.TerminateMachine(t.Context(), volume.AttachedTo); err != nil {
		t.Fatal(err)
	}
	f.owned(t, actions)
	f.whole(t) // what the first look labelled is tidied by the second
	for _, m := range machines {
		if keys := f.tags(t, m.ID); m.ID != volume.AttachedTo && slices.Contains(keys, "mainstay:owners-0") {
			t.Errorf("machine %s still carries the list of owners: %v", m.ID, keys)
		}
	}
	labels := f.proxy.Count("CreateTags")
	f.whole(t)
	if again := f.proxy.Count("CreateTags"); again != labels {
		t.Errorf("what is labelled was labelled again, %d times", again-labels)
	}
}

// TestLaunchInParts: only some of a token's machines are asked for again, and the
// options changed in between.
func TestLaunchInParts(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	actions := batch(3)
	first := f.launch(t, actions)
	for name, c := range map[string]*ec2.Cloud{"the same process": f.Cloud, "another process": f.open(t, f.name)} {
		part, err := c.Launch(t.Context(), actions[1:2])
		if err != nil || len(part) != 1 || part[0].ID != first[1].ID {
			t.Errorf("%s: asking for index 1 again gave %+v (%v), want %s", name, part, err, first[1].ID)
		}
	}
	newer, err := ec2.New(ec2.Options{Client: f.client, Accounts: f.sts, Region: region, Fleet: f.name, AMI: f.ami,
		Subnets: map[string]string{zone: f.subnet}, UserData: "newer"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := newer.Launch(t.Context(), actions)
	if err != nil || len(again) != 3 || again[2].ID != first[2].ID {
		t.Errorf("with newer options, the token gave %+v (%v), want the machines of the first launch", again, err)
	}
	// A launch that is too young for its listing to be trusted is not settled.
	larger := append(slices.Clone(actions), actions[0])
	larger[3].Index = 3
	if machines, err := f.Launch(t.Context(), larger); ec2.KindOf(err) != ec2.Mismatch {
		t.Errorf("a larger batch of the token gave %+v (%v), want a mismatch", machines, err)
	}
	if n := len(f.whole(t).Machines); n != 3 {
		t.Errorf("%d machines, want 3", n)
	}
}

// TestPartFirst: the whole batch failed, and the part that was tried
// again first makes the machines of all. None of their volumes is without an owner.
func TestPartFirst(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	actions := batch(3)
	f.proxy.Failing(mototest.On("RunInstances", mototest.Fault{Status: http.StatusInternalServerError, Code: "InternalError"}))
	if _, err := f.Launch(t.Context(), actions); err == nil {
		t.Fatal("the first launch did not fail")
	}
	f.proxy.Failing(nil)
	f.launch(t, actions[2:])
	f.owned(t, actions)
}

// TestShortage: a type of machine that a zone has none of is not asked for again at
// once, by any deployment; others are.
func TestShortage(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.proxy.Failing(mototest.On("RunInstances", mototest.Fault{Status: http.StatusInternalServerError, Code: "InsufficientInstanceCapacity"}))
	for range 3 {
		if _, err := f.Launch(t.Context(), batch(1)); ec2.KindOf(err) != ec2.NoCapacity {
			t.Fatalf("error %v, want no capacity", err)
		}
	}
	if n := f.proxy.Count("RunInstances"); n != 1 {
		t.Errorf("asked %d times for what there is none of", n)
	}
	f.proxy.Failing(nil)
	other := batch(1)
	other[0].Shape.InstanceType = "t3.large"
	f.launch(t, other)
}

// TestRefusals: each request goes out once, and its failure is of a kind.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault mototest.Fault
		want  ec2.Kind
	}{
		{mototest.Fault{Status: http.StatusServiceUnavailable, Code: "RequestLimitExceeded"}, ec2.Throttled},
		{mototest.Fault{Status: http.StatusInternalServerError, Code: "InsufficientInstanceCapacity"}, ec2.NoCapacity},
		{mototest.Fault{Status: http.StatusBadRequest, Code: "VcpuLimitExceeded"}, ec2.Quota},
		{mototest.Fault{Status: http.StatusBadRequest, Code: "RequestExpired"}, ec2.Denied},
		{mototest.Fault{Status: http.StatusBadRequest, Code: "InvalidAMIID.NotFound"}, ec2.NotFound},
	} {
		t.Run(string(c.want), func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			f.proxy.Failing(mototest.On("RunInstances", c.fault))
			_, err := f.Launch(t.Context(), batch(2))
			if ec2.KindOf(err) != c.want || f.proxy.Count("RunInstances") != 1 {
				t.Errorf("%d requests, and %v; want one, %s", f.proxy.Count("RunInstances"), err, c.want)
			}
			f.proxy.Failing(mototest.On("DescribeInstances", c.fault))
			if gap := f.Observe(t.Context()).Gaps.Machines; !strings.Contains(gap, c.fault.Code) {
				t.Errorf("the gap does not tell why: %q", gap)
			}
		})
	}
}
