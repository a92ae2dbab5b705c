package ec2_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/reconciler/ec2"
)

// byHand launches a machine as a person does, with so many data volumes.
func (w *world) byHand(t *testing.T, name string, volumes int) string {
	t.Helper()
	in := &sdk.RunInstancesInput{ImageId: aws.String(w.ami), MinCount: aws.Int32(1), MaxCount: aws.Int32(1), InstanceType: types.InstanceTypeT3Medium,
		SubnetId: aws.String(w.subnets[zone]),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{
			{Key: aws.String("mainstay:adopt"), Value: aws.String(name)}, {Key: aws.String("mainstay:dolt-version"), Value: aws.String("1.86.4")}}}}}
	for i := range volumes {
		in.BlockDeviceMappings = append(in.BlockDeviceMappings, types.BlockDeviceMapping{DeviceName: aws.String("/dev/sd" + string(rune('g'+i))),
			Ebs: &types.EbsBlockDevice{VolumeSize: aws.Int32(30), VolumeType: types.VolumeTypeGp3}})
	}
	out, err := w.client.RunInstances(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.Instances[0].InstanceId)
}

func candidate(t *testing.T, c *ec2.Cloud, machine string) ec2.Candidate {
	t.Helper()
	found, err := c.Candidates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.MachineID == machine {
			return f
		}
	}
	t.Fatalf("machine %s is no candidate among %+v", machine, found)
	return ec2.Candidate{}
}

// TestAdopt: what people run by hand is found by its tag, and becomes the fleet's.
func TestAdopt(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	machine := f.byHand(t, "orders", 1)
	found := candidate(t, f.Cloud, machine)
	if found.Problem != "" || found.Name != "orders" || found.Zone != zone || found.InstanceType != "t3.medium" || found.DoltVersion != "1.86.4" ||
		found.GB != 30 || found.VolumeType != "gp3" || found.VolumeID == "" {
		t.Errorf("the candidate is %+v", found)
	}
	deployment := uuid.NewString()
	for range 2 {
		if err := f.Adopt(t.Context(), found.VolumeID, deployment); err != nil {
			t.Fatal(err)
		}
	}
	inv := f.whole(t)
	if len(inv.Volumes) != 1 || inv.Volumes[0].Deployment != deployment || inv.Volumes[0].AttachedTo != machine || len(inv.Machines) != 0 {
		t.Errorf("after the adoption: %+v", inv)
	}
	for who, err := range map[string]error{
		"another deployment": f.Adopt(t.Context(), found.VolumeID, uuid.NewString()),
		"another fleet":      f.open(t, "another").Adopt(t.Context(), found.VolumeID, deployment),
		"no deployment":      f.Adopt(t.Context(), found.VolumeID, ""),
	} {
		if err == nil || !strings.Contains(err.Error(), found.VolumeID) {
			t.Errorf("%s adopted it too: %v", who, err)
		}
	}
	if again := candidate(t, f.Cloud, machine); again.Problem != "" || again.Deployment != deployment {
		t.Errorf("the adopted candidate is %+v", again)
	}
	if theirs := candidate(t, f.open(t, "another"), machine); !strings.Contains(theirs.Problem, f.name) || theirs.Deployment != "" {
		t.Errorf("to another fleet it is %+v", theirs)
	}
	if !inv.Volumes[0].ByHand {
		t.Error("the volume is not told as made by hand, and would be removed with strays")
	}
}

// TestNotAdopted: what nobody offered, or cannot be told, is left alone.
func TestNotAdopted(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	if c := candidate(t, f.Cloud, f.byHand(t, "bare", 0)); !strings.Contains(c.Problem, "volume of its system") {
		t.Errorf("without a data volume: %+v", c)
	}
	two := f.byHand(t, "two", 2)
	if c := candidate(t, f.Cloud, two); !strings.Contains(c.Problem, "2 data volumes") || c.VolumeID != "" {
		t.Errorf("with two data volumes: %+v", c)
	}
	marked := f.free(t)
	if err := f.open(t, "another").Adopt(t.Context(), marked, uuid.NewString()); err == nil {
		t.Error("another fleet's volume was adopted")
	}
	made, err := f.client.CreateVolume(t.Context(), &sdk.CreateVolumeInput{AvailabilityZone: aws.String(zone), Size: aws.Int32(10)})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Adopt(t.Context(), aws.ToString(made.VolumeId), uuid.NewString()); err == nil || !strings.Contains(err.Error(), "not offered") {
		t.Errorf("a volume that nobody offered: %v", err)
	}
	if _, err := f.client.CreateTags(t.Context(), &sdk.CreateTagsInput{Resources: f.volumesAt(t, two)[:1],
		Tags: []types.Tag{{Key: aws.String("mainstay:adopt"), Value: aws.String("two")}}}); err != nil {
		t.Fatal(err)
	}
	if c := candidate(t, f.Cloud, two); c.Problem != "" || c.VolumeID == "" {
		t.Errorf("with one of two volumes marked: %+v", c)
	}
}

// volumesAt are the data volumes of a machine.
func (w *world) volumesAt(t *testing.T, machine string) []string {
	t.Helper()
	out, err := w.client.DescribeVolumes(t.Context(), &sdk.DescribeVolumesInput{Filters: []types.Filter{
		{Name: aws.String("attachment.instance-id"), Values: []string{machine}}}})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, v := range out.Volumes {
		if aws.ToInt32(v.Size) == 30 {
			ids = append(ids, aws.ToString(v.VolumeId))
		}
	}
	return ids
}

// TestRehearse: a launch that would be allowed is one that is not made.
func TestRehearse(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	if err := f.Rehearse(t.Context(), zone, "t3.small"); err != nil {
		t.Error(err)
	}
	if inv := f.whole(t); len(inv.Machines)+len(inv.Volumes) != 0 {
		t.Errorf("the rehearsal made %+v", inv)
	}
	if err := f.Rehearse(t.Context(), "eu-west-1z", "t3.small"); err == nil || !strings.Contains(err.Error(), "no subnet") {
		t.Errorf("in a zone without a subnet: %v", err)
	}
}
