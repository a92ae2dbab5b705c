package ec2_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/reconciler/mototest"
)

var (
	_ reconciler.Cloud    = (*ec2.Cloud)(nil)
	_ reconciler.Paced    = (*ec2.Cloud)(nil)
	_ reconciler.Labeller = (*ec2.Cloud)(nil)
)

// TestLabel: a few labels with each call, and only those that are wrong.
func TestLabel(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	const machines, perCall = 13, 10
	actions := batch(machines)
	f.launch(t, actions)
	var labels []reconciler.Label
	for _, v := range f.owned(t, actions).Volumes {
		labels = append(labels, reconciler.Label{Resources: []string{v.AttachedTo, v.ID}, Deployment: actions[v.Index].Slot.Deployment, Name: "orders", Owner: "team"})
	}
	labels = append(labels, reconciler.Label{Resources: []string{"vol-0123456789abcdef0"}, Deployment: uuid.NewString(), Name: "not listed"})
	label := func(want int) {
		t.Helper()
		if left, err := f.Label(t.Context(), labels); err != nil || left != want {
			t.Fatalf("%d labels are left (%v), want %d", left, err, want)
		}
	}
	label(machines - perCall)
	label(0)
	label(0)
	f.whole(t)
	label(0)
	if n := f.proxy.Count("CreateTags"); n != machines {
		t.Errorf("%d requests for %d labels", n, machines)
	}
	for _, id := range labels[0].Resources {
		tags := f.tags(t, id)
		for key, want := range map[string]string{"Name": "orders", "mainstay:name": "orders", "mainstay:owner": "team",
			"mainstay:deployment": labels[0].Deployment, "mainstay:ordinal": "0", "mainstay:fleet": f.name} {
			if tags[key] != want {
				t.Errorf("the tag %s of %s is %q, want %q", key, id, tags[key], want)
			}
		}
	}
	labels[0].Name = "renamed"
	f.proxy.Failing(mototest.On("CreateTags", mototest.Fault{Status: http.StatusServiceUnavailable, Code: "RequestLimitExceeded"}))
	if left, err := f.Label(t.Context(), labels); left != 1 || awserr.KindOf(err) != awserr.Throttled {
		t.Errorf("throttled, %d labels are left (%v)", left, err)
	}
	f.proxy.Failing(nil)
	label(1) // the throttled limit has nothing to spare
	if n := f.proxy.Count("CreateTags"); n != machines+1 {
		t.Errorf("%d requests; labels took what others may need", n-machines)
	}
	if inv := f.whole(t); inv.Volumes[0].Deployment == "" {
		t.Errorf("%+v tells no deployment after it was labelled", inv.Volumes[0])
	}
}
