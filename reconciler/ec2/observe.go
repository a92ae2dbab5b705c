package ec2

import (
	"context"
	"net"
	"slices"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// pageSize is the most that one request lists.
const pageSize = 1000

// Observe implements reconciler.Cloud. It also labels volumes whose launch was cut
// off before that.
func (c *Cloud) Observe(ctx context.Context) plan.Inventory {
	var instances []types.Instance
	var volumes []types.Volume
	var instancesErr, volumesErr error
	var both sync.WaitGroup
	both.Go(func() { instances, instancesErr = c.instances(ctx, c.ours()) })
	both.Go(func() { volumes, volumesErr = c.volumes(ctx, c.ours()) })
	both.Wait()

	inv := plan.Inventory{Gaps: plan.Gaps{Machines: reason(instancesErr), Volumes: reason(volumesErr)}}
	byID := make(map[string]types.Instance, len(instances))
	for _, i := range instances {
		byID[aws.ToString(i.InstanceId)] = i
		inv.Machines = append(inv.Machines, c.machine(i))
	}
	s := c.survey(byID)
	for _, v := range volumes {
		if v, ok := s.volume(v); ok {
			inv.Volumes = append(inv.Volumes, v)
		}
	}
	if inv.Gaps.Volumes == "" && inv.Gaps.Machines != "" && s.unknown != "" {
		// Its owner must not be taken for one without a volume.
		inv.Gaps.Volumes = "whose volume " + s.unknown + " is stands on a machine that was not listed: " + inv.Gaps.Machines
	}
	if err := c.settle(ctx, s); err != nil {
		c.log.Warn("not everything is labelled yet; the next listing does it", "err", err)
	}
	if inv.Gaps == (plan.Gaps{}) {
		c.memory.remember(s.settled)
	}
	return inv
}

// settle completes the labels of launches, a few with each listing.
func (c *Cloud) settle(ctx context.Context, s *survey) error {
	labels := s.labels()
	if err := c.label(ctx, labels[:min(len(labels), labelsPerLook)]); err != nil {
		return err
	}
	return c.unlist(ctx, s.listed())
}

func reason(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// ours is the filter for what carries the fleet's tag.
func (c *Cloud) ours() types.Filter { return tagged(fleetTag, c.opts.Fleet) }

func tagged(key, value string) types.Filter {
	return types.Filter{Name: aws.String("tag:" + key), Values: []string{value}}
}

// instances lists all that pass the filters. With an error, those that were seen.
func (c *Cloud) instances(ctx context.Context, filters ...types.Filter) ([]types.Instance, error) {
	var all []types.Instance
	in := &sdk.DescribeInstancesInput{Filters: filters, MaxResults: aws.Int32(pageSize)}
	for {
		out, err := call(ctx, c, "DescribeInstances", 0, "list machines", c.opts.Client.DescribeInstances, in)
		if err != nil {
			return all, err
		}
		for _, r := range out.Reservations {
			all = append(all, r.Instances...)
		}
		if aws.ToString(out.NextToken) == "" {
			return all, nil
		}
		in.NextToken = out.NextToken
	}
}

// volumes lists all that pass the filter. With an error, those that were seen.
func (c *Cloud) volumes(ctx context.Context, filter types.Filter) ([]types.Volume, error) {
	var all []types.Volume
	in := &sdk.DescribeVolumesInput{Filters: []types.Filter{filter}, MaxResults: aws.Int32(pageSize)}
	for {
		out, err := call(ctx, c, "DescribeVolumes", 0, "list volumes", c.opts.Client.DescribeVolumes, in)
		if err != nil {
			return all, err
		}
		all = append(all, out.Volumes...)
		if aws.ToString(out.NextToken) == "" {
			return all, nil
		}
		in.NextToken = out.NextToken
	}
}

// states are EC2's states of an instance as the planner's.
var states = map[types.InstanceStateName]plan.MachineState{
	types.InstanceStateNamePending:      plan.MachinePending,
	types.InstanceStateNameRunning:      plan.MachineRunning,
	types.InstanceStateNameStopping:     plan.MachineStopping,
	types.InstanceStateNameStopped:      plan.MachineStopped,
	types.InstanceStateNameShuttingDown: plan.MachineTerminated,
	types.InstanceStateNameTerminated:   plan.MachineTerminated,
}

func (c *Cloud) machine(i types.Instance) plan.Machine {
	m := plan.Machine{
		ID: aws.ToString(i.InstanceId), Token: aws.ToString(i.ClientToken), Index: int(aws.ToInt32(i.AmiLaunchIndex)),
		State: stateOf(i), InstanceType: string(i.InstanceType), Host: aws.ToString(i.PrivateIpAddress),
		LaunchedAt: aws.ToTime(i.LaunchTime),
	}
	if i.Placement != nil {
		m.Zone = aws.ToString(i.Placement.AvailabilityZone)
	}
	if m.Host != "" && m.State == plan.MachineRunning {
		m.AgentAddress = net.JoinHostPort(m.Host, strconv.Itoa(c.opts.AgentPort))
	}
	return m
}

func stateOf(i types.Instance) plan.MachineState {
	if i.State == nil || states[i.State.Name] == "" {
		return plan.MachinePending
	}
	return states[i.State.Name]
}

// dataVolumeOf is the volume an instance was launched with, as far as it is known.
func dataVolumeOf(i types.Instance) string {
	at := slices.IndexFunc(i.BlockDeviceMappings, func(m types.InstanceBlockDeviceMapping) bool {
		return aws.ToString(m.DeviceName) == dataDevice && m.Ebs != nil
	})
	if at < 0 {
		return ""
	}
	return aws.ToString(i.BlockDeviceMappings[at].Ebs.VolumeId)
}
