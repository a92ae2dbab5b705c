package ec2_test

import (
	"slices"
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

// owned expects one volume for each action, which tells its deployment or, with its
// machine, the token and index.
func (f *fleet) owned(t *testing.T, actions []plan.Action) plan.Inventory {
	t.Helper()
	inv := f.whole(t)
	if len(inv.Volumes) != len(actions) {
		t.Fatalf("%d volumes, want %d: %+v", len(inv.Volumes), len(actions), inv.Volumes)
	}
	for _, a := range actions {
		if !slices.ContainsFunc(inv.Volumes, func(v plan.Volume) bool {
			return v.Deployment == a.Slot.Deployment || v.Deployment == "" && v.Token == a.Token && v.Index == a.Index
		}) {
			t.Errorf("index %d of deployment %s has no volume among %+v", a.Index, a.Slot.Deployment, inv.Volumes)
		}
	}
	return inv
}

// tags are those that moto has of one thing.
func (w *world) tags(t *testing.T, id string) map[string]string {
	t.Helper()
	out, err := w.client.DescribeTags(t.Context(), &sdk.DescribeTagsInput{
		Filters: []types.Filter{{Name: aws.String("resource-id"), Values: []string{id}}}})
	if err != nil {
		t.Fatal(err)
	}
	tags := make(map[string]string)
	for _, tag := range out.Tags {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return tags
}
