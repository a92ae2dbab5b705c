package github

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A Pace is how fast GitHub is asked before it has to say that it is too fast. GitHub
// counts for each installation, or each owner of a token.
type Pace struct {
	AtOnce int // calls under way

	// A read is one point and a write five.
	PointsPerMinute float64
	PointsBurst     int

	WritesPerSecond float64
	WritesBurst     int

	// What somebody is notified of: comments and pull requests.
	PostsPerHour float64
	PostsBurst   int
}

// DefaultPace is below what GitHub documents: 100 at once, 900 points a minute, a
// second between many writes, 80 posts a minute and 500 an hour. Others may use the
// same account, so each is some way below. A burst and a minute's refill stay below
// the minute's limit.
func DefaultPace() Pace {
	return Pace{AtOnce: 10, PointsPerMinute: 600, PointsBurst: 200, WritesPerSecond: 1, WritesBurst: 20, PostsPerHour: 420, PostsBurst: 60}
}

const (
	// aMinute is what GitHub asks for when it refuses and does not say for how long.
	aMinute = time.Minute
	// longest is what is waited for one refusal: the windows of GitHub's limits are an
	// hour, so more is a mistake.
	longest = time.Hour + time.Minute
	// calmGap is between calls in the minute after a refusal, so that all who waited do
	// not come at once.
	calmGap = 250 * time.Millisecond
	// scarce is the part of the hour's calls that is left when the rest is spread over
	// the time until there are new ones.
	scarce = 0.1
)

// A weight is what a call costs.
type weight struct {
	points      int
	write, post bool
}

// A limiter keeps one account's calls within GitHub's limits.
type limiter struct {
	points, writes, posts *rate.Limiter
	inFlight              chan struct{}

	mu        sync.Mutex
	hold      time.Time // nothing goes before
	next      time.Time // the next one's turn, when calls are spread
	calm      time.Time // until then calls are spread
	why       string
	refusals  int // in a row
	limit     int // of the hour; 0: not known
	remaining int
	reset     time.Time
}

func newLimiter(p Pace) *limiter {
	return &limiter{
		points:   rate.NewLimiter(rate.Limit(p.PointsPerMinute/60), p.PointsBurst),
		writes:   rate.NewLimiter(rate.Limit(p.WritesPerSecond), p.WritesBurst),
		posts:    rate.NewLimiter(rate.Limit(p.PostsPerHour/3600), p.PostsBurst),
		inFlight: make(chan struct{}, p.AtOnce),
	}
}

// enter waits until a call may go. Leave is to be called after it. A wait that the
// context does not allow is not begun.
func (l *limiter) enter(ctx context.Context, w weight) (leave func(), err error) {
	now := time.Now()
	held := []*rate.Reservation{l.points.ReserveN(now, w.points)}
	if w.write {
		held = append(held, l.writes.ReserveN(now, 1))
	}
	if w.post {
		held = append(held, l.posts.ReserveN(now, 1))
	}
	at := now
	for _, r := range held {
		if t := now.Add(r.DelayFrom(now)); t.After(at) {
			at = t
		}
	}
	if err := l.turn(ctx, at); err != nil {
		for _, r := range held {
			r.Cancel()
		}
		return nil, err
	}
	select {
	case l.inFlight <- struct{}{}:
		return func() { <-l.inFlight }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// turn waits for a time, and for as long as GitHub asked to wait, also when it asked
// only in the meantime.
func (l *limiter) turn(ctx context.Context, at time.Time) error {
	for {
		now := time.Now()
		at, why := l.slot(now, at)
		if err := sleepUntil(ctx, at, why); err != nil {
			return err
		}
		l.mu.Lock()
		free := !l.hold.After(time.Now())
		l.mu.Unlock()
		if free {
			return nil
		}
	}
}

// slot takes the next place, not before a time.
func (l *limiter) slot(now, at time.Time) (time.Time, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	why := "we ask GitHub no faster than it allows"
	if l.hold.After(at) {
		at, why = l.hold, l.why
	}
	gap := l.gap(now)
	if gap == 0 && !l.hold.After(now) {
		return at, why
	}
	if l.next.After(at) {
		at = l.next
	}
	l.next = at.Add(max(gap, calmGap))
	return at, why
}

// gap is the time between calls now.
func (l *limiter) gap(now time.Time) time.Duration {
	left := l.reset.Sub(now)
	if l.limit > 0 && left > 0 && l.remaining > 0 && float64(l.remaining) < scarce*float64(l.limit) {
		return left / time.Duration(l.remaining)
	}
	if now.Before(l.calm) {
		return calmGap
	}
	return 0
}

func sleepUntil(ctx context.Context, at time.Time, why string) error {
	d := time.Until(at)
	if d <= 0 {
		return ctx.Err()
	}
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(at) {
		return &Error{Kind: Throttled, Until: at, Err: fmt.Errorf("%s, and the next call is possible at %s", why, at.UTC().Format(time.TimeOnly+" MST"))}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

var errThrottled = errors.New("GitHub refuses to be asked more for now")
