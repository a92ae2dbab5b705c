package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// TestVolume: what a listed volume is, and whose.
func TestVolume(t *testing.T) {
	t.Parallel()
	const machine, id, token = "i-1", "vol-1", "token"
	at := func(device string, state types.VolumeAttachmentState) []types.VolumeAttachment {
		return []types.VolumeAttachment{{InstanceId: aws.String(machine), Device: aws.String(device), State: state}}
	}
	attached := at(dataDevice, types.VolumeAttachmentStateAttached)
	launched := []types.Tag{tag(tokenTag, token)}
	labelled := append(owner{"d", 1}.tags(), launched...)
	for _, c := range []struct {
		name string
		in   types.Volume
		want plan.Volume
		data bool
	}{
		{"labelled and free", types.Volume{Tags: labelled}, plan.Volume{Deployment: "d", Ordinal: 1}, true},
		{"labelled and attached", types.Volume{Tags: labelled, Attachments: attached}, plan.Volume{Deployment: "d", Ordinal: 1, AttachedTo: machine}, true},
		{"where it was launched", types.Volume{Tags: launched, Attachments: attached}, plan.Volume{Token: token, Index: 3, AttachedTo: machine}, true},
		{"of another launch", types.Volume{Tags: []types.Tag{tag(tokenTag, "x")}, Attachments: attached}, plan.Volume{Token: "x", Index: -1, AttachedTo: machine}, true},
		{"at another device", types.Volume{Tags: launched, Attachments: at("/dev/sdg", types.VolumeAttachmentStateAttached)}, plan.Volume{Token: token, Index: -1, AttachedTo: machine}, true},
		{"free", types.Volume{Tags: launched}, plan.Volume{Token: token, Index: -1}, true},
		{"made by hand", types.Volume{Attachments: attached}, plan.Volume{Index: -1, AttachedTo: machine, ByHand: true}, true},
		{"system's", types.Volume{Tags: labelled, SnapshotId: aws.String("snap-1"), Attachments: at("/dev/xvda", types.VolumeAttachmentStateAttached)}, plan.Volume{}, false},
		{"system's, not attached yet", types.Volume{Tags: labelled, SnapshotId: aws.String("snap-1")}, plan.Volume{}, false},
		{"restored", types.Volume{Tags: owner{"d", 0}.tags(), SnapshotId: aws.String("snap-1")}, plan.Volume{Deployment: "d", ByHand: true}, true},
		{"detached", types.Volume{Tags: labelled, Attachments: at(dataDevice, types.VolumeAttachmentStateDetached)}, plan.Volume{Deployment: "d", Ordinal: 1}, true},
		{"detaching", types.Volume{Tags: labelled, Attachments: at(dataDevice, types.VolumeAttachmentStateDetaching)},
			plan.Volume{Deployment: "d", Ordinal: 1, AttachedTo: machine, Busy: "detaching at machine i-1"}, true},
		{"mounted", types.Volume{Tags: labelled, Attachments: at(dataDevice, types.VolumeAttachmentStateBusy)},
			plan.Volume{Deployment: "d", Ordinal: 1, AttachedTo: machine, Busy: `machine i-1 still has it mounted, device "/dev/sdf"`}, true},
		{"being made", types.Volume{Tags: labelled, State: types.VolumeStateCreating}, plan.Volume{Deployment: "d", Ordinal: 1, Busy: "creating"}, true},
	} {
		c.in.VolumeId, c.in.Size = aws.String(id), aws.Int32(10)
		if isRoot(c.in) == c.data {
			t.Errorf("%s: data %t, want %t", c.name, !c.data, c.data)
		}
		if !c.data {
			continue
		}
		c.want.ID, c.want.GB = id, 10
		if got := volume(c.in, map[string]plan.Machine{machine: {ID: machine, Token: token, Index: 3}}); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestMachine: what is told of an instance, also of one that somebody launched by hand.
func TestMachine(t *testing.T) {
	t.Parallel()
	running := &types.InstanceState{Name: types.InstanceStateNameRunning}
	card := types.InstanceNetworkInterface{Ipv6Addresses: []types.InstanceIpv6Address{{Ipv6Address: aws.String("2001:db8::2")}}}
	for _, c := range []struct {
		name string
		in   types.Instance
		want plan.Machine
	}{
		{"launched", types.Instance{State: running, ClientToken: aws.String("t"), AmiLaunchIndex: aws.Int32(2), PrivateIpAddress: aws.String("10.0.0.1"),
			Ipv6Address: aws.String("2001:db8::1"), NetworkInterfaces: []types.InstanceNetworkInterface{card}},
			plan.Machine{State: plan.MachineRunning, Token: "t", Index: 2, Host: "10.0.0.1", IPv6: "2001:db8::1", AgentAddress: "10.0.0.1:7700"}},
		{"with an address on its card", types.Instance{State: running, NetworkInterfaces: []types.InstanceNetworkInterface{{}, card}},
			plan.Machine{State: plan.MachineRunning, IPv6: "2001:db8::2"}},
		{"by hand", types.Instance{State: running}, plan.Machine{State: plan.MachineRunning}},
		{"of a state nobody knows", types.Instance{State: &types.InstanceState{Name: "moving"}}, plan.Machine{State: plan.MachinePending}},
		{"ending", types.Instance{State: &types.InstanceState{Name: types.InstanceStateNameShuttingDown}, PrivateIpAddress: aws.String("10.0.0.1")},
			plan.Machine{State: plan.MachineTerminated, Host: "10.0.0.1"}},
	} {
		if got := testCloud().machine(c.in); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
