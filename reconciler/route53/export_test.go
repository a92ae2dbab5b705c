package route53

import (
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/mainstaydb/mainstay/reconciler/awslimit"
)

// Hurry makes pauses short and tries few, as the tests' faults do not pass by time,
// and limits wide: they have tests of their own.
func (n *Names) Hurry(tries uint64) {
	short := func() backoff.BackOff {
		return backoff.WithMaxRetries(backoff.NewConstantBackOff(time.Millisecond), tries-1)
	}
	n.busy, n.polls = short, short
	const wide = 1 << 30
	n.limiter = awslimit.New(awslimit.Bucket{Name: "nothing", Burst: wide, PerSecond: wide})
}
