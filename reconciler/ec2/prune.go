package ec2

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

// pruneEvery is often enough for what is kept for weeks.
const pruneEvery = time.Hour

// pruned is when snapshots were looked through last.
type pruned struct {
	mu   sync.Mutex
	last time.Time
}

// due says that it is time, and takes it as done: a look that fails is not repeated
// sooner either.
func (p *pruned) due(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.last.IsZero() && now.Sub(p.last) < pruneEvery {
		return false
	}
	p.last = now
	return true
}

// Prune deletes the fleet's snapshots that were kept long enough, at most once an
// hour however often it is called, and none when they could not be listed whole. To
// keep one for ever, take the fleet's tag off it.
func (c *Cloud) Prune(ctx context.Context) (deleted int, err error) {
	now := time.Now()
	if c.opts.KeepSnapshots <= 0 || !c.pruned.due(now) {
		return 0, nil
	}
	found, err := c.snapshots(ctx, filter("tag-key", deletionTag))
	if err != nil {
		return 0, err
	}
	for _, s := range found {
		if s.StartTime == nil || now.Sub(*s.StartTime) < c.opts.KeepSnapshots || s.State == types.SnapshotStatePending {
			continue
		}
		id := aws.ToString(s.SnapshotId)
		err := c.deleteSnapshot(ctx, id)
		if awserr.KindOf(err) == awserr.Conflict {
			c.log.Info("a snapshot is kept longer: somebody uses it", "snapshot", id, "err", err)
			continue
		}
		if err != nil {
			return deleted, err
		}
		c.log.Info("deleted a snapshot that was kept long enough", "snapshot", id, "volume", tagOf(s.Tags, volumeTag))
		deleted++
	}
	return deleted, nil
}

// snapshots lists those of the fleet that pass the filters.
func (c *Cloud) snapshots(ctx context.Context, filters ...types.Filter) ([]types.Snapshot, error) {
	filters = append(filters, c.ours())
	return pages(func(token *string) ([]types.Snapshot, *string, error) {
		in := &sdk.DescribeSnapshotsInput{Filters: filters, OwnerIds: []string{"self"}, MaxResults: aws.Int32(pageSize), NextToken: token}
		out, err := call(ctx, c, "DescribeSnapshots", 0, "list snapshots", c.opts.Client.DescribeSnapshots, in)
		if err != nil {
			return nil, nil, err
		}
		return out.Snapshots, out.NextToken, nil
	})
}

func (c *Cloud) deleteSnapshot(ctx context.Context, id string) error {
	in := &sdk.DeleteSnapshotInput{SnapshotId: aws.String(id)}
	_, err := call(ctx, c, "DeleteSnapshot", 0, "delete snapshot "+id, c.opts.Client.DeleteSnapshot, in)
	if awserr.KindOf(err) == awserr.NotFound {
		return nil
	}
	return err
}
