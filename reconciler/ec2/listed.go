package ec2

import (
	"errors"
	"net"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// states are EC2's states of an instance as the planner's.
var states = map[types.InstanceStateName]plan.MachineState{
	types.InstanceStateNamePending:      plan.MachinePending,
	types.InstanceStateNameRunning:      plan.MachineRunning,
	types.InstanceStateNameStopping:     plan.MachineStopping,
	types.InstanceStateNameStopped:      plan.MachineStopped,
	types.InstanceStateNameShuttingDown: plan.MachineTerminated,
	types.InstanceStateNameTerminated:   plan.MachineTerminated,
}

// machine tells of a listed instance. One that somebody launched by hand has no
// token, and is told all the same.
func (c *Cloud) machine(i types.Instance) plan.Machine {
	m := plan.Machine{
		ID: aws.ToString(i.InstanceId), Token: aws.ToString(i.ClientToken), Index: int(aws.ToInt32(i.AmiLaunchIndex)),
		State: stateOf(i), InstanceType: string(i.InstanceType), Host: aws.ToString(i.PrivateIpAddress),
		LaunchedAt: aws.ToTime(i.LaunchTime), IPv6: ipv6Of(i),
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

// ipv6Of is the primary address, or the first there is.
func ipv6Of(i types.Instance) string {
	if i.Ipv6Address != nil {
		return *i.Ipv6Address
	}
	for _, card := range i.NetworkInterfaces {
		for _, a := range card.Ipv6Addresses {
			return aws.ToString(a.Ipv6Address)
		}
	}
	return ""
}

// unknownIndex is the index of a volume that is not with the machine it was
// launched with: EC2 does not tell it any more.
const unknownIndex = -1

// volume tells of a listed volume of data. Machines are those it may be attached to.
func volume(v types.Volume, machines map[string]plan.Machine) plan.Volume {
	seen := plan.Volume{ID: aws.ToString(v.VolumeId), GB: int(aws.ToInt32(v.Size)), Busy: busy(v), ByHand: !has(v.Tags, tokenTag)}
	if at := attachment(v); at != nil {
		seen.AttachedTo = aws.ToString(at.InstanceId)
	}
	if o, ok := ownerOf(v.Tags); ok {
		seen.Deployment, seen.Ordinal = o.deployment, o.ordinal
		return seen
	}
	seen.Token, seen.Index = tagOf(v.Tags, tokenTag), unknownIndex
	if m, ok := machines[seen.AttachedTo]; ok && seen.Token != "" && m.Token == seen.Token && onDataDevice(v) {
		seen.Index = m.Index
	}
	return seen
}

// hidden tells a volume whose owner stands on a machine that is not known.
func hidden(v plan.Volume, machines map[string]plan.Machine) bool {
	_, known := machines[v.AttachedTo]
	return v.Deployment == "" && v.AttachedTo != "" && !known
}

// isRoot tells the volume of a machine's system, which carries the tags of its
// launch like the data volume: it is made of the AMI's snapshot, data of nothing.
// A data volume that people restore from a snapshot must not carry a token.
func isRoot(v types.Volume) bool {
	return tagOf(v.Tags, tokenTag) != "" && aws.ToString(v.SnapshotId) != "" && !onDataDevice(v)
}

func onDataDevice(v types.Volume) bool {
	at := attachment(v)
	return at != nil && aws.ToString(at.Device) == dataDevice
}

var (
	errAbsent  = errors.New("AWS lists none")
	errForeign = errors.New("it does not carry the fleet's tag, so it is left alone")
)

func (c *Cloud) isOurs(tags []types.Tag) bool { return tagOf(tags, fleetTag) == c.opts.Fleet }

// attachment is where a volume is or is about to be; nil: nowhere. Volumes of ours
// are in one place at most.
func attachment(v types.Volume) *types.VolumeAttachment {
	for i := range v.Attachments {
		if v.Attachments[i].State != types.VolumeAttachmentStateDetached {
			return &v.Attachments[i]
		}
	}
	return nil
}

// busy says why a volume cannot be changed just now.
func busy(v types.Volume) string {
	if v.State == types.VolumeStateCreating || v.State == types.VolumeStateDeleting {
		return string(v.State)
	}
	at := attachment(v)
	if at == nil {
		return ""
	}
	switch at.State {
	case types.VolumeAttachmentStateAttaching, types.VolumeAttachmentStateDetaching:
		return string(at.State) + " at machine " + aws.ToString(at.InstanceId)
	case types.VolumeAttachmentStateBusy:
		return "machine " + aws.ToString(at.InstanceId) + " still has it mounted, device " + strconv.Quote(aws.ToString(at.Device))
	}
	return ""
}
