package acme

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A record is what is known of one deployment. Who changes what stands in the store
// holds busy; the client's lock guards the fields.
type record struct {
	busy chan struct{}

	names   string // that are wanted
	shelf   shelf
	window  window    // the authority's suggestion for the certificate that would be used
	asked   string    // that certificate's fingerprint
	looked  bool      // for these names
	lookAt  time.Time // when to look again
	askAt   time.Time // when to ask the authority for its suggestion again
	unsaved []byte    // a bundle the store did not take; it is offered again

	trouble string // why the last try failed
	retry   time.Time
	pause   *backoff.ExponentialBackOff
}

func newRecord() *record {
	return &record{busy: make(chan struct{}, 1), shelf: newShelf(), pause: newPause()}
}

// want sets the names. What is known of others says nothing about them.
func (r *record) want(names string) {
	r.names = names
	r.looked, r.lookAt, r.askAt = false, time.Time{}, time.Time{}
	r.settle()
}

// settle forgets failures.
func (r *record) settle() {
	r.trouble, r.retry = "", time.Time{}
	r.pause.Reset()
}

func (r *record) acquire(ctx context.Context) error {
	select {
	case r.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *record) tryAcquire() bool {
	select {
	case r.busy <- struct{}{}:
		return true
	default:
		return false
	}
}

func (r *record) release() { <-r.busy }

// renewAt is when a certificate should get a successor.
func (r *record) renewAt(s *stored) time.Time {
	if r.asked != s.fingerprint {
		return window{}.moment(s.leaf)
	}
	return r.window.moment(s.leaf)
}

// report is what the planner sees. The certificate stays in it after its end: that
// is for the planner to judge.
func (r *record) report() plan.Certificate {
	report := plan.Certificate{Error: r.trouble, Retry: r.retry}
	if s := r.shelf.newest(r.names); s != nil {
		report.Fingerprint, report.Names, report.NotAfter = s.fingerprint, s.names, s.leaf.NotAfter
		report.Renew = r.renewAt(s)
	}
	return report
}
