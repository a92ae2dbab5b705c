package ec2sim

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// DescribeVolumes lists volumes in pages.
func (a *API) DescribeVolumes(ctx context.Context, in *sdk.DescribeVolumesInput, _ ...func(*sdk.Options)) (*sdk.DescribeVolumesOutput, error) {
	out := &sdk.DescribeVolumesOutput{}
	err := a.list(ctx, "DescribeVolumes", in.NextToken, func() error {
		var found []types.Volume
		now := a.seen(ctx)
		if len(in.VolumeIds) > 0 {
			now = a.present(ctx)
		}
		for _, v := range now.inv.Volumes {
			if (len(in.VolumeIds) == 0 || slices.Contains(in.VolumeIds, v.ID)) && a.passes(v.ID, in.Filters) {
				found = append(found, a.volume(v))
			}
		}
		if len(in.VolumeIds) > 0 && len(found) == 0 {
			return refusal("InvalidVolume.NotFound")
		}
		out.Volumes, out.NextToken = pageOf(found, in.NextToken, a.most(in.MaxResults))
		return nil
	})
	return out, err
}

func (a *API) volume(v plan.Volume) types.Volume {
	t := types.Volume{VolumeId: aws.String(v.ID), Size: aws.Int32(int32(v.GB)), State: types.VolumeStateAvailable, Tags: a.tagsOf(v.ID)}
	if v.AttachedTo != "" {
		t.State = types.VolumeStateInUse
		t.Attachments = []types.VolumeAttachment{{InstanceId: aws.String(v.AttachedTo), VolumeId: t.VolumeId,
			State: types.VolumeAttachmentStateAttached, Device: aws.String(dataDevice)}}
	} else if m := a.onItsWay(v.ID); m != "" {
		t.State = types.VolumeStateInUse
		t.Attachments = []types.VolumeAttachment{{InstanceId: aws.String(m), VolumeId: t.VolumeId,
			State: types.VolumeAttachmentStateAttaching, Device: aws.String(dataDevice)}}
	}
	return t
}

// AttachVolume attaches a free volume.
func (a *API) AttachVolume(ctx context.Context, in *sdk.AttachVolumeInput, _ ...func(*sdk.Options)) (*sdk.AttachVolumeOutput, error) {
	return &sdk.AttachVolumeOutput{}, a.answer(ctx, "AttachVolume", []string{aws.ToString(in.VolumeId)}, func() error {
		volume, machine := aws.ToString(in.VolumeId), aws.ToString(in.InstanceId)
		if other := a.onItsWay(volume); other != "" {
			return refusal("VolumeInUse")
		}
		if a.sticks(ctx, volume, machine) {
			return nil
		}
		return inUse(a.world.AttachVolume(ctx, volume, machine))
	})
}

// DetachVolume frees a volume.
func (a *API) DetachVolume(ctx context.Context, in *sdk.DetachVolumeInput, _ ...func(*sdk.Options)) (*sdk.DetachVolumeOutput, error) {
	return &sdk.DetachVolumeOutput{}, a.answer(ctx, "DetachVolume", []string{aws.ToString(in.VolumeId)}, func() error {
		if a.onItsWay(aws.ToString(in.VolumeId)) != "" {
			return refusal("IncorrectState")
		}
		return inUse(a.world.DetachVolume(ctx, aws.ToString(in.VolumeId), aws.ToString(in.InstanceId)))
	})
}

// ModifyVolume makes a volume larger.
func (a *API) ModifyVolume(ctx context.Context, in *sdk.ModifyVolumeInput, _ ...func(*sdk.Options)) (*sdk.ModifyVolumeOutput, error) {
	return &sdk.ModifyVolumeOutput{}, a.answer(ctx, "ModifyVolume", []string{aws.ToString(in.VolumeId)}, func() error {
		return inUse(a.world.GrowVolume(ctx, aws.ToString(in.VolumeId), int(aws.ToInt32(in.Size))))
	})
}

// DeleteVolume deletes a free volume.
func (a *API) DeleteVolume(ctx context.Context, in *sdk.DeleteVolumeInput, _ ...func(*sdk.Options)) (*sdk.DeleteVolumeOutput, error) {
	return &sdk.DeleteVolumeOutput{}, a.answer(ctx, "DeleteVolume", []string{aws.ToString(in.VolumeId)}, func() error {
		return inUse(a.world.DeleteVolume(ctx, aws.ToString(in.VolumeId)))
	})
}

func inUse(err error) error {
	if err != nil {
		return refusal("VolumeInUse")
	}
	return nil
}

// A snapshot is complete at once.
type snapshot struct{ volume string }

// CreateSnapshot makes a snapshot.
func (a *API) CreateSnapshot(ctx context.Context, in *sdk.CreateSnapshotInput, _ ...func(*sdk.Options)) (*sdk.CreateSnapshotOutput, error) {
	out := &sdk.CreateSnapshotOutput{State: types.SnapshotStateCompleted}
	err := a.answer(ctx, "CreateSnapshot", []string{aws.ToString(in.VolumeId)}, func() error {
		a.mu.Lock()
		defer a.mu.Unlock()
		id := fmt.Sprintf("snap-%08x", len(a.snapshots)+1)
		a.snapshots[id] = snapshot{volume: aws.ToString(in.VolumeId)}
		a.tag(in.TagSpecifications, types.ResourceTypeSnapshot, id)
		out.SnapshotId = aws.String(id)
		return nil
	})
	return out, err
}

// DescribeSnapshots lists snapshots.
func (a *API) DescribeSnapshots(ctx context.Context, in *sdk.DescribeSnapshotsInput, _ ...func(*sdk.Options)) (*sdk.DescribeSnapshotsOutput, error) {
	out := &sdk.DescribeSnapshotsOutput{}
	return out, a.answer(ctx, "DescribeSnapshots", nil, func() error {
		a.mu.Lock()
		ids := make(map[string]snapshot, len(a.snapshots))
		for id, s := range a.snapshots {
			ids[id] = s
		}
		a.mu.Unlock()
		for id, s := range ids {
			if a.passes(id, in.Filters) {
				out.Snapshots = append(out.Snapshots, types.Snapshot{SnapshotId: aws.String(id), VolumeId: aws.String(s.volume),
					State: types.SnapshotStateCompleted, Tags: a.tagsOf(id)})
			}
		}
		return nil
	})
}

// DeleteSnapshot deletes a snapshot.
func (a *API) DeleteSnapshot(ctx context.Context, in *sdk.DeleteSnapshotInput, _ ...func(*sdk.Options)) (*sdk.DeleteSnapshotOutput, error) {
	return &sdk.DeleteSnapshotOutput{}, a.answer(ctx, "DeleteSnapshot", []string{aws.ToString(in.SnapshotId)}, func() error {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.snapshots, aws.ToString(in.SnapshotId))
		return nil
	})
}

// CreateTags writes tags.
func (a *API) CreateTags(ctx context.Context, in *sdk.CreateTagsInput, _ ...func(*sdk.Options)) (*sdk.CreateTagsOutput, error) {
	return &sdk.CreateTagsOutput{}, a.answer(ctx, "CreateTags", in.Resources, func() error {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, id := range in.Resources {
			a.write(id, in.Tags)
		}
		return nil
	})
}

// DeleteTags takes tags off.
func (a *API) DeleteTags(ctx context.Context, in *sdk.DeleteTagsInput, _ ...func(*sdk.Options)) (*sdk.DeleteTagsOutput, error) {
	return &sdk.DeleteTagsOutput{}, a.answer(ctx, "DeleteTags", in.Resources, func() error {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, id := range in.Resources {
			for _, t := range in.Tags {
				delete(a.tags[id], aws.ToString(t.Key))
			}
		}
		return nil
	})
}
