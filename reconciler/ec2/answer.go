package ec2

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// refreshed looks at machines again: a repeated launch is answered as the first
// was. Where a listing lags, the answer itself stands.
func (c *Cloud) refreshed(ctx context.Context, token string, made []types.Instance) []types.Instance {
	seen, err := c.instances(ctx, c.ours(), tagged(tokenTag, token))
	if err != nil {
		c.log.Debug("launched machines could not be looked at", "token", token, "err", err)
	}
	for i, m := range made {
		id := aws.ToString(m.InstanceId)
		if at := slices.IndexFunc(seen, func(m types.Instance) bool { return aws.ToString(m.InstanceId) == id }); at >= 0 {
			made[i] = seen[at]
		}
	}
	return made
}

// answer picks the machines that were asked for, in the order of the batch, and
// remembers all: listings may lag.
func (c *Cloud) answer(batch []plan.Action, made []types.Instance) []plan.Machine {
	found := make([]sighting, len(made))
	for n, i := range made {
		found[n] = sighting{machine: c.machine(i), tags: i.Tags}
	}
	c.memory.see(found, false)
	var machines []plan.Machine
	for _, a := range batch {
		at := slices.IndexFunc(found, func(s sighting) bool { return s.machine.Index == a.Index })
		if at >= 0 {
			machines = append(machines, found[at].machine)
		}
	}
	return machines
}

// launchedBefore answers a launch whose token AWS knows with other parameters: the
// options changed since. What that launch made is listed; the launch has to be old
// enough for the listing to be whole.
func (c *Cloud) launchedBefore(ctx context.Context, batch []plan.Action, mismatch error) ([]plan.Machine, error) {
	made, err := c.instances(ctx, c.ours(), tagged(tokenTag, batch[0].Token))
	if err != nil {
		return nil, errors.Join(mismatch, err)
	}
	machines := c.answer(batch, made)
	if len(machines) == len(batch) {
		return machines, nil
	}
	if len(made) > 0 && time.Since(aws.ToTime(made[0].LaunchTime)) > lag {
		return machines, nil
	}
	return nil, fmt.Errorf("token %s was used for another launch, and only %d of its %d machines are listed; looked at again: %w",
		batch[0].Token, len(machines), len(batch), mismatch)
}

// misconfigured says which option a launch was refused for: what the options name
// and AWS does not have, no repetition finds.
func (c *Cloud) misconfigured(err error, shape plan.Shape) error {
	var e *awserr.Error
	if !errors.As(err, &e) {
		return err
	}
	var what string
	switch about, _, _ := strings.Cut(e.Code, "."); about {
	case "InvalidAMIID":
		what = "image (AMI) " + c.opts.AMI
	case "InvalidSubnetID", "InvalidSubnet":
		what = "subnet " + c.opts.Subnets[shape.Zone] + " of zone " + shape.Zone
	case "InvalidGroup", "InvalidGroupId", "InvalidSecurityGroupID":
		what = "security group among " + strings.Join(c.opts.SecurityGroups, ", ")
	default:
		return err
	}
	return &awserr.Error{Kind: awserr.Refused, Code: e.Code, Doing: e.Doing,
		Err: fmt.Errorf("AWS cannot use the %s in region %s; set another in the configuration: %w", what, c.opts.Region, e.Err)}
}
