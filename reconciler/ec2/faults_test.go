package ec2_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/reconciler/mototest"
)

func TestLaunchAnswerLost(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	actions := batch(3)
	f.proxy.Failing(mototest.On("RunInstances", mototest.Fault{Status: http.StatusInternalServerError, Code: "InternalError", After: true}))
	if _, err := f.Launch(t.Context(), actions); awserr.KindOf(err) != awserr.Ambiguous {
		t.Fatalf("the lost answer is %v, want ambiguous", err)
	}
	f.proxy.Failing(nil)
	machines := f.launch(t, actions)
	if inv := f.owned(t, actions); len(inv.Machines) != len(machines) {
		t.Errorf("%d machines, want %d", len(inv.Machines), len(machines))
	}
}

// TestLaunchTimesOut: AWS launches, and nobody ever answers.
func TestLaunchTimesOut(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	actions := batch(3)
	f.proxy.Failing(mototest.On("RunInstances", mototest.Fault{After: true, Hang: true}))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := f.Launch(ctx, actions)
		ended <- err
	}()
	for n := 0; n < len(actions); n = len(f.whole(t).Machines) {
	}
	cancel()
	if err := <-ended; awserr.KindOf(err) != awserr.Ambiguous {
		t.Fatalf("the launch that timed out is %v, want ambiguous", err)
	}
	f.proxy.Failing(nil)
	next := f.open(t, f.name) // another process
	machines, err := next.Launch(t.Context(), actions)
	if err != nil || len(machines) != len(actions) {
		t.Fatalf("the launch repeated gave %+v (%v)", machines, err)
	}
	if inv := f.owned(t, actions); len(inv.Machines) != len(actions) {
		t.Errorf("%d machines, want %d", len(inv.Machines), len(actions))
	}
}

// TestFewerThanAsked: AWS has room for some of a launch. The rest is not made by
// asking again.
func TestFewerThanAsked(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	actions := batch(3)
	f.proxy.Failing(mototest.On("RunInstances", mototest.Fault{Only: 2}))
	for range 2 {
		machines, err := f.Launch(t.Context(), actions)
		if err != nil || len(machines) != 2 || machines[1].Index != 1 {
			t.Fatalf("the launch gave %+v (%v), want two machines", machines, err)
		}
		f.proxy.Failing(nil)
	}
	f.owned(t, actions[:2])
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
	newer := f.options(f.name)
	newer.UserData = "newer"
	again, err := f.with(t, newer).Launch(t.Context(), actions)
	if err != nil || len(again) != 3 || again[2].ID != first[2].ID {
		t.Errorf("with newer options, the token gave %+v (%v), want the machines of the first launch", again, err)
	}
	// A launch that is too young for its listing to be trusted is not settled.
	larger := append(slices.Clone(actions), actions[0])
	larger[3].Index = 3
	if machines, err := f.Launch(t.Context(), larger); awserr.KindOf(err) != ec2.Mismatch {
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
		if _, err := f.Launch(t.Context(), batch(1)); awserr.KindOf(err) != ec2.NoCapacity {
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

// TestNoCapacityInOneZone: machines of other zones launch meanwhile.
func TestNoCapacityInOneZone(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.proxy.Failing(func(r mototest.Request) *mototest.Fault {
		if r.Action != "RunInstances" || r.Form.Get("SubnetId") != f.subnets[zone] {
			return nil
		}
		return &mototest.Fault{Status: http.StatusInternalServerError, Code: "InsufficientInstanceCapacity"}
	})
	here, there := batch(2), batch(2)
	for i := range there {
		there[i].Shape.Zone = zoneB
	}
	if _, err := f.Launch(t.Context(), here); awserr.KindOf(err) != ec2.NoCapacity {
		t.Fatalf("error %v, want no capacity", err)
	}
	f.launch(t, there)
	if inv := f.owned(t, there); inv.Machines[0].Zone != zoneB {
		t.Errorf("launched %+v, want zone %s", inv.Machines[0], zoneB)
	}
}

// TestWrongImage: the error names what the configuration has to change.
func TestWrongImage(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.proxy.Failing(mototest.On("RunInstances", mototest.Fault{Code: "InvalidAMIID.NotFound"})) // moto launches anything
	_, err := f.Launch(t.Context(), batch(1))
	if awserr.KindOf(err) != awserr.Refused || !strings.Contains(err.Error(), "image (AMI) "+f.ami) ||
		!strings.Contains(err.Error(), "set another in the configuration") {
		t.Errorf("an image that AWS does not have: %v", err)
	}
	if n := len(f.whole(t).Machines); n != 0 {
		t.Errorf("%d machines", n)
	}
}
