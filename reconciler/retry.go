package reconciler

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
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
	token string    // of the launch that failed, which others may share; empty: it was none
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
	switch t.kind {
	case plan.PublishNames, plan.ObtainCert, plan.UpdateAgent:
		if !t.concerns(out) {
			return out
		}
		return plan.HoldKind(out, t.kind, plan.ByFailure, t.reason())
	}
	return plan.Hold(out, plan.ByFailure, t.reason())
}

// again lets the reason of the last failure stand while the same is tried again,
// which may take as long as the cloud lets us wait.
func (t *retry) again(out plan.Outcome) plan.Outcome {
	if !t.concerns(out) {
		return out
	}
	out.Status.Conditions = append(slices.Clone(out.Status.Conditions),
		plan.Condition{Type: "Held", Status: true, Reason: string(plan.ByFailure), Message: t.reason()})
	return out
}

func (t *retry) concerns(out plan.Outcome) bool {
	return slices.ContainsFunc(out.Actions, func(a plan.Action) bool { return a.Kind == t.kind })
}

func (t *retry) reason() string {
	return "the last try failed (" + t.err.Error() + "); it is tried again with growing pauses"
}

// failed notes a failure and returns when to try again. Those whose machines are
// asked for in one request fail together and try again together: else each would
// repeat the request for all.
func (d *desk) failed(id string, a plan.Action, err error) time.Time {
	now := time.Now()
	t := d.retry[id]
	if a.Token != "" {
		t = d.launches[a.Token]
	}
	switch {
	case t == nil || t.token != a.Token:
		t = &retry{token: a.Token, pause: backoff.NewExponentialBackOff(
			backoff.WithInitialInterval(firstPause), backoff.WithMaxInterval(longestPause), backoff.WithMaxElapsedTime(0), backoff.WithRandomizationFactor(0))}
	case a.Token != "" && now.Before(t.at): // another of the same request was here before
		d.retry[id] = t
		return t.at
	}
	d.retry[id] = t
	if a.Token != "" {
		d.launches[a.Token] = t
	}
	t.kind, t.err, t.at = a.Kind, err, now.Add(spread(t.pause.NextBackOff(), cmp.Or(a.Token, id), now))
	return t.at
}

// spread makes a pause half as long to half as long again, so that what failed together
// does not come back together. What it makes of it follows from whose the pause is and
// the moment alone: where time is virtual, a story is the same each time it is told.
func spread(pause time.Duration, id string, now time.Time) time.Duration {
	h := fnv.New64a()
	_ = binary.Write(h, binary.LittleEndian, now.UnixNano())
	_, _ = h.Write([]byte(id))
	return pause/2 + time.Duration(h.Sum64()%uint64(max(pause, 1)))
}

// succeeded forgets the failures before. That of an update stays until one went well:
// how far its agent has got counts for those of others.
func (d *desk) succeeded(id string, done task) {
	if t := d.retry[id]; t != nil && (t.kind != plan.UpdateAgent || done.update) {
		delete(d.launches, t.token)
		delete(d.retry, id)
	}
}
