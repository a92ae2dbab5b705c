package ec2

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

func testCloud() *Cloud {
	return &Cloud{memory: newMemory(), shortages: newShortages(), opts: Options{Fleet: "acme", AMI: "ami-1", Subnets: map[string]string{"a": "subnet-a"},
		SecurityGroups: []string{"sg-1"}, InstanceProfile: "machine", UserData: "#!"}}
}

func batchOf(size int, indexes ...int) []plan.Action {
	var batch []plan.Action
	for _, i := range indexes {
		batch = append(batch, plan.Action{
			Kind: plan.LaunchMachine, Token: "token", Index: i, Batch: size, Name: fmt.Sprintf("name-%d", i),
			Slot:  plan.SlotID{Deployment: fmt.Sprintf("deployment-%d", i), Generation: 1},
			Shape: plan.Shape{Zone: "a", InstanceType: "t3.small", Volume: &plan.VolumeSpec{Type: "gp3", GB: 10, IOPS: 3000}},
		})
	}
	return batch
}

// TestRequest: what every machine is launched with.
func TestRequest(t *testing.T) {
	t.Parallel()
	in, err := testCloud().request(batchOf(3, 0, 1, 2))
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(in.ClientToken) != "token" || *in.MinCount != 1 || *in.MaxCount != 3 || aws.ToString(in.SubnetId) != "subnet-a" {
		t.Errorf("token %s, %d to %d machines in %s", *in.ClientToken, *in.MinCount, *in.MaxCount, *in.SubnetId)
	}
	if m := in.MetadataOptions; m.HttpTokens != types.HttpTokensStateRequired || *m.HttpPutResponseHopLimit != 1 {
		t.Errorf("metadata options are %+v, want tokens required and one hop", m)
	}
	if len(in.BlockDeviceMappings) != 1 {
		t.Fatalf("volumes %+v, want one", in.BlockDeviceMappings)
	}
	if v := in.BlockDeviceMappings[0].Ebs; *v.DeleteOnTermination || !*v.Encrypted || *v.VolumeSize != 10 || *v.Iops != 3000 || v.Throughput != nil {
		t.Errorf("the volume is %+v, want one that is encrypted and kept", v)
	}
	if *in.IamInstanceProfile.Name != "machine" || in.SecurityGroupIds[0] != "sg-1" || aws.ToString(in.UserData) != "IyE=" {
		t.Errorf("profile %v, groups %v, user data %q", in.IamInstanceProfile, in.SecurityGroupIds, *in.UserData)
	}
}

// TestRequestIsRepeated: what people change meanwhile is no part of a request, so
// that a repeated one is the same.
func TestRequestIsRepeated(t *testing.T) {
	t.Parallel()
	first, err := testCloud().request(batchOf(2, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	renamed := batchOf(2, 0, 1)
	for i := range renamed {
		renamed[i].Name, renamed[i].Summary = "another", "another"
	}
	again, err := testCloud().request(renamed)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first, again, cmpopts.IgnoreUnexported(*first, types.BlockDeviceMapping{}, types.EbsBlockDevice{}, types.TagSpecification{},
		types.Tag{}, types.InstanceMetadataOptionsRequest{}, types.IamInstanceProfileSpecification{})); d != "" {
		t.Errorf("the repeated request differs: %s", d)
	}
	// One process repeats a part as the whole; another knows the part alone.
	c := testCloud()
	if _, err := c.request(batchOf(2, 0, 1)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Cloud{"same process": c, "another": testCloud()} {
		part, err := c.request(batchOf(2, 1))
		if err != nil || *part.MaxCount != 2 {
			t.Errorf("%s: a part of the batch asks for %d machines, the batch for 2 (%v)", name, *part.MaxCount, err)
		}
		_, listed := ownerByIndex(part.TagSpecifications[0].Tags, 0)
		if listed != (name == "same process") {
			t.Errorf("%s: the other part's owner is named: %t", name, listed)
		}
	}
}

func TestLaunchRefused(t *testing.T) {
	t.Parallel()
	long, otherShape, nobody, nowhere := batchOf(1, 0), batchOf(2, 0, 1), batchOf(1, 0), batchOf(1, 0)
	long[0].Token = strings.Repeat("x", 65)
	otherShape[1].Shape.InstanceType = "t3.large"
	nobody[0].Slot.Deployment = ""
	nowhere[0].Shape.Zone = "b"
	for _, c := range []struct {
		batch []plan.Action
		says  string
	}{
		{long, "64 characters"},
		{otherShape, "different shapes"},
		{nobody, "deployment \"\""},
		{nowhere, "no subnet is known for zone b"},
		{batchOf(1, 0, 0), "twice"},
	} {
		// The cloud has no client: what is refused is refused before.
		if _, err := testCloud().Launch(t.Context(), c.batch); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("error %v, want one that says %q", err, c.says)
		}
	}
}

// TestOwnerTags: the largest batch of the planner fits into AWS's limits on tags,
// and every owner is found again.
func TestOwnerTags(t *testing.T) {
	t.Parallel()
	const largest = 200
	batch := make([]plan.Action, largest)
	for i := range batch {
		batch[i] = plan.Action{Token: "token", Index: i, Slot: plan.SlotID{Deployment: fmt.Sprintf("%036d", i), Ordinal: i % 3}}
	}
	machine, volume, err := testCloud().launchTags(batch, largest)
	if err != nil {
		t.Fatal(err)
	}
	if len(machine) > 50 || len(volume) != 2 {
		t.Errorf("%d tags on a machine, AWS allows 50; %d on a volume", len(machine), len(volume))
	}
	for _, tag := range machine {
		if len(*tag.Value) > 256 {
			t.Errorf("tag %s has %d characters, AWS allows 256", *tag.Key, len(*tag.Value))
		}
	}
	for _, a := range batch {
		if o, ok := ownerByIndex(machine, a.Index); !ok || o != ownerIn(a) {
			t.Errorf("index %d is %v's, want %v", a.Index, o, ownerIn(a))
		}
	}
	if _, ok := ownerByIndex(machine, largest); ok {
		t.Error("an index beyond the batch has an owner")
	}
}

func TestParseOwner(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{"a/0": true, "a/12": true, "a": false, "/0": false, "a/": false, "a/x": false, "": false, "/": false} {
		if _, ok := parseOwner(s); ok != want {
			t.Errorf("%q names an owner: %t", s, ok)
		}
	}
}
