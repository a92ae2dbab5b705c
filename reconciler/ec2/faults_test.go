package ec2_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A fleet is a world and a cloud of one test's own.
type fleet struct {
	*world
	*ec2.Cloud
	name string
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	w, name := newWorld(t), uuid.NewString()
	return &fleet{world: w, Cloud: w.open(t, name), name: name}
}

// batch launches n machines with volumes, of one deployment each.
func batch(n int) []plan.Action {
	token := uuid.NewString()
	actions := make([]plan.Action, n)
	for i := range actions {
		actions[i] = plan.Action{
			Kind: plan.LaunchMachine, Token: token, Index: i, Batch: n, Slot: plan.SlotID{Deployment: uuid.NewString(), Generation: 1},
			Shape: plan.Shape{Zone: zone, InstanceType: "t3.small", Volume: &plan.VolumeSpec{Type: "gp3", GB: 10}},
		}
	}
	return actions
}

// on answers one action with an error.
func on(action string, f fault) func(string, url.Values) *fault {
	return func(asked string, _ url.Values) *fault {
		if asked != action {
			return nil
		}
		return &f
	}
}

func (f *fleet) launch(t *testing.T, actions []plan.Action) []plan.Machine {
	t.Helper()
	machines, err := f.Launch(t.Context(), actions)
	if err != nil || len(machines) != len(actions) {
		t.Fatalf("Launch made %d machines of %d: %v", len(machines), len(actions), err)
	}
	return machines
}

// whole observes without a gap.
func (f *fleet) whole(t *testing.T) plan.Inventory {
	t.Helper()
	inv := f.Observe(t.Context())
	if inv.Gaps != (plan.Gaps{}) {
		t.Fatalf("gaps: %+v", inv.Gaps)
	}
	return inv
}

// owned expects one volume for each action, with its owner.
func (f *fleet) owned(t *testing.T, actions []plan.Action) plan.Inventory {
	t.Helper()
	inv := f.whole(t)
	if len(inv.Volumes) != len(actions) {
		t.Fatalf("%d volumes, want %d: %+v", len(inv.Volumes), len(actions), inv.Volumes)
	}
	for _, a := range actions {
		if !slices.ContainsFunc(inv.Volumes, func(v plan.Volume) bool { return v.Deployment == a.Slot.Deployment }) {
			t.Errorf("deployment %s has no volume", a.Slot.Deployment)
		}
	}
	return inv
}

// tags are the keys of the tags that moto has of one thing.
func (f *fleet) tags(t *testing.T, id string) []string {
	t.Helper()
	out, err := f.client.DescribeTags(t.Context(), &sdk.DescribeTagsInput{
		Filters: []types.Filter{{Name: aws.String("resource-id"), Values: []string{id}}}})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, tag := range out.Tags {
		keys = append(keys, aws.ToString(tag.Key))
	}
	slices.Sort(keys)
	return keys
}

func TestLaunchAnswerLost(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	actions := batch(3)
	f.proxy.failing(on("RunInstances", fault{status: http.StatusInternalServerError, code: "InternalError", after: true}))
	if _, err := f.Launch(t.Context(), actions); ec2.KindOf(err) != ec2.Ambiguous {
		t.Fatalf("the lost answer is %v, want ambiguous", err)
	}
	f.proxy.failing(nil)
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
	f.proxy.failing(on("CreateTags", fault{status: http.StatusServiceUnavailable, code: "Unavailable"}))
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
	f.proxy.failing(nil)
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
	labels := f.proxy.count("CreateTags")
	f.whole(t)
	if again := f.proxy.count("CreateTags"); again != labels {
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
	f.proxy.failing(on("RunInstances", fault{status: http.StatusInternalServerError, code: "InternalError"}))
	if _, err := f.Launch(t.Context(), actions); err == nil {
		t.Fatal("the first launch did not fail")
	}
	f.proxy.failing(nil)
	f.launch(t, actions[2:])
	f.owned(t, actions)
}

// TestShortage: a type of machine that a zone has none of is not asked for again at
// once, by any deployment; others are.
func TestShortage(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.proxy.failing(on("RunInstances", fault{status: http.StatusInternalServerError, code: "InsufficientInstanceCapacity"}))
	for range 3 {
		if _, err := f.Launch(t.Context(), batch(1)); ec2.KindOf(err) != ec2.NoCapacity {
			t.Fatalf("error %v, want no capacity", err)
		}
	}
	if n := f.proxy.count("RunInstances"); n != 1 {
		t.Errorf("asked %d times for what there is none of", n)
	}
	f.proxy.failing(nil)
	other := batch(1)
	other[0].Shape.InstanceType = "t3.large"
	f.launch(t, other)
}

// TestPages: a listing takes several requests; one that fails is a gap, and what
// was seen before counts. Moto's pages hold launches; volumes it lists at once.
func TestPages(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	const launches, page = 3, "2"
	for range launches {
		f.launch(t, batch(1))
	}
	small := func(action string, form url.Values) *fault {
		if action == "DescribeInstances" && form.Has("MaxResults") {
			form.Set("MaxResults", page)
		}
		return nil
	}
	f.proxy.failing(small)
	if inv := f.whole(t); len(inv.Machines) != launches || f.proxy.count("DescribeInstances") != launches+2 {
		t.Errorf("%d machines in %d requests, want %d in two pages", len(inv.Machines), f.proxy.count("DescribeInstances"), launches)
	}
	f.proxy.failing(func(action string, form url.Values) *fault {
		switch {
		case form.Has("NextToken"):
			return &fault{status: http.StatusServiceUnavailable, code: "Unavailable"}
		case action == "DescribeVolumes":
			return &fault{more: true}
		}
		return small(action, form)
	})
	inv := f.Observe(t.Context())
	for what, gap := range map[string]string{"machines": inv.Gaps.Machines, "volumes": inv.Gaps.Volumes} {
		if !strings.Contains(gap, "Unavailable") {
			t.Errorf("the second page of %s failed, and the gap is %q", what, gap)
		}
	}
	if len(inv.Machines) != 2 || len(inv.Volumes) != launches {
		t.Errorf("%d machines and %d volumes seen on first pages, want 2 and %d", len(inv.Machines), len(inv.Volumes), launches)
	}
}

// TestRefusals: each request goes out once, and its failure is of a kind.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault fault
		want  ec2.Kind
	}{
		{fault{status: http.StatusServiceUnavailable, code: "RequestLimitExceeded"}, ec2.Throttled},
		{fault{status: http.StatusInternalServerError, code: "InsufficientInstanceCapacity"}, ec2.NoCapacity},
		{fault{status: http.StatusBadRequest, code: "VcpuLimitExceeded"}, ec2.Quota},
		{fault{status: http.StatusBadRequest, code: "RequestExpired"}, ec2.Denied},
		{fault{status: http.StatusBadRequest, code: "InvalidAMIID.NotFound"}, ec2.NotFound},
	} {
		t.Run(string(c.want), func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			f.proxy.failing(on("RunInstances", c.fault))
			_, err := f.Launch(t.Context(), batch(2))
			if ec2.KindOf(err) != c.want || f.proxy.count("RunInstances") != 1 {
				t.Errorf("%d requests, and %v; want one, %s", f.proxy.count("RunInstances"), err, c.want)
			}
			f.proxy.failing(on("DescribeInstances", c.fault))
			if gap := f.Observe(t.Context()).Gaps.Machines; !strings.Contains(gap, c.fault.code) {
				t.Errorf("the gap does not tell why: %q", gap)
			}
		})
	}
}

// TestForeign: what does not carry the fleet's tag is neither seen nor touched.
func TestForeign(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	machine := f.launch(t, batch(1))[0]
	volume := f.whole(t).Volumes[0].ID
	other := f.open(t, "another")
	ctx := t.Context()
	for doing, err := range map[string]error{
		"terminate": other.TerminateMachine(ctx, machine.ID), "attach": other.AttachVolume(ctx, volume, machine.ID),
		"detach": other.DetachVolume(ctx, volume), "grow": other.GrowVolume(ctx, volume, 20), "delete": other.DeleteVolume(ctx, volume),
	} {
		if err == nil || !strings.Contains(err.Error(), "fleet's tag") {
			t.Errorf("%s of another fleet's: %v", doing, err)
		}
	}
	if inv := other.Observe(ctx); slices.ContainsFunc(inv.Machines, func(m plan.Machine) bool { return m.ID == machine.ID }) {
		t.Error("another fleet's machine is listed")
	}
	if inv := f.whole(t); inv.Machines[0].State != plan.MachineRunning || inv.Volumes[0].GB != 10 {
		t.Errorf("after all: %+v", inv)
	}
}

// TestRequestsOfALaunch prints what 100 deployments cost, and holds it.
func TestRequestsOfALaunch(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	const deployments = 100
	actions := batch(deployments)
	f.launch(t, actions)
	f.owned(t, actions)
	f.whole(t)
	t.Logf("requests of 100 deployments launched and listed twice: %s", f.proxy.counts())
	for action, most := range map[string]int{"RunInstances": 1, "DescribeInstances": 3, "DescribeVolumes": 2, "CreateTags": deployments, "DeleteTags": 1} {
		if n := f.proxy.count(action); n > most {
			t.Errorf("%d requests %s, want %d at most", n, action, most)
		}
	}
}
