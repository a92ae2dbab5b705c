package ec2

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

// A Bucket is how AWS limits an action: so many at once, and so many more each
// second.
type Bucket struct {
	Name      string
	Actions   []string // each has such a bucket of its own; none: all that are not in another row
	Instances bool     // it counts instances, not requests
	Burst     int
	PerSecond float64
}

// Buckets are AWS's published limits for an account in a region. AWS counts each
// action by itself.
func Buckets() []Bucket {
	return []Bucket{
		{Name: "reads", Actions: []string{"DescribeInstances", "DescribeVolumes", "DescribeInstanceStatus", "DescribeSnapshots"}, Burst: 100, PerSecond: 20},
		{Name: "launch requests", Actions: []string{"RunInstances"}, Burst: 5, PerSecond: 2},
		{Name: "launched instances", Actions: []string{"RunInstances"}, Instances: true, Burst: 1000, PerSecond: 2},
		{Name: "started instances", Actions: []string{"StartInstances"}, Instances: true, Burst: 1000, PerSecond: 2},
		{Name: "start requests", Actions: []string{"StartInstances"}, Burst: 5, PerSecond: 2},
		{Name: "terminate requests", Actions: []string{"TerminateInstances"}, Burst: 100, PerSecond: 5},
		{Name: "terminated instances", Actions: []string{"TerminateInstances"}, Instances: true, Burst: 1000, PerSecond: 20},
		{Name: "deleted volumes", Actions: []string{"DeleteVolume"}, Burst: 100, PerSecond: 5},
		{Name: "snapshots", Actions: []string{"CreateSnapshot", "DeleteSnapshot"}, Burst: 100, PerSecond: 5},
		{Name: "tags", Actions: []string{"CreateTags"}, Burst: 100, PerSecond: 10},
		{Name: "other changes", Burst: 50, PerSecond: 5},
	}
}

const (
	// leastShare is how far a limit is lowered: others may use the account, but we are
	// not to starve.
	leastShare = 1.0 / 16
	// recovery is how long a limit takes to double again once throttling ended.
	recovery = 30 * time.Second
)

// A Limiter keeps requests within AWS's limits. When AWS throttles all the same,
// as others use the account too, it gives way: it empties the bucket and halves
// its refill, which doubles again every half minute. Safe for concurrent use.
type Limiter struct {
	limits  []Bucket
	mu      sync.Mutex
	buckets map[string][]*bucket // by action
}

type bucket struct {
	Bucket
	limit *rate.Limiter
	since time.Time // of the last change while lowered
}

// NewLimiter returns a limiter with full buckets; without any, they are AWS's.
func NewLimiter(limits ...Bucket) *Limiter {
	if len(limits) == 0 {
		limits = Buckets()
	}
	return &Limiter{limits: limits, buckets: make(map[string][]*bucket)}
}

// Wait waits until the request may go out. Units is how many instances it is
// about. What would not go out before the context's end fails at once, and leaves
// the limits to others.
func (l *Limiter) Wait(ctx context.Context, action string, units int) error {
	now := time.Now()
	var taken []*rate.Reservation
	giveBack := func(at time.Time) {
		for _, r := range taken {
			r.CancelAt(at)
		}
	}
	var wait time.Duration
	for _, b := range l.of(action) {
		l.recover(b)
		r := b.limit.ReserveN(now, b.cost(units))
		if !r.OK() {
			giveBack(now)
			return fmt.Errorf("AWS's limit on %s allows %d at once, and %s is about %d; ask for fewer at once", b.Name, b.Burst, action, units)
		}
		taken = append(taken, r)
		wait = max(wait, r.DelayFrom(now))
		if end, ok := ctx.Deadline(); ok && now.Add(wait).After(end) {
			giveBack(now)
			return fmt.Errorf("AWS's limit on %s allows no %s before %s", b.Name, action, now.Add(wait).UTC().Format(time.TimeOnly))
		}
	}
	if err := pause(ctx, wait); err != nil {
		giveBack(time.Now())
		return err
	}
	return nil
}

// cost is what one request takes of the bucket.
func (b *bucket) cost(units int) int {
	if b.Instances {
		return units
	}
	return 1
}

func pause(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Learn takes in how a request ended.
func (l *Limiter) Learn(action string, err error) {
	if awserr.KindOf(err) != awserr.Throttled {
		return
	}
	found := l.of(action)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for _, b := range found {
		b.limit.AllowN(now, max(0, int(b.limit.TokensAt(now))))
		full := rate.Limit(b.PerSecond)
		b.limit.SetLimitAt(now, max(b.limit.Limit()/2, full*leastShare))
		b.since = now
	}
}

// recover gives a lowered limit back what time has earned it.
func (l *Limiter) recover(b *bucket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	full, now := rate.Limit(b.PerSecond), time.Now()
	for b.limit.Limit() < full && now.Sub(b.since) >= recovery {
		b.since = b.since.Add(recovery)
		b.limit.SetLimitAt(now, min(b.limit.Limit()*2, full))
	}
}

// of are the buckets of an action, full at its first use.
func (l *Limiter) of(action string) []*bucket {
	l.mu.Lock()
	defer l.mu.Unlock()
	if found, ok := l.buckets[action]; ok {
		return found
	}
	var own, rest []*bucket
	for _, b := range l.limits {
		full := &bucket{Bucket: b, limit: rate.NewLimiter(rate.Limit(b.PerSecond), b.Burst)}
		switch {
		case slices.Contains(b.Actions, action):
			own = append(own, full)
		case len(b.Actions) == 0:
			rest = append(rest, full)
		}
	}
	if own == nil {
		own = rest
	}
	l.buckets[action] = own
	return own
}
