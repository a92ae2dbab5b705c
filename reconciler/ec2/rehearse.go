package ec2

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// rehearsed is AWS's code for a dry run that would have succeeded.
const rehearsed = "DryRunOperation"

// Rehearse asks EC2 whether a machine of a type could be launched in a zone as the
// options say: with this image, subnet, groups and role, by these credentials.
// Nothing is launched, and whether there is capacity is not told.
func (c *Cloud) Rehearse(ctx context.Context, zone, instanceType string) error {
	in, err := c.request([]plan.Action{{Token: "rehearsal", Slot: plan.SlotID{Deployment: "rehearsal"}, Shape: plan.Shape{
		Zone: zone, InstanceType: instanceType, Volume: &plan.VolumeSpec{Type: "gp3", GB: 10}}}})
	if err != nil {
		return err
	}
	in.ClientToken, in.DryRun = nil, aws.Bool(true) // a token would be used up
	_, err = call(ctx, c, "RunInstances", 0, "see whether a machine could be launched in "+zone, c.opts.Client.RunInstances, in)
	var said smithy.APIError
	if errors.As(err, &said) && said.ErrorCode() == rehearsed {
		return nil
	}
	if err == nil {
		return errors.New("AWS took a rehearsal of a launch for a launch; look for a machine of deployment rehearsal in the console")
	}
	return err
}
