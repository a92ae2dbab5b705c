package route53

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

// AWS's published limits for an account. Each is a burst, and so much more each
// second.
const (
	requestBurst     = 50
	requestPerSecond = 10
	changeBurst      = 1500
	changePerSecond  = 100
)

const (
	// leastShare is how far a limit is lowered: others may use the account, but we are
	// not to starve.
	leastShare = 1.0 / 16
	// recovery is how long a limit takes to double again once throttling ended.
	recovery = 30 * time.Second
)

// A Limiter keeps requests within Route 53's limits, which are an account's and not
// a zone's. Accounts with the older limit of five requests a second are told by
// being throttled: then it empties its bucket and halves what it lets through,
// which doubles again every half minute. Safe for concurrent use.
type Limiter struct {
	mu       sync.Mutex
	requests bucket
	changes  bucket
	share    float64 // of the full limits
	since    time.Time
}

// A bucket is one limit.
type bucket struct {
	*rate.Limiter
	full rate.Limit
}

func newBucket(perSecond rate.Limit, burst int) bucket {
	return bucket{Limiter: rate.NewLimiter(perSecond, burst), full: perSecond}
}

// NewLimiter returns a limiter with full buckets.
func NewLimiter() *Limiter {
	return &Limiter{requests: newBucket(requestPerSecond, requestBurst), changes: newBucket(changePerSecond, changeBurst), share: 1}
}

// Wait waits until a request with so many changes of records may go out. It fails
// without waiting when the context ends before that time.
func (l *Limiter) Wait(ctx context.Context, changes int) error {
	l.recover()
	if err := l.requests.Wait(ctx); err != nil {
		return fmt.Errorf("AWS's limit on requests to Route 53 allows none yet: %w", err)
	}
	if changes == 0 {
		return nil // nor does it wait for the changes of others
	}
	if err := l.changes.WaitN(ctx, changes); err != nil {
		return fmt.Errorf("AWS's limit on changes of records allows no %d yet: %w", changes, err)
	}
	return nil
}

// Learn takes in how a request ended.
func (l *Limiter) Learn(err error) {
	if awserr.KindOf(err) != awserr.Throttled || isBusy(err) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.requests.AllowN(now, max(0, int(l.requests.TokensAt(now))))
	l.since = now
	l.set(now, max(l.share/2, leastShare))
}

// recover gives a lowered limit back what time has earned it.
func (l *Limiter) recover() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for l.share < 1 && now.Sub(l.since) >= recovery {
		l.since = l.since.Add(recovery)
		l.set(now, min(l.share*2, 1))
	}
}

func (l *Limiter) set(now time.Time, share float64) {
	l.share = share
	for _, b := range []bucket{l.requests, l.changes} {
		b.SetLimitAt(now, b.full*rate.Limit(share))
	}
}
