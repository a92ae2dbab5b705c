package route53

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

// took is how long so many requests with so many changes each have to wait in all.
func took(t *testing.T, l *Limiter, requests, changes int) time.Duration {
	t.Helper()
	start := time.Now()
	for range requests {
		if err := l.Wait(t.Context(), changes); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(start)
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		requests, changes int
		want              time.Duration
	}{
		{50, 0, 0},
		{150, 0, 10 * time.Second},
		{1, 1000, 0},
		{2, 1000, 5 * time.Second}, // 500 more than the burst
		{12, 1000, 105 * time.Second},
		{150, 1, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			if got := took(t, NewLimiter(), c.requests, c.changes).Round(time.Second / 10); got != c.want {
				t.Errorf("%d requests with %d changes each took %v, want %v", c.requests, c.changes, got, c.want)
			}
		})
	}
}

// TestReadersPass: who only looks does not wait for others' changes.
func TestReadersPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		took(t, l, 1, 1500)
		done := make(chan struct{})
		go func() {
			defer close(done)
			took(t, l, 1, 1000)
		}()
		synctest.Wait()
		if got := took(t, l, 1, 0); got != 0 {
			t.Errorf("a look waited for %v", got)
		}
		<-done
	})
}

func TestGivesWay(t *testing.T) {
	t.Parallel()
	throttled := &awserr.Error{Kind: awserr.Throttled, Code: "Throttling"}
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		l.Learn(nil)
		l.Learn(&awserr.Error{Kind: awserr.Throttled, Code: busyCode}) // is about one zone's batch and no rate
		if got := took(t, l, 50, 0); got != 0 {
			t.Errorf("gave way without need, %v", got)
		}
		l.Learn(throttled)
		if got := took(t, l, 5, 0).Round(time.Second / 10); got != time.Second {
			t.Errorf("at half the rate five requests took %v", got)
		}
		for range 10 {
			l.Learn(throttled)
		}
		if got, least := l.requests.Limit(), l.requests.full*leastShare; got != least {
			t.Errorf("lowered to %v a second, want no less than %v", got, least)
		}
		time.Sleep(5 * recovery) // of the bubble's time
		took(t, l, 1, 0)
		if got := l.requests.Limit(); got != requestPerSecond {
			t.Errorf("%v a second after throttling ended", got)
		}
	})
}

func TestNoTimeLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		took(t, l, 1, 1500)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := l.Wait(ctx, 1000); err == nil || time.Since(start) != 0 {
			t.Errorf("waited %v for what cannot come in time: %v", time.Since(start), err)
		}
	})
}
