package awslimit

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

const (
	// leastShare is how far a limit is lowered: others may use the account, but we are
	// not to starve.
	leastShare = 1.0 / 16
	// recovery is how long a limit takes to double again once throttling ended.
	recovery = 30 * time.Second
)

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
		if !b.Spared {
			b.limit.AllowN(now, max(0, int(b.limit.TokensAt(now))))
		}
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
