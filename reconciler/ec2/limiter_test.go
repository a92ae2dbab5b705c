package ec2

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
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
		l.Learn("CreateTags", answeredWith(Throttled))
		if took := ten(); took < 2*time.Second {
			t.Errorf("ten after being throttled took %s, want half the pace", took)
		}
		l.Learn("CreateTags", answeredWith(Refused))
		if took := ten(); took > 3*time.Second {
			t.Errorf("ten took %s: a refusal is no reason to slow down", took)
		}
		for range 20 {
			l.Learn("CreateTags", answeredWith(Throttled))
		}
		if took := ten(); took > 20*time.Second {
			t.Errorf("ten took %s: it starves", took)
		}
		time.Sleep(5 * recovery)
		if took := ten(); took != 0 {
			t.Errorf("ten took %s long after the throttling", took)
		}
		l.Learn("DescribeVolumes", answeredWith(Throttled))
		l.Learn("DeleteTags", answeredWith(Throttled))
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
	})
}

func answeredWith(kind Kind) error { return &Error{Kind: kind} }
