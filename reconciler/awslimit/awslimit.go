// Package awslimit keeps requests within the limits that AWS sets on an account, for
// the adapters of AWS's services, which bring the limits.
//
// It promises that a request which could not go out before its context's end fails
// at once and takes nothing of the limits, and that it gives way: when AWS throttles
// all the same, as others use the account too, it empties the buckets and halves
// their refill, which doubles again every half minute. It sends nothing, and repeats
// nothing.
package awslimit

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/mainstaydb/mainstay/reconciler"
)

// A Bucket is how AWS limits an action: so many at once, and so many more each
// second.
type Bucket struct {
	Name      string
	Actions   []string // each has such a bucket of its own; none: all that are not in another row
	Units     bool     // it counts what requests are about, as instances, and not the requests
	Spared    bool     // throttling is hardly ever about it: it is slowed down and not emptied
	Burst     int
	PerSecond float64
}

// A Limiter keeps requests within limits. Safe for concurrent use.
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

// New returns a limiter with full buckets.
func New(limits ...Bucket) *Limiter {
	return &Limiter{limits: limits, buckets: make(map[string][]*bucket)}
}

// Wait waits until the request may go out. Units is how many things it is about,
// where AWS counts those. What would not go out before the context's end fails at
// once, and leaves the limits to others.
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
		cost := b.cost(units)
		if cost == 0 {
			continue // nor does it wait for what others took
		}
		l.recover(b)
		r := b.limit.ReserveN(now, cost)
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
	if err := reconciler.Pause(ctx, wait); err != nil {
		giveBack(time.Now())
		return err
	}
	return nil
}

// cost is what one request takes of the bucket.
func (b *bucket) cost(units int) int {
	if b.Units {
		return units
	}
	return 1
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
