package ec2

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// dataDevice is where the data volume is attached. On Nitro machines the agent
// finds it by the volume's serial number.
const dataDevice = "/dev/sdf"

// maxToken is the length of a ClientToken.
const maxToken = 64

// Launch implements reconciler.Cloud: one RunInstances.
func (c *Cloud) Launch(ctx context.Context, batch []plan.Action) ([]plan.Machine, error) {
	if err := checkBatch(batch); err != nil {
		return nil, err
	}
	in, err := c.request(batch)
	if err != nil {
		return nil, err
	}
	token := batch[0].Token
	if err := c.shortages.check(batch[0].Shape); err != nil {
		return nil, err
	}
	out, err := call(ctx, c, "RunInstances", int(*in.MaxCount), "launch machines with token "+token, c.opts.Client.RunInstances, in)
	c.shortages.learn(batch[0].Shape, err)
	if awserr.KindOf(err) == Mismatch {
		return c.launchedBefore(ctx, batch, err)
	}
	if err != nil {
		return nil, c.misconfigured(err, batch[0].Shape)
	}
	return c.answer(batch, c.refreshed(ctx, token, out.Instances)), nil
}

// checkBatch refuses what no planner should send: a token must mean one thing.
func checkBatch(batch []plan.Action) error {
	if len(batch) == 0 {
		return errors.New("a launch needs at least one machine")
	}
	first, seen := batch[0], make(map[int]bool)
	for _, a := range batch {
		switch {
		case a.Token == "" || len(a.Token) > maxToken:
			return fmt.Errorf("the launch for deployment %s has the token %q; EC2 takes 1 to %d characters", a.Slot.Deployment, a.Token, maxToken)
		case a.Token != first.Token:
			return fmt.Errorf("one launch carries two tokens, %s and %s", first.Token, a.Token)
		case !reflect.DeepEqual(a.Shape, first.Shape):
			return fmt.Errorf("the launch with token %s asks for machines of different shapes", a.Token)
		case a.Slot.Deployment == "" || a.Index < 0:
			return fmt.Errorf("the launch with token %s asks for index %d for deployment %q", a.Token, a.Index, a.Slot.Deployment)
		case seen[a.Index]:
			return fmt.Errorf("the launch with token %s asks for index %d twice", a.Token, a.Index)
		}
		seen[a.Index] = true
	}
	return nil
}

// request is the whole launch. Everything in it follows from the batch and the
// options, so that a repeated launch is the same request.
func (c *Cloud) request(batch []plan.Action) (*sdk.RunInstancesInput, error) {
	first := batch[0]
	subnet, ok := c.opts.Subnets[first.Shape.Zone]
	if !ok {
		return nil, fmt.Errorf("no subnet is known for zone %s of deployment %s; add one to the configuration, or choose another zone",
			first.Shape.Zone, first.Slot.Deployment)
	}
	count := sizeOf(batch)
	tags := c.launchTags(first, count)
	in := &sdk.RunInstancesInput{
		ClientToken: aws.String(first.Token), MinCount: aws.Int32(1), MaxCount: aws.Int32(int32(count)),
		ImageId: aws.String(c.opts.AMI), InstanceType: types.InstanceType(first.Shape.InstanceType),
		SubnetId: aws.String(subnet), SecurityGroupIds: c.opts.SecurityGroups,
		MetadataOptions: &types.InstanceMetadataOptionsRequest{
			HttpEndpoint: types.InstanceMetadataEndpointStateEnabled, HttpTokens: types.HttpTokensStateRequired, HttpPutResponseHopLimit: aws.Int32(1),
		},
		// A machine that is shut down from inside stops, and can be started again.
		InstanceInitiatedShutdownBehavior: types.ShutdownBehaviorStop,
		TagSpecifications:                 []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: tags}},
	}
	if c.opts.UserData != "" {
		in.UserData = aws.String(base64.StdEncoding.EncodeToString([]byte(c.opts.UserData)))
	}
	if c.opts.InstanceProfile != "" {
		in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: aws.String(c.opts.InstanceProfile)}
	}
	if v := first.Shape.Volume; v != nil {
		in.BlockDeviceMappings = []types.BlockDeviceMapping{{DeviceName: aws.String(dataDevice), Ebs: volumeRequest(v)}}
		in.TagSpecifications = append(in.TagSpecifications, types.TagSpecification{ResourceType: types.ResourceTypeVolume, Tags: tags})
	}
	return in, nil
}

// sizeOf is how many machines the token's request asks for, also when only some of
// them are asked for again.
func sizeOf(batch []plan.Action) int {
	count := max(len(batch), batch[0].Batch)
	for _, a := range batch {
		count = max(count, a.Index+1)
	}
	return count
}

// launchTags are the tags of all machines and of all volumes of a launch. The root
// volume gets them too; it ends with its machine. A machine alone says whose it is;
// of several, their indexes do.
func (c *Cloud) launchTags(first plan.Action, count int) []types.Tag {
	tags := []types.Tag{tag(fleetTag, c.opts.Fleet), tag(tokenTag, first.Token)}
	if count == 1 {
		tags = append(tags, ownerIn(first).tags()...)
	}
	return tags
}

func volumeRequest(v *plan.VolumeSpec) *types.EbsBlockDevice {
	ebs := &types.EbsBlockDevice{
		DeleteOnTermination: aws.Bool(false), Encrypted: aws.Bool(true),
		VolumeType: types.VolumeType(v.Type), VolumeSize: aws.Int32(int32(v.GB)),
	}
	if v.IOPS > 0 {
		ebs.Iops = aws.Int32(int32(v.IOPS))
	}
	if v.MiBps > 0 {
		ebs.Throughput = aws.Int32(int32(v.MiBps))
	}
	return ebs
}
