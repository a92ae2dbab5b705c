package ec2

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// AttachVolume implements reconciler.Cloud.
func (c *Cloud) AttachVolume(ctx context.Context, volume, machine string) error {
	if err := checkID(instancePattern, "a machine", machine); err != nil {
		return err
	}
	v, err := c.lookAt(ctx, volume)
	if err != nil {
		return err
	}
	if at := attachment(v); at != nil {
		to := aws.ToString(at.InstanceId)
		if to == machine && at.State != types.VolumeAttachmentStateDetaching {
			return nil
		}
		return fmt.Errorf("volume %s cannot be attached to machine %s: it is at machine %s (%s); detach it there first: %w",
			volume, machine, to, at.State, reconciler.ErrConflict)
	}
	i, err := c.instance(ctx, machine)
	if err != nil {
		return err
	}
	if c.machine(i).State == plan.MachineTerminated {
		return fmt.Errorf("machine %s was terminated; volume %s is not attached to it", machine, volume)
	}
	if err := c.reprieve(ctx, v); err != nil {
		return err
	}
	in := &sdk.AttachVolumeInput{VolumeId: aws.String(volume), InstanceId: aws.String(machine), Device: aws.String(dataDevice)}
	_, err = call(ctx, c, "AttachVolume", 0, "attach volume "+volume+" to machine "+machine, c.opts.Client.AttachVolume, in)
	return err
}

// DetachVolume implements reconciler.Cloud. It is never forced: a volume that is
// mounted stays with its machine until that lets go, and is busy meanwhile.
func (c *Cloud) DetachVolume(ctx context.Context, volume, machine string) error {
	if err := checkID(instancePattern, "a machine", machine); err != nil {
		return err
	}
	v, err := c.lookAt(ctx, volume)
	if err != nil {
		return err
	}
	at := attachment(v)
	if at == nil || at.State == types.VolumeAttachmentStateDetaching {
		return nil
	}
	if now := aws.ToString(at.InstanceId); now != machine {
		return fmt.Errorf("volume %s is at machine %s and not at %s: %w", volume, now, machine, reconciler.ErrConflict)
	}
	if at.State == types.VolumeAttachmentStateBusy {
		return fmt.Errorf("machine %s still has volume %s mounted; stop its database first: %w", machine, volume, reconciler.ErrConflict)
	}
	in := &sdk.DetachVolumeInput{VolumeId: aws.String(volume), InstanceId: aws.String(machine)}
	_, err = call(ctx, c, "DetachVolume", 0, "detach volume "+volume+" from machine "+machine, c.opts.Client.DetachVolume, in)
	return err
}

// GrowVolume implements reconciler.Cloud. The file system on it is the agent's to
// grow.
func (c *Cloud) GrowVolume(ctx context.Context, volume string, gb int) error {
	v, err := c.lookAt(ctx, volume)
	if err != nil {
		return err
	}
	size := int(aws.ToInt32(v.Size))
	if gb < size {
		return fmt.Errorf("volume %s has %d GiB and cannot shrink to %d: volumes only grow", volume, size, gb)
	}
	if gb == size {
		return nil
	}
	in := &sdk.ModifyVolumeInput{VolumeId: aws.String(volume), Size: aws.Int32(int32(gb))}
	_, err = call(ctx, c, "ModifyVolume", 0, fmt.Sprintf("grow volume %s to %d GiB", volume, gb), c.opts.Client.ModifyVolume, in)
	return err
}

// lookAt looks at one volume of the fleet.
func (c *Cloud) lookAt(ctx context.Context, id string) (types.Volume, error) {
	v, err := c.anyVolume(ctx, id)
	if err == nil && !c.isOurs(v.Tags) {
		return v, fmt.Errorf("volume %s: %w", id, errForeign)
	}
	return v, err
}
