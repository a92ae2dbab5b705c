package ec2

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

// TestLimiterPace: with nobody else about, requests take the time that the buckets
// allow, and no more.
func TestLimiterPace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		action       string
		times, units int
		want         time.Duration
	}{
		{"DescribeInstances", 100, 0, 0},
		{"DescribeVolumes", 300, 0, 10 * time.Second},
		{"RunInstances", 5, 200, 0},
		{"RunInstances", 10, 200, 500 * time.Second}, // instances beyond 1,000 come at 2 a second
		{"RunInstances", 25, 1, 10 * time.Second},    // requests beyond 5 do too
		{"TerminateInstances", 200, 1, 20 * time.Second},
		{"CreateTags", 1100, 0, 100 * time.Second},
		{"AttachVolume", 100, 0, 10 * time.Second},
		{"SomethingNew", 100, 0, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			l, start := NewLimiter(), time.Now()
			for range c.times {
				if err := l.Wait(t.Context(), c.action, c.units); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(start); took < c.want || took > c.want+c.want/100 {
				t.Errorf("%d times %s of %d took %s, want %s", c.times, c.action, c.units, took, c.want)
			}
		})
	}
}

// TestLimiterYields: throttled, it slows down at once, and is as fast as before
// some time after that ended.
func TestLimiterYields(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		ten := func() time.Duration {
			start := time.Now()
			for range 10 {
				if err := l.Wait(t.Context(), "CreateTags", 0); err != nil {
					t.Fatal(err)
				}
			}
			return time.Since(start)
		}
		if took := ten(); took != 0 {
			t.Fatalf("ten of a full bucket took %s", took)
		}
		l.Learn("CreateTags", answeredWith(awserr.Throttled))
		if took := ten(); took < 2*time.Second {
			t.Errorf("ten after being throttled took %s, want half the pace", took)
		}
		l.Learn("CreateTags", answeredWith(awserr.Refused))
		if took := ten(); took > 3*time.Second {
			t.Errorf("ten took %s: a refusal is no reason to slow down", took)
		}
		for range 20 {
			l.Learn("CreateTags", answeredWith(awserr.Throttled))
		}
		if took := ten(); took > 20*time.Second {
			t.Errorf("ten took %s: it starves", took)
		}
		time.Sleep(5 * recovery)
		if took := ten(); took != 0 {
			t.Errorf("ten took %s long after the throttling", took)
		}
		l.Learn("DescribeVolumes", answeredWith(awserr.Throttled))
		l.Learn("DeleteTags", answeredWith(awserr.Throttled))
		if took := ten(); took != 0 {
			t.Errorf("ten took %s: another action was throttled", took)
		}
	})
}

// TestLimiterGivesUpEarly: what could not go out in time is told at once.
func TestLimiterGivesUpEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, start := NewLimiter(), time.Now()
		for range 5 {
			if err := l.Wait(t.Context(), "RunInstances", 200); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if l.Wait(ctx, "RunInstances", 200) == nil || time.Since(start) > time.Second {
			t.Error("a launch that has to wait 100 seconds was begun with a minute's time")
		}
		for range 3 { // of five requests at once; what was not sent took none, and a second gives two back
			if l.Wait(ctx, "RunInstances", 200) == nil {
				t.Error("a launch of 200 was begun")
			}
		}
		time.Sleep(time.Second)
		began := time.Now()
		for range 2 {
			if err := l.Wait(ctx, "RunInstances", 1); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("launches of one had to wait %s behind one that was never sent", took)
		}
		if err := l.Wait(ctx, "RunInstances", 1001); err == nil || !strings.Contains(err.Error(), "fewer at once") {
			t.Errorf("more than can ever go out at once: %v", err)
		}
	})
}

// TestLimiterEnds: who gives up waiting does not wait.
func TestLimiterEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		ctx, cancel := context.WithCancel(t.Context())
		for range 5 {
			if err := l.Wait(ctx, "RunInstances", 200); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		time.AfterFunc(time.Second, cancel)
		if err := l.Wait(ctx, "RunInstances", 200); !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

// TestLaunchRoom: room is told as it is; once it is used up, there is none before
// enough for a request that is worth it has come back.
func TestLaunchRoom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		launches []int
		want     int
		wait     time.Duration
	}{
		{"nothing launched", nil, 1000, 0},
		{"some launched", []int{200, 200}, 600, 0},
		{"nearly all launched", []int{200, 200, 200, 200, 160}, 0, 5 * time.Second}, // 10 more at 2 a second
		{"just enough left", []int{400, 550}, 50, 0},
		{"all launched", []int{500, 500}, 0, 25 * time.Second},
		{"no requests left", []int{1, 1, 1, 1, 1}, 0, 500 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			cloud := testCloud()
			cloud.limiter = NewLimiter()
			for _, n := range c.launches {
				if err := cloud.limiter.Wait(t.Context(), "RunInstances", n); err != nil {
					t.Fatal(err)
				}
			}
			room, more := cloud.LaunchRoom()
			wait := time.Duration(0)
			if !more.IsZero() {
				wait = time.Until(more)
			}
			if room != c.want || wait < c.wait || wait > c.wait+10*time.Millisecond {
				t.Fatalf("%s: room for %d, more in %s; want %d and %s", c.name, room, wait, c.want, c.wait)
			}
			time.Sleep(wait)
			room, _ = cloud.LaunchRoom()
			start := time.Now()
			if err := cloud.limiter.Wait(t.Context(), "RunInstances", room); err != nil || room < worthwhile || time.Since(start) != 0 {
				t.Errorf("%s: %s later there is room for %d, which waited %s (%v)", c.name, wait, room, time.Since(start), err)
			}
		})
	}
}

// TestSpare: what can wait takes no more than half of what may go out at once.
func TestSpare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, taken := NewLimiter(), 0
		for ; l.Spare("CreateTags"); taken++ {
			if err := l.Wait(t.Context(), "CreateTags", 0); err != nil {
				t.Fatal(err)
			}
		}
		if taken != 51 {
			t.Errorf("%d requests, want half of 100, and one", taken)
		}
		time.Sleep(time.Second)
		if !l.Spare("CreateTags") {
			t.Error("nothing to spare a second later")
		}
	})
}

// TestThrottledMinute: a minute of refusals costs few requests, and a minute later
// it is over.
func TestThrottledMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, start, sent := NewLimiter(), time.Now(), 0
		for time.Since(start) < time.Minute {
			if err := l.Wait(t.Context(), "DescribeInstances", 0); err != nil {
				t.Fatal(err)
			}
			sent++
			l.Learn("DescribeInstances", answeredWith(awserr.Throttled))
		}
		if sent > 100 {
			t.Errorf("%d requests were sent into a minute of throttling, AWS allows 1,300 without it", sent)
		}
		ended := time.Now()
		for range 100 {
			if err := l.Wait(t.Context(), "DescribeInstances", 0); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(ended); took > 2*recovery {
			t.Errorf("a hundred requests after the throttling took %s", took)
		}
	})
}

func answeredWith(kind awserr.Kind) error { return &awserr.Error{Kind: kind} }
