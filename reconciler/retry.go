package reconciler

import (
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A retry remembers a deployment's failures, so that it is not tried again at
// once and forever.
type retry struct {
	pause *backoff.ExponentialBackOff
	at    time.Time
	kind  plan.Kind // at which it failed
	err   error
}

const (
	// firstPause is short: most failures are a thing not being ready yet.
	firstPause = 200 * time.Millisecond
	// longestPause keeps what is broken for long from filling logs and history, and
	// still notices within a minute that it was mended.
	longestPause = time.Minute
)

// hold takes out of a decision what is not to be tried again yet. Names and
// certificates hold up nothing else.
func (t *retry) hold(out plan.Outcome) plan.Outcome {
	reason := "the last try failed (" + t.err.Error() + "); it is tried again with growing pauses"
	switch t.kind {
	case plan.PublishNames, plan.ObtainCert, plan.UpdateAgent:
		if !slices.ContainsFunc(out.Actions, func(a plan.Action) bool { return a.Kind == t.kind }) {
			return out
		}
		return plan.HoldKind(out, t.kind, reason)
	}
	return plan.Hold(out, reason)
}

// failed notes a failure and returns when to try again.
func (d *desk) failed(id string, kind plan.Kind, err error) time.Time {
	t := d.retry[id]
	if t == nil {
		t = &retry{pause: backoff.NewExponentialBackOff(
			backoff.WithInitialInterval(firstPause), backoff.WithMaxInterval(longestPause), backoff.WithMaxElapsedTime(0))}
		d.retry[id] = t
	}
	t.kind, t.err, t.at = kind, err, time.Now().Add(t.pause.NextBackOff())
	return t.at
}
