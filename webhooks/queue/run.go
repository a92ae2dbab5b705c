package queue

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mainstaydb/mainstay/agent/durable"
	"github.com/mainstaydb/mainstay/webhooks"
)

// Run implements webhooks.Queue. It ends with ctx, after those who are at work.
func (q *Queue) Run(ctx context.Context, work func(context.Context, webhooks.Item) error) error {
	var group errgroup.Group
	group.SetLimit(q.opt.Workers)
	defer func() { _ = group.Wait() }()
	for ctx.Err() == nil {
		t, next := q.take(time.Now())
		if t == nil {
			q.rest(ctx, next)
			continue
		}
		group.Go(func() error { // waits for somebody to be free
			q.finish(ctx, t, q.try(ctx, t.item, work))
			return nil
		})
	}
	return nil
}

// rest waits for something to be put or done, or for the time that a try is due.
func (q *Queue) rest(ctx context.Context, next time.Time) {
	var due <-chan time.Time
	if !next.IsZero() {
		timer := time.NewTimer(time.Until(next))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-q.wake:
	case <-due:
	}
}

// A task is one try of an item.
type task struct {
	name  string
	item  webhooks.Item
	asked int // for it, when the try began
}

// take marks what is due the longest as under way; with nothing due it says when
// something is.
func (q *Queue) take(now time.Time) (t *task, next time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var name string
	var found *entry
	for n, e := range q.entries {
		switch {
		case e.busy:
		case e.due.After(now):
			if next.IsZero() || e.due.Before(next) {
				next = e.due
			}
		case found == nil || e.item.Received.Before(found.item.Received):
			name, found = n, e
		}
	}
	if found == nil {
		return nil, next
	}
	found.busy = true
	return &task{name, found.item, found.asked}, next
}

// try works on one item. A fault in what one pull request holds must not end the
// control plane, which would begin with the same one again.
func (q *Queue) try(ctx context.Context, item webhooks.Item, work func(context.Context, webhooks.Item) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, q.opt.Time)
	defer cancel()
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("a fault of Mainstay's own, please report it: %v\n%s", fault, debug.Stack())
		}
	}()
	return work(ctx, item)
}

// finish takes an item off, unless it failed or was asked for again meanwhile.
func (q *Queue) finish(ctx context.Context, t *task, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.entries[t.name]
	e.busy = false
	switch {
	case err != nil && ctx.Err() != nil: // we end, and it is no failure
	case err == nil && e.asked == t.asked:
		if err = durable.Remove(filepath.Join(q.dir, t.name)); err == nil {
			delete(q.entries, t.name)
		} else {
			e.failed(err, time.Now())
		}
	case err == nil:
		fresh := newEntry(e.item)
		fresh.asked = e.asked
		q.entries[t.name] = fresh
	default:
		e.failed(err, time.Now())
		q.opt.Log.Warn("a pull request could not be looked at; it is tried again with growing pauses",
			"repository", e.item.Repository.String(), "number", e.item.Number, "tries", e.tries, "due", e.due, "err", err)
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// askedPause is the pause that an error asks for.
func askedPause(err error) time.Duration {
	var asks interface{ RetryAfter() time.Duration }
	if errors.As(err, &asks) {
		return asks.RetryAfter()
	}
	return 0
}

// Waiting lists what is not worked off, in the order of the names.
func (q *Queue) Waiting() []Waiting {
	q.mu.Lock()
	defer q.mu.Unlock()
	var all []Waiting
	for _, e := range q.entries {
		all = append(all, Waiting{Item: e.item, Busy: e.busy, Tries: e.tries, Err: e.err, Due: e.due})
	}
	slices.SortFunc(all, func(a, b Waiting) int { return strings.Compare(fileName(a.Item), fileName(b.Item)) })
	return all
}
