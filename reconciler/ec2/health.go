package ec2

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/sync/errgroup"
)

// statusEvery: AWS's checks run each minute, and its events are for days ahead.
const statusEvery = time.Minute

// health is what AWS said last about machines that are not well.
type health struct {
	mu       sync.Mutex
	asked    time.Time
	statuses map[string]types.InstanceStatus
	since    map[string]time.Time // when a check was first seen to fail, where AWS does not tell
	told     map[string]bool      // events in the log already
}

// unwell are the filters for machines that are not well. AWS wants all filters of a
// request to hold, so each is a request; together they cost four a minute for any
// number of machines.
var unwell = []types.Filter{
	filter("event.code", "instance-retirement", "instance-stop", "instance-reboot", "system-reboot", "system-maintenance"),
	filter("system-status.status", "impaired"),
	filter("instance-status.status", "impaired"),
	filter("attached-ebs-status.status", "impaired"),
}

// troubles say by machine why it should be replaced. They are asked for once a
// minute. A failure to ask is no gap: the troubles known last are told again.
func (c *Cloud) troubles(ctx context.Context) map[string]string {
	h := &c.health
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if h.asked.IsZero() || now.Sub(h.asked) >= statusEvery {
		h.asked = now
		if found, err := c.statuses(ctx); err != nil {
			c.log.Warn("it is not known which machines AWS has trouble with; the last answer stands", "err", err)
		} else {
			h.take(found, now)
		}
	}
	troubles := make(map[string]string)
	for id, s := range h.statuses {
		if t := trouble(s, h.since[id], now); t != "" {
			troubles[id] = t
		}
		c.tellEvents(id, s)
	}
	return troubles
}

func (h *health) take(found map[string]types.InstanceStatus, now time.Time) {
	since := make(map[string]time.Time, len(found))
	for id := range found {
		since[id] = now
		if before, ok := h.since[id]; ok {
			since[id] = before
		}
	}
	h.statuses, h.since = found, since
}

// tellEvents logs once what is planned for a machine and is no reason to replace it.
func (c *Cloud) tellEvents(machine string, s types.InstanceStatus) {
	if tags, listed := c.memory.tags(machine); !listed || !c.isOurs(tags) {
		return // of somebody else in the account
	}
	for _, e := range s.Events {
		id := aws.ToString(e.InstanceEventId)
		if isOver(e) || fatal[e.Code] != "" || c.health.told[id] {
			continue
		}
		if c.health.told == nil {
			c.health.told = make(map[string]bool)
		}
		c.health.told[id] = true
		c.log.Info("AWS plans work on a machine, which comes back by itself", "machine", machine, "event", string(e.Code), "at", day(aws.ToTime(e.NotBefore)))
	}
}

// statuses lists the machines of the account that are not well.
func (c *Cloud) statuses(ctx context.Context) (map[string]types.InstanceStatus, error) {
	found := make([][]types.InstanceStatus, len(unwell))
	group, ctx := errgroup.WithContext(ctx)
	for n, f := range unwell {
		group.Go(func() (err error) {
			found[n], err = pages(func(token *string) ([]types.InstanceStatus, *string, error) {
				in := &sdk.DescribeInstanceStatusInput{Filters: []types.Filter{f}, MaxResults: aws.Int32(pageSize), NextToken: token}
				out, err := call(ctx, c, "DescribeInstanceStatus", 0, "look at machines' status", c.opts.Client.DescribeInstanceStatus, in)
				if err != nil {
					return nil, nil, err
				}
				return out.InstanceStatuses, out.NextToken, nil
			})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := make(map[string]types.InstanceStatus)
	for _, some := range found {
		for _, s := range some {
			all[aws.ToString(s.InstanceId)] = s
		}
	}
	return all, nil
}
