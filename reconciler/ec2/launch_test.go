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
	return &Cloud{memory: newMemory(), shortages: newShortages(), opts: Options{Fleet: "acme", AMI: "ami-1", Region: "eu-west-1", AgentPort: defaultAgentPort,
		Subnets: map[string]string{"a": "subnet-a"}, SecurityGroups: []string{"sg-1"}, InstanceProfile: "machine", UserData: "#!"}}
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
	ignore := cmpopts.IgnoreUnexported(*first, types.BlockDeviceMapping{}, types.EbsBlockDevice{}, types.TagSpecification{},
		types.Tag{}, types.InstanceMetadataOptionsRequest{}, types.IamInstanceProfileSpecification{})
	if d := cmp.Diff(first, again, ignore); d != "" {
		t.Errorf("the repeated request differs: %s", d)
	}
	// Another process that knows a part of the batch alone repeats the whole request.
	part, err := testCloud().request(batchOf(2, 1))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first, part, ignore); d != "" {
		t.Errorf("a part of the batch is another request: %s", d)
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

// TestLaunchTags: a machine alone says whose it is; of several none does, as all
// have the same tags.
func TestLaunchTags(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]string{1: "deployment-0", 2: "", 200: ""} {
		in, err := testCloud().request(batchOf(size, 0))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range in.TagSpecifications {
			if tagOf(s.Tags, fleetTag) != "acme" || tagOf(s.Tags, tokenTag) != "token" || tagOf(s.Tags, deploymentTag) != want {
				t.Errorf("of %d machines, a %s has the tags %v", size, s.ResourceType, s.Tags)
			}
		}
	}
}

func TestOwnerOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		deployment, ordinal string
		want                owner
		ok                  bool
	}{
		{"a", "0", owner{"a", 0}, true},
		{"a", "12", owner{"a", 12}, true},
		{"a", "", owner{"a", 0}, true},
		{"a", "x", owner{}, false},
		{"", "0", owner{}, false},
	} {
		got, ok := ownerOf([]types.Tag{tag(deploymentTag, c.deployment), tag(ordinalTag, c.ordinal)})
		if ok != c.ok || got != c.want {
			t.Errorf("%q and %q name %v, %t", c.deployment, c.ordinal, got, ok)
		}
	}
}
