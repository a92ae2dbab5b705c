package ec2sim

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// dataDevice is where package ec2 attaches data volumes.
const dataDevice = "/dev/sdf"

// launched is a token's first use.
type launched struct {
	most int // MaxCount, which a repetition must repeat
	ami  string
	at   time.Time
	ids  []string
}

// RunInstances launches a token's machines once.
func (a *API) RunInstances(ctx context.Context, in *sdk.RunInstancesInput, _ ...func(*sdk.Options)) (*sdk.RunInstancesOutput, error) {
	out := &sdk.RunInstancesOutput{}
	token, most := aws.ToString(in.ClientToken), int(aws.ToInt32(in.MaxCount))
	call := Call{Action: "RunInstances", About: token, Zone: aws.ToString(in.SubnetId), Type: string(in.InstanceType)}
	err := a.said(call.Action, a.happen(ctx, call, most, func() error {
		a.mu.Lock()
		first, used := a.tokens[token]
		a.mu.Unlock()
		if used && (first.most != most || first.ami != aws.ToString(in.ImageId)) {
			return refusal("IdempotentParameterMismatch")
		}
		if !used {
			var err error
			if first, err = a.launch(ctx, in, token, most); err != nil {
				return err
			}
		}
		out.Instances = a.instances(func(m plan.Machine) bool { return slices.Contains(first.ids, m.ID) }, a.present(ctx), callerOf(ctx))
		return nil
	}))
	return out, err
}

func (a *API) launch(ctx context.Context, in *sdk.RunInstancesInput, token string, most int) (launched, error) {
	shape := plan.Shape{Zone: aws.ToString(in.SubnetId), InstanceType: string(in.InstanceType)} // a subnet is called by its zone
	for _, b := range in.BlockDeviceMappings {
		shape.Volume = &plan.VolumeSpec{Type: string(b.Ebs.VolumeType), GB: int(aws.ToInt32(b.Ebs.VolumeSize))}
	}
	var batch []plan.Action
	for i := range most {
		batch = append(batch, plan.Action{Kind: plan.LaunchMachine, Token: token, Index: i, Batch: most, Shape: shape})
	}
	machines, err := a.world.Launch(ctx, batch)
	if err != nil {
		return launched{}, err
	}
	l := launched{most: most, ami: aws.ToString(in.ImageId), at: time.Now()}
	volumes := a.present(ctx).inv.Volumes
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range machines {
		l.ids = append(l.ids, m.ID)
		a.tag(in.TagSpecifications, types.ResourceTypeInstance, m.ID)
	}
	for _, v := range volumes {
		if v.Token == token {
			a.tag(in.TagSpecifications, types.ResourceTypeVolume, v.ID)
		}
	}
	a.tokens[token] = l
	return l, nil
}

// tag writes what a launch says. The caller has the lock.
func (a *API) tag(specs []types.TagSpecification, of types.ResourceType, id string) {
	for _, s := range specs {
		if s.ResourceType == of {
			a.write(id, s.Tags)
		}
	}
}

func (a *API) write(id string, tags []types.Tag) {
	if a.tags[id] == nil {
		a.tags[id] = map[string]string{}
	}
	for _, t := range tags {
		a.tags[id][aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
}

// StartInstances starts stopped machines.
func (a *API) StartInstances(ctx context.Context, in *sdk.StartInstancesInput, _ ...func(*sdk.Options)) (*sdk.StartInstancesOutput, error) {
	return &sdk.StartInstancesOutput{}, a.answer(ctx, "StartInstances", in.InstanceIds, func() error {
		for _, id := range in.InstanceIds {
			if err := a.world.StartMachine(ctx, id); err != nil {
				return refusal("IncorrectInstanceState")
			}
		}
		return nil
	})
}

// TerminateInstances ends machines for good.
func (a *API) TerminateInstances(ctx context.Context, in *sdk.TerminateInstancesInput, _ ...func(*sdk.Options)) (*sdk.TerminateInstancesOutput, error) {
	return &sdk.TerminateInstancesOutput{}, a.answer(ctx, "TerminateInstances", in.InstanceIds, func() error {
		for _, id := range in.InstanceIds {
			if err := a.world.TerminateMachine(ctx, id); err != nil {
				return refusal("InvalidInstanceID.NotFound")
			}
		}
		return nil
	})
}

// DescribeInstances lists machines in pages.
func (a *API) DescribeInstances(ctx context.Context, in *sdk.DescribeInstancesInput, _ ...func(*sdk.Options)) (*sdk.DescribeInstancesOutput, error) {
	out := &sdk.DescribeInstancesOutput{}
	err := a.list(ctx, "DescribeInstances", in.NextToken, func() error {
		ids := in.InstanceIds
		found := a.instances(func(m plan.Machine) bool {
			return (len(ids) == 0 || slices.Contains(ids, m.ID)) && a.passes(m.ID, in.Filters)
		}, a.seen(ctx), callerOf(ctx))
		page, next := pageOf(found, in.NextToken, a.most(in.MaxResults))
		out.Reservations, out.NextToken = []types.Reservation{{Instances: page}}, next
		return nil
	})
	return out, err
}

var states = map[plan.MachineState]types.InstanceStateName{
	plan.MachinePending: types.InstanceStateNamePending, plan.MachineRunning: types.InstanceStateNameRunning,
	plan.MachineStopping: types.InstanceStateNameStopping, plan.MachineStopped: types.InstanceStateNameStopped,
	plan.MachineTerminated: types.InstanceStateNameTerminated,
}

// instances are machines as EC2 tells of them.
func (a *API) instances(which func(plan.Machine) bool, v view, to Caller) []types.Instance {
	var found []types.Instance
	volumes := map[string]string{}
	for _, v := range v.inv.Volumes {
		volumes[v.AttachedTo] = v.ID
	}
	for _, m := range v.inv.Machines {
		if !which(m) {
			continue
		}
		i := types.Instance{
			InstanceId: aws.String(m.ID), ClientToken: aws.String(m.Token), AmiLaunchIndex: aws.Int32(int32(m.Index)),
			State: &types.InstanceState{Name: states[m.State]}, InstanceType: types.InstanceType(m.InstanceType),
			PrivateIpAddress: aws.String(m.Host), Placement: &types.Placement{AvailabilityZone: aws.String(m.Zone)}, Tags: a.tagsOf(m.ID),
		}
		if volume := volumes[m.ID]; volume != "" {
			i.BlockDeviceMappings = []types.InstanceBlockDeviceMapping{{DeviceName: aws.String(dataDevice), Ebs: &types.EbsInstanceBlockDevice{VolumeId: aws.String(volume)}}}
		}
		a.mu.Lock()
		i.LaunchTime = aws.Time(a.tokens[m.Token].at.Add(-to.Clock))
		a.mu.Unlock()
		found = append(found, i)
	}
	return found
}

// most is how many things a page holds.
func (a *API) most(asked *int32) *int32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.page > 0 && (asked == nil || int(*asked) > a.page) {
		return aws.Int32(int32(a.page))
	}
	return asked
}

// pageOf is one page; the token is where the next begins.
func pageOf[T any](all []T, token *string, most *int32) ([]T, *string) {
	from, _ := strconv.Atoi(aws.ToString(token))
	to := len(all)
	if most != nil {
		to = min(to, from+int(*most))
	}
	if to == len(all) {
		return all[from:], nil
	}
	return all[from:to], aws.String(strconv.Itoa(to))
}
