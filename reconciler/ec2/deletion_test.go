package ec2_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/mototest"
)

// free returns a volume that lost its machine.
func (f *fleet) free(t *testing.T) string {
	t.Helper()
	machine := f.launch(t, batch(1))[0].ID
	volume := ""
	for _, v := range f.whole(t).Volumes {
		if v.AttachedTo == machine {
			volume = v.ID
		}
	}
	if err := f.TerminateMachine(t.Context(), machine); err != nil {
		t.Fatal(err)
	}
	return volume
}

// snapshots are those that moto has of a volume.
func (w *world) snapshots(t *testing.T, volume string) []types.Snapshot {
	t.Helper()
	out, err := w.client.DescribeSnapshots(t.Context(), &sdk.DescribeSnapshotsInput{Filters: []types.Filter{{Name: aws.String("volume-id"), Values: []string{volume}}}})
	if err != nil {
		t.Fatal(err)
	}
	return out.Snapshots
}

func isBeingMade(err error) bool {
	return errors.Is(err, reconciler.ErrConflict) && strings.Contains(err.Error(), "a snapshot is being made")
}

// TestSnapshotBeforeDelete: a volume goes when its snapshot is complete, whoever
// asks and however often, and there is one snapshot.
func TestSnapshotBeforeDelete(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	volume := f.free(t)
	if err := f.DeleteVolume(t.Context(), volume); !isBeingMade(err) {
		t.Fatalf("the first try: %v", err)
	}
	next := f.open(t, f.name) // another process
	f.proxy.Failing(mototest.On("DescribeSnapshots", mototest.Fault{Edit: func(s string) string { return strings.ReplaceAll(s, "completed", "pending") }}))
	for range 3 {
		if err := next.DeleteVolume(t.Context(), volume); !isBeingMade(err) {
			t.Fatalf("while the snapshot is pending: %v", err)
		}
	}
	f.proxy.Failing(mototest.On("DescribeSnapshots", mototest.Fault{Status: http.StatusInternalServerError, Code: "InternalError"}))
	if err := next.DeleteVolume(t.Context(), volume); awserr.KindOf(err) != awserr.Ambiguous {
		t.Errorf("while snapshots cannot be listed: %v", err)
	}
	f.proxy.Failing(nil)
	if err := next.DeleteVolume(t.Context(), volume); err != nil {
		t.Fatalf("with a complete snapshot: %v", err)
	}
	if err := f.DeleteVolume(t.Context(), volume); err != nil {
		t.Errorf("again: %v", err)
	}
	found := f.snapshots(t, volume)
	if len(found) != 1 {
		t.Fatalf("%d snapshots, want one", len(found))
	}
	tags := f.tags(t, aws.ToString(found[0].SnapshotId))
	if tags["mainstay:volume"] != volume || tags["mainstay:fleet"] != f.name || tags["mainstay:deployment"] == "" || tags["mainstay:created-by"] == "" {
		t.Errorf("the snapshot has the tags %v", tags)
	}
	if n := len(f.whole(t).Volumes); n != 0 {
		t.Errorf("%d volumes are left", n)
	}
}

// TestSnapshotAnswerLost: the snapshot is begun, and the answer never comes.
func TestSnapshotAnswerLost(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	volume := f.free(t)
	f.proxy.Failing(mototest.On("CreateSnapshot", mototest.Fault{Status: http.StatusInternalServerError, Code: "InternalError", After: true}))
	if err := f.DeleteVolume(t.Context(), volume); awserr.KindOf(err) != awserr.Ambiguous {
		t.Fatalf("the lost answer: %v", err)
	}
	f.proxy.Failing(nil)
	if err := f.open(t, f.name).DeleteVolume(t.Context(), volume); err != nil {
		t.Fatal(err)
	}
	if n := len(f.snapshots(t, volume)); n != 1 {
		t.Errorf("%d snapshots, want one", n)
	}
}

// TestSnapshotFailed: a snapshot that AWS could not make is no reason to delete.
func TestSnapshotFailed(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	volume := f.free(t)
	if err := f.DeleteVolume(t.Context(), volume); !isBeingMade(err) {
		t.Fatal(err)
	}
	f.proxy.Failing(mototest.On("DescribeSnapshots", mototest.Fault{Edit: func(s string) string { return strings.ReplaceAll(s, "completed", "error") }}))
	if err := f.DeleteVolume(t.Context(), volume); !isBeingMade(err) {
		t.Errorf("with a failed snapshot: %v", err)
	}
	f.proxy.Failing(nil)
	if n := len(f.snapshots(t, volume)); n != 1 {
		t.Errorf("%d snapshots, want the second alone", n)
	}
	if n := len(f.whole(t).Volumes); n != 1 {
		t.Errorf("%d volumes; it was deleted without a snapshot", n)
	}
}

// TestDeletionCalledOff: the snapshot of a deletion that was called off is not
// enough for a later one, as the database was written to in between.
func TestDeletionCalledOff(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	volume := f.free(t)
	if err := f.DeleteVolume(t.Context(), volume); !isBeingMade(err) {
		t.Fatal(err)
	}
	machine := f.launch(t, batch(1))[0].ID
	if err := f.AttachVolume(t.Context(), volume, machine); err != nil {
		t.Fatal(err)
	}
	if err := f.DeleteVolume(t.Context(), volume); !errors.Is(err, reconciler.ErrConflict) || isBeingMade(err) {
		t.Errorf("while it is attached again: %v", err)
	}
	if err := f.DetachVolume(t.Context(), volume, machine); err != nil {
		t.Fatal(err)
	}
	if err := f.DeleteVolume(t.Context(), volume); !isBeingMade(err) {
		t.Errorf("the old snapshot was taken for the new deletion: %v", err)
	}
	if n := len(f.snapshots(t, volume)); n != 2 {
		t.Errorf("%d snapshots, want two", n)
	}
}

// TestNoSnapshots: who wants none gets none.
func TestNoSnapshots(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	volume := f.free(t)
	opts := f.options(f.name)
	opts.KeepSnapshots = -1
	if err := f.with(t, opts).DeleteVolume(t.Context(), volume); err != nil {
		t.Fatal(err)
	}
	if n := len(f.snapshots(t, volume)); n != 0 {
		t.Errorf("%d snapshots", n)
	}
}

// TestPrune: old snapshots go, once an hour, and none under a partial listing.
func TestPrune(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	volume := f.free(t)
	for range 2 {
		if err := f.DeleteVolume(t.Context(), volume); err != nil && !isBeingMade(err) {
			t.Fatal(err)
		}
	}
	prune := func(keep time.Duration) (int, error) {
		opts := f.options(f.name)
		opts.KeepSnapshots = keep
		c := f.with(t, opts)
		n, err := c.Prune(t.Context())
		if again, err := c.Prune(t.Context()); again != 0 || err != nil {
			t.Errorf("pruned again within the hour: %d (%v)", again, err)
		}
		return n, err
	}
	if n, err := prune(time.Hour); n != 0 || err != nil {
		t.Errorf("%d young snapshots were deleted (%v)", n, err)
	}
	f.proxy.Failing(func(r mototest.Request) *mototest.Fault {
		switch {
		case r.Form.Has("NextToken"):
			return &mototest.Fault{Status: http.StatusServiceUnavailable, Code: "Unavailable"}
		case r.Action == "DescribeSnapshots":
			return &mototest.Fault{Edit: firstOfTwo(r.Action)}
		}
		return nil
	})
	if n, err := prune(time.Nanosecond); n != 0 || err == nil {
		t.Errorf("%d snapshots were deleted of a listing that failed (%v)", n, err)
	}
	f.proxy.Failing(mototest.On("DeleteSnapshot", mototest.Fault{Code: "InvalidSnapshot.InUse"}))
	if n, err := prune(time.Nanosecond); n != 0 || err != nil {
		t.Errorf("%d snapshots that are used were deleted (%v)", n, err)
	}
	f.proxy.Failing(nil)
	if n, err := f.open(t, "another").Prune(t.Context()); n != 0 || err != nil {
		t.Errorf("another fleet deleted %d (%v)", n, err)
	}
	if n, err := prune(time.Nanosecond); n != 1 || err != nil {
		t.Errorf("%d old snapshots were deleted (%v), want one", n, err)
	}
}
