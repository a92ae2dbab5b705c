package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// TestSurveyVolume: what a listed volume is, and whose.
func TestSurveyVolume(t *testing.T) {
	t.Parallel()
	const machine, volume, token = "i-1", "vol-1", "token"
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
		{"just launched", types.Volume{Tags: launched, Attachments: attached}, plan.Volume{Deployment: "e", AttachedTo: machine}, true},
		{"of another launch", types.Volume{Tags: []types.Tag{tag(tokenTag, "x")}, Attachments: attached}, plan.Volume{AttachedTo: machine}, true},
		{"never labelled and free", types.Volume{Tags: launched}, plan.Volume{}, true},
		{"system's", types.Volume{Tags: labelled, SnapshotId: aws.String("snap-1"), Attachments: at("/dev/xvda", types.VolumeAttachmentStateAttached)}, plan.Volume{}, false},
		{"system's, not attached yet", types.Volume{Tags: labelled, SnapshotId: aws.String("snap-1")}, plan.Volume{}, false},
		{"restored", types.Volume{Tags: owner{"d", 0}.tags(), SnapshotId: aws.String("snap-1")}, plan.Volume{Deployment: "d"}, true},
		{"detached", types.Volume{Tags: labelled, Attachments: at(dataDevice, types.VolumeAttachmentStateDetached)}, plan.Volume{Deployment: "d", Ordinal: 1}, true},
		{"detaching", types.Volume{Tags: labelled, Attachments: at(dataDevice, types.VolumeAttachmentStateDetaching)},
			plan.Volume{Deployment: "d", Ordinal: 1, AttachedTo: machine, Busy: "detaching at machine i-1"}, true},
		{"mounted", types.Volume{Tags: labelled, Attachments: at(dataDevice, types.VolumeAttachmentStateBusy)},
			plan.Volume{Deployment: "d", Ordinal: 1, AttachedTo: machine, Busy: `machine i-1 still has it mounted, device "/dev/sdf"`}, true},
		{"being made", types.Volume{Tags: labelled, State: types.VolumeStateCreating}, plan.Volume{Deployment: "d", Ordinal: 1, Busy: "creating"}, true},
	} {
		s := testCloud().survey(map[string]types.Instance{machine: {
			InstanceId: aws.String(machine), ClientToken: aws.String(token), AmiLaunchIndex: aws.Int32(1),
			Tags: []types.Tag{tag(ownersTag+"0", "0=d/0 1=e/0 11=f/0")},
		}})
		c.in.VolumeId, c.in.Size = aws.String(volume), aws.Int32(10)
		if c.data {
			c.want.ID, c.want.GB = volume, 10
		}
		if got, data := s.volume(c.in); got != c.want || data != c.data {
			t.Errorf("%s: %+v, data %t; want %+v, data %t", c.name, got, data, c.want, c.data)
		}
	}
}

// TestLabels: a machine is labelled with its volume, and not before that is seen.
func TestLabels(t *testing.T) {
	t.Parallel()
	running, ended := &types.InstanceState{Name: types.InstanceStateNameRunning}, &types.InstanceState{Name: types.InstanceStateNameShuttingDown}
	disk := func(device string) []types.InstanceBlockDeviceMapping {
		return []types.InstanceBlockDeviceMapping{{DeviceName: aws.String(device), Ebs: &types.EbsInstanceBlockDevice{VolumeId: aws.String("vol-1")}}}
	}
	for _, c := range []struct {
		name string
		in   types.Instance
		born bool // its volume is listed
		want int  // things labelled
	}{
		{"with its volume", types.Instance{State: running, BlockDeviceMappings: disk(dataDevice)}, true, 2},
		{"volume not listed yet", types.Instance{State: running, BlockDeviceMappings: disk(dataDevice)}, false, 0},
		{"disks not known yet", types.Instance{State: running}, false, 0},
		{"without a data volume", types.Instance{State: running, BlockDeviceMappings: disk("/dev/xvda")}, false, 1},
		{"ended by hand, volume still there", types.Instance{State: ended}, true, 2},
		{"ended", types.Instance{State: ended}, false, 0},
	} {
		c.in.Tags, c.in.AmiLaunchIndex = []types.Tag{tag(ownersTag+"0", "0=d/0")}, aws.Int32(0)
		s := testCloud().survey(map[string]types.Instance{"i-1": c.in})
		if c.born {
			s.born["i-1"] = []string{"vol-1"}
		}
		things := 0
		for _, l := range s.labels() {
			things += len(l.resources)
		}
		if things != c.want {
			t.Errorf("%s: %d things are labelled, want %d", c.name, things, c.want)
		}
	}
}
