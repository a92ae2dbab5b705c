package ec2

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// pageSize is the most that one request lists.
const pageSize = 1000

// Observe implements reconciler.Cloud.
func (c *Cloud) Observe(ctx context.Context) plan.Inventory {
	var instances []types.Instance
	var volumes []types.Volume
	var instancesErr, volumesErr error
	var troubles map[string]string
	var all sync.WaitGroup
	all.Go(func() { instances, instancesErr = c.instances(ctx, c.ours()) })
	all.Go(func() { volumes, volumesErr = c.volumes(ctx, c.ours()) })
	all.Go(func() { troubles = c.troubles(ctx) })
	all.Wait()

	inv := plan.Inventory{Gaps: plan.Gaps{Machines: reason(instancesErr), Volumes: reason(volumesErr)}}
	known := c.takeMachines(&inv, instances, troubles)
	c.takeVolumes(&inv, volumes, known)
	return inv
}

// takeMachines tells of the instances, and returns all machines that are known.
func (c *Cloud) takeMachines(inv *plan.Inventory, instances []types.Instance, troubles map[string]string) map[string]plan.Machine {
	known := make(map[string]plan.Machine, len(instances))
	found := make([]sighting, len(instances))
	for n, i := range instances {
		m := c.machine(i)
		if c.memory.hasEnded(m.ID) {
			m.State, m.AgentAddress = plan.MachineTerminated, ""
		}
		if m.State == plan.MachineRunning {
			m.Trouble = troubles[m.ID]
		}
		found[n], known[m.ID] = sighting{machine: m, tags: i.Tags}, m
		inv.Machines = append(inv.Machines, m)
	}
	whole := inv.Gaps.Machines == ""
	for _, m := range c.memory.see(found, whole) {
		known[m.ID] = m
		if whole {
			c.log.Debug("not listed, and told as seen last: listings lag", "machine", m.ID)
			inv.Machines = append(inv.Machines, m)
		}
	}
	return known
}

func (c *Cloud) takeVolumes(inv *plan.Inventory, volumes []types.Volume, known map[string]plan.Machine) {
	tags := make(map[string][]types.Tag, len(volumes))
	for _, listed := range volumes {
		if isRoot(listed) {
			continue
		}
		v := volume(listed, known)
		tags[v.ID] = listed.Tags
		inv.Volumes = append(inv.Volumes, v)
		if inv.Gaps.Volumes == "" && inv.Gaps.Machines != "" && hidden(v, known) {
			// It must not be taken for one that has no owner.
			inv.Gaps.Volumes = "whose volume " + v.ID + " is stands on machine " + v.AttachedTo + ", which was not listed: " + inv.Gaps.Machines
		}
	}
	c.memory.seeVolumes(tags, inv.Gaps.Volumes == "")
}

func reason(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// ours is the filter for what carries the fleet's tag.
func (c *Cloud) ours() types.Filter { return tagged(fleetTag, c.opts.Fleet) }

func tagged(key, value string) types.Filter { return filter("tag:"+key, value) }

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}

// pages asks for one page after the other. With an error, what was seen before it
// counts.
func pages[T any](page func(token *string) (found []T, next *string, err error)) ([]T, error) {
	var all []T
	var token *string
	for {
		found, next, err := page(token)
		all = append(all, found...)
		if err != nil || aws.ToString(next) == "" {
			return all, err
		}
		token = next
	}
}

// instances lists all that pass the filters.
func (c *Cloud) instances(ctx context.Context, filters ...types.Filter) ([]types.Instance, error) {
	return pages(func(token *string) ([]types.Instance, *string, error) {
		in := &sdk.DescribeInstancesInput{Filters: filters, MaxResults: aws.Int32(pageSize), NextToken: token}
		out, err := call(ctx, c, "DescribeInstances", 0, "list machines", c.opts.Client.DescribeInstances, in)
		if err != nil {
			return nil, nil, err
		}
		var found []types.Instance
		for _, r := range out.Reservations {
			found = append(found, r.Instances...)
		}
		return found, out.NextToken, nil
	})
}

// volumes lists all that pass the filter.
func (c *Cloud) volumes(ctx context.Context, filter types.Filter) ([]types.Volume, error) {
	return pages(func(token *string) ([]types.Volume, *string, error) {
		in := &sdk.DescribeVolumesInput{Filters: []types.Filter{filter}, MaxResults: aws.Int32(pageSize), NextToken: token}
		out, err := call(ctx, c, "DescribeVolumes", 0, "list volumes", c.opts.Client.DescribeVolumes, in)
		if err != nil {
			return nil, nil, err
		}
		return out.Volumes, out.NextToken, nil
	})
}
