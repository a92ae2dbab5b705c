package ec2

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/vikstrous/dataloadgen"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

const (
	// gatherFor is how long a request waits for others of its kind. The actions of a
	// pass begin within a millisecond; attaching a volume takes seconds.
	gatherFor = 20 * time.Millisecond
	// gatherMost is what EC2 takes as values of one filter; the loop works on fewer.
	gatherMost = 200
)

// together are the requests that actions for several deployments share. A rolling
// replacement asks for the same things for each machine of a turn.
type together struct {
	volumes   *dataloadgen.Loader[string, types.Volume]
	instances *dataloadgen.Loader[string, types.Instance]
	ends      *dataloadgen.Loader[string, struct{}]
}

func newTogether(c *Cloud, wait time.Duration) together {
	return together{
		volumes:   gather(wait, looks(c.someVolumes, func(v types.Volume) *string { return v.VolumeId }, "look at volume ")),
		instances: gather(wait, looks(c.someInstances, func(i types.Instance) *string { return i.InstanceId }, "look at machine ")),
		ends:      gather(wait, c.terminate),
	}
}

// gather keeps nothing: every answer is to a request that was sent after the question.
func gather[T any](wait time.Duration, ask func(context.Context, []string) ([]T, []error)) *dataloadgen.Loader[string, T] {
	return dataloadgen.NewLoader(ask, dataloadgen.WithoutCache(), dataloadgen.WithWait(wait), dataloadgen.WithBatchCapacity(gatherMost))
}

// looks asks for things by a filter of their ids: by the ids themselves, one that is
// not there would fail the request for all.
func looks[T any](list func(context.Context, []string) ([]T, error), idOf func(T) *string, doing string) func(context.Context, []string) ([]T, []error) {
	return func(ctx context.Context, ids []string) ([]T, []error) {
		found, err := list(ctx, ids)
		things, errs := make([]T, len(ids)), make([]error, len(ids))
		for n, id := range ids {
			errs[n] = err
			if err == nil {
				errs[n] = &awserr.Error{Kind: awserr.NotFound, Doing: doing + id, Err: errAbsent}
			}
			for _, thing := range found {
				if aws.ToString(idOf(thing)) == id {
					things[n], errs[n] = thing, nil
				}
			}
		}
		return things, errs
	}
}

func (c *Cloud) someVolumes(ctx context.Context, ids []string) ([]types.Volume, error) {
	return c.volumes(ctx, filter("volume-id", ids...))
}

func (c *Cloud) someInstances(ctx context.Context, ids []string) ([]types.Instance, error) {
	return c.instances(ctx, filter("instance-id", ids...))
}

// terminate ends machines. EC2 ends none or some when it refuses one, so then each is
// asked for by itself, which changes nothing for those that have ended.
func (c *Cloud) terminate(ctx context.Context, ids []string) ([]struct{}, []error) {
	errs := make([]error, len(ids))
	if len(ids) > 1 && c.terminateAll(ctx, ids) == nil {
		return make([]struct{}, len(ids)), errs
	}
	for n, id := range ids {
		errs[n] = c.terminateAll(ctx, []string{id})
	}
	return make([]struct{}, len(ids)), errs
}

func (c *Cloud) terminateAll(ctx context.Context, ids []string) error {
	doing := "terminate machine " + ids[0]
	if len(ids) > 1 {
		doing = "terminate machines"
	}
	in := &sdk.TerminateInstancesInput{InstanceIds: ids}
	_, err := call(ctx, c, "TerminateInstances", len(ids), doing, c.opts.Client.TerminateInstances, in)
	return err
}
