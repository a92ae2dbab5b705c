package route53

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"

	"github.com/mainstaydb/mainstay/reconciler/awslimit"
)

// took is how long so many requests with so many changes each have to wait in all.
func took(t *testing.T, l *awslimit.Limiter, requests, changes int) time.Duration {
	t.Helper()
	start := time.Now()
	for range requests {
		if err := l.Wait(t.Context(), request, changes); err != nil {
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
			if got := took(t, awslimit.New(Buckets()...), c.requests, c.changes).Round(time.Second / 10); got != c.want {
				t.Errorf("%d requests with %d changes each took %v, want %v", c.requests, c.changes, got, c.want)
			}
		})
	}
}

// TestGivesWay: being throttled slows requests down; that a batch is under way is
// about one zone and no rate.
func TestGivesWay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code string
		want time.Duration // of five requests
	}{{busyCode, 0}, {"Throttling", time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			l := awslimit.New(Buckets()...)
			learn(l, explain(&smithy.GenericAPIError{Code: c.code}, "look"))
			if got := took(t, l, 5, 0).Round(time.Second / 10); got != c.want {
				t.Errorf("after %s five requests took %v, want %v", c.code, got, c.want)
			}
		})
	}
}
