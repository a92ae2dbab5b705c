package ec2

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

// DeleteVolume implements reconciler.Cloud. One that is not there is gone already.
// It begins a snapshot and is in conflict until that is complete; then the volume
// goes. Nothing is remembered here: a deletion has an id, which stands on the volume
// before there is a snapshot, and on the snapshot. So it is found after a crash, and
// one of an earlier deletion that was called off is not taken for it.
func (c *Cloud) DeleteVolume(ctx context.Context, volume string) error {
	v, err := c.lookAt(ctx, volume)
	if awserr.KindOf(err) == awserr.NotFound || err == nil && v.State == types.VolumeStateDeleting {
		return nil
	}
	if err != nil {
		return err
	}
	if at := attachment(v); at != nil {
		return fmt.Errorf("volume %s is attached to machine %s; terminate the machine or detach the volume first: %w",
			volume, aws.ToString(at.InstanceId), reconciler.ErrConflict)
	}
	if c.opts.KeepSnapshots > 0 {
		if err := c.secure(ctx, v); err != nil {
			return err
		}
	}
	in := &sdk.DeleteVolumeInput{VolumeId: aws.String(volume)}
	_, err = call(ctx, c, "DeleteVolume", 0, "delete volume "+volume, c.opts.Client.DeleteVolume, in)
	if awserr.KindOf(err) == awserr.NotFound {
		return nil
	}
	return err
}

// secure fails until there is a complete snapshot of the volume for its deletion.
func (c *Cloud) secure(ctx context.Context, v types.Volume) error {
	deletion := tagOf(v.Tags, deletionTag)
	if deletion == "" {
		deletion = uuid.NewString()
		if err := c.writeTags(ctx, []string{*v.VolumeId}, tag(deletionTag, deletion)); err != nil {
			return err
		}
		return c.snapshot(ctx, v, deletion)
	}
	found, err := c.snapshots(ctx, tagged(volumeTag, *v.VolumeId), tagged(deletionTag, deletion))
	if err != nil {
		return err
	}
	var failed string
	for _, s := range found {
		switch s.State {
		case types.SnapshotStateCompleted:
			return nil
		case types.SnapshotStateError:
			failed = aws.ToString(s.SnapshotId)
		default:
			return beingMade(*v.VolumeId, aws.ToString(s.SnapshotId), aws.ToString(s.Progress))
		}
	}
	if failed != "" {
		// It is of no use to anybody, and another is begun at the next attempt.
		c.log.Warn("the snapshot before a deletion failed and is made again", "volume", *v.VolumeId, "snapshot", failed)
		if err := c.deleteSnapshot(ctx, failed); err != nil {
			return err
		}
	}
	if len(found) == 0 && c.memory.justBegan(deletion) {
		return beingMade(*v.VolumeId, "not listed yet", "")
	}
	return c.snapshot(ctx, v, deletion)
}

// snapshot begins one, and is in conflict with what should come after it.
func (c *Cloud) snapshot(ctx context.Context, v types.Volume, deletion string) error {
	id := *v.VolumeId
	tags := []types.Tag{tag(fleetTag, c.opts.Fleet), tag(volumeTag, id), tag(deletionTag, deletion), tag(makerTag, "mainstay"), tag(titleTag, "deleted "+id)}
	for _, key := range []string{deploymentTag, ordinalTag, tokenTag, nameTag, whoseTag} {
		if has(v.Tags, key) {
			tags = append(tags, tag(key, tagOf(v.Tags, key)))
		}
	}
	in := &sdk.CreateSnapshotInput{VolumeId: v.VolumeId, Description: aws.String("made by Mainstay before it deleted the volume"),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSnapshot, Tags: tags}}}
	out, err := call(ctx, c, "CreateSnapshot", 0, "make a snapshot of volume "+id, c.opts.Client.CreateSnapshot, in)
	if err != nil {
		return err
	}
	c.memory.began(deletion)
	return beingMade(id, aws.ToString(out.SnapshotId), aws.ToString(out.Progress))
}

func beingMade(volume, snapshot, progress string) error {
	if progress == "" {
		progress = "0%"
	}
	return fmt.Errorf("volume %s is deleted once a snapshot of it is complete; a snapshot is being made (%s, %s): %w",
		volume, snapshot, progress, reconciler.ErrConflict)
}

// reprieve calls a deletion off: what is written from now on is not on its snapshot.
// A person who attaches the volume by hand has to take the tag off too.
func (c *Cloud) reprieve(ctx context.Context, v types.Volume) error {
	if !has(v.Tags, deletionTag) {
		return nil
	}
	in := &sdk.DeleteTagsInput{Resources: []string{*v.VolumeId}, Tags: []types.Tag{{Key: aws.String(deletionTag)}}}
	_, err := call(ctx, c, "DeleteTags", 0, "call off the deletion of volume "+*v.VolumeId, c.opts.Client.DeleteTags, in)
	return err
}
