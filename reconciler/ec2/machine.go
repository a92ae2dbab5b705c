package ec2

import (
	"context"
	"fmt"

	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

// StartMachine implements reconciler.Cloud.
func (c *Cloud) StartMachine(ctx context.Context, machine string) error {
	if err := checkID(instancePattern, "a machine", machine); err != nil {
		return err
	}
	in := &sdk.StartInstancesInput{InstanceIds: []string{machine}}
	_, err := call(ctx, c, "StartInstances", 1, "start machine "+machine, c.opts.Client.StartInstances, in)
	return err
}

// TerminateMachine implements reconciler.Cloud. One that is not there is gone
// already, unless it was seen a moment ago: then the listing lags.
func (c *Cloud) TerminateMachine(ctx context.Context, machine string) error {
	if err := checkID(instancePattern, "a machine", machine); err != nil {
		return err
	}
	if c.memory.hasEnded(machine) {
		return nil // the loop asks until a listing shows it
	}
	believed := c.memory.believed(machine)
	if !c.isOurs(c.memory.listed(machine)) {
		_, err := c.instance(ctx, machine)
		if awserr.KindOf(err) == awserr.NotFound && !believed {
			return nil
		}
		if err != nil && awserr.KindOf(err) != awserr.NotFound {
			return err
		}
	}
	_, err := c.together.ends.Load(ctx, machine)
	if err == nil {
		c.memory.end(machine)
	}
	if awserr.KindOf(err) == awserr.NotFound && !believed {
		return nil
	}
	return err
}

// instance looks at one machine of the fleet.
func (c *Cloud) instance(ctx context.Context, id string) (types.Instance, error) {
	i, err := c.together.instances.Load(ctx, id)
	if err == nil && !c.isOurs(i.Tags) {
		return i, fmt.Errorf("machine %s: %w", id, errForeign)
	}
	return i, err
}
