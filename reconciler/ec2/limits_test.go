package ec2

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/awslimit"
)

// TestPace: with nobody else about, requests take the time that the buckets allow,
// and no more.
func TestPace(t *testing.T) {
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
			l, start := awslimit.New(Buckets()...), time.Now()
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
			cloud.limiter = awslimit.New(Buckets()...)
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

func answeredWith(kind awserr.Kind) error { return &awserr.Error{Kind: kind} }
