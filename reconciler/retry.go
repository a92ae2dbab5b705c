package reconciler

import (
	"time"

	"github.com/cenkalti/backoff/v4"
)

// A retry remembers a deployment's failures, so that it is not tried again at
// once and forever.
type retry struct {
	pause *backoff.ExponentialBackOff
	at    time.Time
	err   error
}

const (
	// firstPause is short: most failures are a thing not being ready yet.
	firstPause = 200 * time.Millisecond
	// longestPause keeps what is broken for long from filling logs and history, and
	// still notices within a minute that it was mended.
	longestPause = time.Minute
)

// failed notes a failure and returns when to try again.
func (d *desk) failed(id string, err error) time.Time {
	t := d.retry[id]
	if t == nil {
		t = &retry{pause: backoff.NewExponentialBackOff(
			backoff.WithInitialInterval(firstPause), backoff.WithMaxInterval(longestPause), backoff.WithMaxElapsedTime(0))}
		d.retry[id] = t
	}
	t.err, t.at = err, time.Now().Add(t.pause.NextBackOff())
	return t.at
}
