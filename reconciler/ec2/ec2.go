// Package ec2 is the cloud that people mean by the word: machines are EC2
// instances, data volumes are EBS volumes, in one account and region.
//
// It promises at most one machine for a token and index: the token is EC2's
// ClientToken, the index its AmiLaunchIndex, and both are read back with every
// listing, so no answer to a launch is needed to know whose a machine is. A
// volume is created with its machine, encrypted, and outlives it. What does not
// carry the fleet's tag is never touched. A request waits for AWS's published limits
// before, and the control plane repeats it after a failure. What is asked for several
// deployments in one moment (looks, launches, ends) is one request, where EC2 has one.
//
// Whose a volume is follows from the launch that made it: its tag names the token,
// and while it is attached to the machine it was launched with, that machine tells
// the index. So machines that are launched together need no request each to be told
// apart. The loop puts a volume on record before anything is written to it; one that
// lost its machine before that is listed with its token alone, and holds no data. A
// volume that carries a deployment's tag is that deployment's: one launched alone
// has it from the start, others get it with the labels for people, in no hurry.
//
// Listings lag: a machine that was launched or listed minutes ago and is missing now
// is told as it was seen last, as EC2 lists those that ended for an hour.
//
// A volume is deleted once a snapshot of it is complete; the snapshot is kept for
// some weeks. Machines whose host AWS wants back, or whose checks fail, are told
// with that trouble, from one look a minute for all of them. A scheduled reboot is
// logged alone: the machine and its data are the same after it.
//
// It does not know whether a database writes to a volume: EC2 does not either.
// It sends no secret anywhere, and does not speak with agents.
package ec2

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/awslimit"
)

// Machines is what is asked of EC2 about instances.
type Machines interface {
	RunInstances(context.Context, *sdk.RunInstancesInput, ...func(*sdk.Options)) (*sdk.RunInstancesOutput, error)
	StartInstances(context.Context, *sdk.StartInstancesInput, ...func(*sdk.Options)) (*sdk.StartInstancesOutput, error)
	TerminateInstances(context.Context, *sdk.TerminateInstancesInput, ...func(*sdk.Options)) (*sdk.TerminateInstancesOutput, error)
	DescribeInstances(context.Context, *sdk.DescribeInstancesInput, ...func(*sdk.Options)) (*sdk.DescribeInstancesOutput, error)
	DescribeInstanceStatus(context.Context, *sdk.DescribeInstanceStatusInput, ...func(*sdk.Options)) (*sdk.DescribeInstanceStatusOutput, error)
}

// Volumes is what is asked of EC2 about volumes.
type Volumes interface {
	DescribeVolumes(context.Context, *sdk.DescribeVolumesInput, ...func(*sdk.Options)) (*sdk.DescribeVolumesOutput, error)
	AttachVolume(context.Context, *sdk.AttachVolumeInput, ...func(*sdk.Options)) (*sdk.AttachVolumeOutput, error)
	DetachVolume(context.Context, *sdk.DetachVolumeInput, ...func(*sdk.Options)) (*sdk.DetachVolumeOutput, error)
	ModifyVolume(context.Context, *sdk.ModifyVolumeInput, ...func(*sdk.Options)) (*sdk.ModifyVolumeOutput, error)
	DeleteVolume(context.Context, *sdk.DeleteVolumeInput, ...func(*sdk.Options)) (*sdk.DeleteVolumeOutput, error)
}

// Snapshots is what is asked of EC2 about snapshots.
type Snapshots interface {
	CreateSnapshot(context.Context, *sdk.CreateSnapshotInput, ...func(*sdk.Options)) (*sdk.CreateSnapshotOutput, error)
	DescribeSnapshots(context.Context, *sdk.DescribeSnapshotsInput, ...func(*sdk.Options)) (*sdk.DescribeSnapshotsOutput, error)
	DeleteSnapshot(context.Context, *sdk.DeleteSnapshotInput, ...func(*sdk.Options)) (*sdk.DeleteSnapshotOutput, error)
}

// Tags is what is asked of EC2 about tags.
type Tags interface {
	CreateTags(context.Context, *sdk.CreateTagsInput, ...func(*sdk.Options)) (*sdk.CreateTagsOutput, error)
	DeleteTags(context.Context, *sdk.DeleteTagsInput, ...func(*sdk.Options)) (*sdk.DeleteTagsOutput, error)
}

// A Client is all that is asked of EC2. The SDK's client is one.
type Client interface {
	Machines
	Volumes
	Snapshots
	Tags
}

// Accounts tells whose credentials are used. The SDK's client of STS is one.
type Accounts interface {
	GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error)
}

// Options say which fleet this is and what its machines are launched with. AMI,
// subnets, groups, profile and user data are parameters of a launch: a change of
// them is for new tokens.
type Options struct {
	Client          Client
	Accounts        Accounts
	Region          string            // of the client; part of the identity
	Fleet           string            // value of the tag that all of the fleet carries
	AMI             string            // of machines to come
	Subnets         map[string]string // subnet id by zone
	SecurityGroups  []string          // ids; none: the network's default
	InstanceProfile string            // name; empty: machines have no role
	UserData        string            // the same for all machines; anybody on the machine can read it
	AgentPort       int               // where agents listen; 0: 7700
	KeepSnapshots   time.Duration     // of deleted volumes; 0: 30 days; negative: none is made
	Limiter         *awslimit.Limiter // shared by all that use the account; nil: a new one
	Logger          *slog.Logger      // nil: nothing is logged
}

const (
	defaultAgentPort = 7700
	// defaultKeep is time enough for a month's end to show what is missing.
	defaultKeep = 30 * 24 * time.Hour
)

// A Cloud is a reconciler.Cloud in an account and region. Safe for concurrent use.
type Cloud struct {
	opts      Options
	limiter   *awslimit.Limiter
	log       *slog.Logger
	memory    *memory
	shortages *shortages
	health    health
	pruned    pruned
	together  together
}

var (
	instancePattern = regexp.MustCompile(`^i-[0-9a-f]{8,17}$`)
	volumePattern   = regexp.MustCompile(`^vol-[0-9a-f]{8,17}$`)
)

// New returns the cloud of a fleet. It asks AWS nothing.
func New(opts Options) (*Cloud, error) {
	var missing []error
	for _, option := range []struct {
		name   string
		absent bool
	}{
		{"Client", opts.Client == nil}, {"Accounts", opts.Accounts == nil}, {"Region", opts.Region == ""}, {"Fleet", opts.Fleet == ""},
		{"AMI", opts.AMI == ""}, {"Subnets", len(opts.Subnets) == 0},
	} {
		if option.absent {
			missing = append(missing, fmt.Errorf("the cloud on EC2 needs the option %s", option.name))
		}
	}
	if len(missing) > 0 {
		return nil, errors.Join(missing...)
	}
	c := &Cloud{opts: opts, limiter: opts.Limiter, log: opts.Logger, memory: newMemory(), shortages: newShortages()}
	c.together = newTogether(c, gatherFor)
	if c.opts.AgentPort == 0 {
		c.opts.AgentPort = defaultAgentPort
	}
	if c.opts.KeepSnapshots == 0 {
		c.opts.KeepSnapshots = defaultKeep
	}
	if c.limiter == nil {
		c.limiter = awslimit.New(Buckets()...)
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Identity implements reconciler.Cloud: the account and the region.
func (c *Cloud) Identity(ctx context.Context) (string, error) {
	out, err := c.opts.Accounts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", explain(err, "ask which account the credentials are of")
	}
	if out.Account == nil || *out.Account == "" {
		return "", errors.New("AWS did not say which account the credentials are of; look at them with aws sts get-caller-identity")
	}
	return "ec2:" + *out.Account + ":" + c.opts.Region, nil
}

// checkID refuses what no listing can have given us.
func checkID(pattern *regexp.Regexp, what, id string) error {
	if !pattern.MatchString(id) {
		return fmt.Errorf("%q is not the id of %s", id, what)
	}
	return nil
}

// once keeps the SDK from repeating a request: the control plane does, and every
// request is to be counted against the limits.
func once(o *sdk.Options) { o.Retryer = aws.NopRetryer{} }

// call sends one request when the limits allow it. Units is what it costs in
// instances, where AWS counts those.
func call[In, Out any](ctx context.Context, c *Cloud, action string, units int, doing string,
	send func(context.Context, In, ...func(*sdk.Options)) (Out, error), in In) (Out, error) {
	var none Out
	if err := c.limiter.Wait(ctx, action, units); err != nil {
		return none, &awserr.Error{Kind: awserr.Throttled, Doing: doing, Err: err}
	}
	out, err := send(ctx, in, once)
	if err != nil {
		c.log.Debug("AWS did not do it", "action", action, "err", err) // with the number that AWS's support asks for
		err = explain(err, doing)
	}
	c.limiter.Learn(action, err)
	return out, err
}
