package ec2

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

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
	if KindOf(err) == Mismatch {
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
	var e *Error
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
	return &Error{Kind: Refused, Code: e.Code, Doing: e.Doing,
		Err: fmt.Errorf("AWS cannot use the %s in region %s; set another in the configuration: %w", what, c.opts.Region, e.Err)}
}
