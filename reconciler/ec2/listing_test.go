package ec2_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/mototest"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// TestPages: a listing takes several requests; one that fails is a gap, and what
// was seen before counts. Moto's pages hold launches; volumes it lists at once.
func TestPages(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	const launches, page = 3, "2"
	for range launches {
		f.launch(t, batch(1))
	}
	small := func(r mototest.Request) *mototest.Fault {
		if r.Action == "DescribeInstances" && r.Form.Has("MaxResults") {
			r.Form.Set("MaxResults", page)
		}
		return nil
	}
	f.proxy.Failing(small)
	if inv := f.whole(t); len(inv.Machines) != launches || f.proxy.Count("DescribeInstances") != launches+2 {
		t.Errorf("%d machines in %d requests, want %d in two pages", len(inv.Machines), f.proxy.Count("DescribeInstances"), launches)
	}
	f.proxy.Failing(func(r mototest.Request) *mototest.Fault {
		switch {
		case r.Form.Has("NextToken"):
			return &mototest.Fault{Status: http.StatusServiceUnavailable, Code: "Unavailable"}
		case r.Action == "DescribeVolumes":
			return &mototest.Fault{Edit: firstOfTwo(r.Action)}
		}
		return small(r)
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

// firstOfTwo makes an answer the first page of two.
func firstOfTwo(action string) func(string) string {
	end := "</" + action + "Response>"
	return func(answer string) string {
		return strings.Replace(answer, end, "<nextToken>second</nextToken>"+end, 1)
	}
}

// TestOwnerUnderGap: a volume whose owner stands on a machine that cannot be listed
// is not nobody's.
func TestOwnerUnderGap(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.launch(t, batch(2))
	f.proxy.Failing(mototest.On("DescribeInstances", mototest.Fault{Status: http.StatusServiceUnavailable, Code: "Unavailable"}))
	if inv := f.Observe(t.Context()); inv.Gaps.Machines == "" || inv.Gaps.Volumes != "" || inv.Volumes[0].Index+inv.Volumes[1].Index != 1 {
		t.Errorf("%+v, want the volumes told apart by what is known of their machines", inv)
	}
	inv := f.open(t, f.name).Observe(t.Context()) // another process knows nothing
	if inv.Gaps.Machines == "" || !strings.Contains(inv.Gaps.Volumes, "which was not listed") {
		t.Errorf("gaps %+v, want one of volumes too", inv.Gaps)
	}
}

// TestByHand: somebody ends a machine and detaches a volume in the console.
func TestByHand(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	actions := batch(2)
	machines := f.launch(t, actions)
	if _, err := f.client.TerminateInstances(t.Context(), &sdk.TerminateInstancesInput{InstanceIds: []string{machines[0].ID}}); err != nil {
		t.Fatal(err)
	}
	for _, v := range f.whole(t).Volumes {
		if v.AttachedTo == machines[1].ID {
			if _, err := f.client.DetachVolume(t.Context(), &sdk.DetachVolumeInput{VolumeId: aws.String(v.ID), InstanceId: aws.String(v.AttachedTo)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	inv := f.whole(t)
	if len(inv.Volumes) != 2 {
		t.Fatalf("volumes %+v, want two", inv.Volumes)
	}
	for _, v := range inv.Volumes {
		if v.AttachedTo != "" || v.Token != actions[0].Token || v.Index != -1 {
			t.Errorf("%+v, want a free volume that tells its launch alone", v)
		}
	}
	if again := f.launch(t, actions); again[0].State != plan.MachineTerminated || again[0].ID != machines[0].ID {
		t.Errorf("the launch repeated gave %+v, want machine %s as ended", again[0], machines[0].ID)
	}
}

// TestLaunchedByHand: a machine with the fleet's tag that no launch of ours made is
// told, so that people hear of it. Tools give it a token of their own, or none.
func TestLaunchedByHand(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	tags := []types.Tag{{Key: aws.String("mainstay:fleet"), Value: aws.String(f.name)}}
	out, err := f.client.RunInstances(t.Context(), &sdk.RunInstancesInput{ImageId: aws.String(f.ami), MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: tags}}})
	if err != nil {
		t.Fatal(err)
	}
	given := aws.ToString(out.Instances[0].ClientToken)
	for _, token := range []string{given, ""} {
		f.proxy.Failing(mototest.On("DescribeInstances", mototest.Fault{Edit: func(s string) string { return strings.ReplaceAll(s, given, token) }}))
		machines := f.whole(t).Machines
		if len(machines) != 1 || machines[0].ID != aws.ToString(out.Instances[0].InstanceId) || machines[0].Token != token {
			t.Errorf("%+v, want the machine made by hand, with token %q", machines, token)
		}
	}
}

// TestTagTakenAway: a machine that somebody takes out of the fleet is not ended by it.
func TestTagTakenAway(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	machine := f.launch(t, batch(1))[0].ID
	f.whole(t)
	if _, err := f.client.DeleteTags(t.Context(), &sdk.DeleteTagsInput{Resources: []string{machine},
		Tags: []types.Tag{{Key: aws.String("mainstay:fleet")}}}); err != nil {
		t.Fatal(err)
	}
	f.whole(t)
	if err := f.TerminateMachine(t.Context(), machine); err == nil || !strings.Contains(err.Error(), "fleet's tag") {
		t.Errorf("terminating it: %v", err)
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
		"detach": other.DetachVolume(ctx, volume, machine.ID), "grow": other.GrowVolume(ctx, volume, 20), "delete": other.DeleteVolume(ctx, volume),
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
	t.Logf("requests of 100 deployments launched and listed twice: %s", f.proxy.Counts())
	for action, most := range map[string]int{"RunInstances": 1, "DescribeInstances": 3, "DescribeVolumes": 2, "CreateTags": 0, "DescribeInstanceStatus": 4} {
		if n := f.proxy.Count(action); n > most {
			t.Errorf("%d requests %s, want %d at most", n, action, most)
		}
	}
}
