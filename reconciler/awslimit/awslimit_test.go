package awslimit

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

// limits are EC2's, some of them, and a pair like Route 53's.
func limits() []Bucket {
	return []Bucket{
		{Name: "reads", Actions: []string{"DescribeInstances", "DescribeVolumes"}, Burst: 100, PerSecond: 20},
		{Name: "launch requests", Actions: []string{"RunInstances"}, Burst: 5, PerSecond: 2},
		{Name: "launched instances", Actions: []string{"RunInstances"}, Units: true, Burst: 1000, PerSecond: 2},
		{Name: "tags", Actions: []string{"CreateTags"}, Burst: 100, PerSecond: 10},
		{Name: "requests", Actions: []string{"request"}, Burst: 50, PerSecond: 10},
		{Name: "changes", Actions: []string{"request"}, Units: true, Spared: true, Burst: 1000, PerSecond: 100},
		{Name: "other changes", Burst: 50, PerSecond: 5},
	}
}

// TestYields: throttled, it slows down at once, and is as fast as before some time
// after that ended.
func TestYields(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(limits()...)
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

// TestGivesUpEarly: what could not go out in time is told at once.
func TestGivesUpEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, start := New(limits()...), time.Now()
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

// TestEnds: who gives up waiting does not wait.
func TestEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(limits()...)
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

// TestLookersPass: a request that is about nothing counted does not wait for others'.
func TestLookersPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, start, done := New(limits()...), time.Now(), make(chan struct{})
		if err := l.Wait(t.Context(), "request", 1000); err != nil {
			t.Fatal(err)
		}
		go func() {
			defer close(done)
			if err := l.Wait(t.Context(), "request", 500); err != nil || time.Since(start) != 5*time.Second {
				t.Errorf("500 changes had to wait %s, want 5 s (%v)", time.Since(start), err)
			}
		}()
		synctest.Wait()
		if err := l.Wait(t.Context(), "request", 0); err != nil || time.Since(start) != 0 {
			t.Errorf("a look waited for %s (%v)", time.Since(start), err)
		}
		<-done
	})
}

// TestSpared: throttling slows a spared bucket down, and leaves what is in it.
func TestSpared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(limits()...)
		l.Learn("request", answeredWith(awserr.Throttled))
		start := time.Now()
		for _, want := range []time.Duration{200 * time.Millisecond, 20 * time.Second} { // a request, and 1,000 changes, at half their pace
			if err := l.Wait(t.Context(), "request", 1000); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took != want {
				t.Errorf("1,000 changes were out after %s, want %s", took, want)
			}
		}
	})
}

// TestSpare: what can wait takes no more than half of what may go out at once.
func TestSpare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, taken := New(limits()...), 0
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
		l, start, sent := New(limits()...), time.Now(), 0
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
