package cloudwatch

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"

	"github.com/mainstaydb/mainstay/agent/agentpb"
)

// A fixed board says the same each time.
type fixed Snapshot

func (f fixed) Snapshot() Snapshot { return Snapshot(f) }

var serving = fixed{Deployment: "d-1", Name: "orders", Up: true, Serving: true, VolumeSize: 100 << 30, VolumeUsed: 5 << 30}

// A script is CloudWatch in virtual time, where a network is not: it says what the
// test says.
type script func(ctx context.Context) error

func (f script) PutMetricData(ctx context.Context, _ *sdk.PutMetricDataInput, _ ...func(*sdk.Options)) (*sdk.PutMetricDataOutput, error) {
	return &sdk.PutMetricDataOutput{}, f(ctx)
}

var errThrottled = &smithy.GenericAPIError{Code: "Throttling", Message: "Rate exceeded"}

func newShipper(t *testing.T, opts Options) *Shipper {
	t.Helper()
	opts.Fleet, opts.Machine = "fleet", "i-1"
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRunOfMany: machines that start together ship each once a minute and spread
// over it, and end when they are told.
func TestRunOfMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const machines, minutes = 600, 5
		var seconds [60]int
		start, all := time.Now(), 0
		client := script(func(context.Context) error {
			all++
			seconds[int(time.Since(start).Seconds())%60]++
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), minutes*time.Minute)
		defer cancel()
		ended := make(chan error)
		one := make(chan struct{}, 1) // the counts are the test's own
		for range machines {
			s := newShipper(t, Options{Board: serving, Client: script(func(ctx context.Context) error {
				one <- struct{}{}
				defer func() { <-one }()
				return client(ctx)
			})})
			go func() { ended <- s.Run(ctx) }()
		}
		for range machines {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		if all < machines*minutes-5 || all > machines*minutes+5 {
			t.Errorf("%d requests, want %d", all, machines*minutes)
		}
		for second, n := range seconds {
			if n > 4*machines*minutes/60 {
				t.Errorf("%d of %d requests are in second %d", n, all, second)
			}
		}
	})
}

// TestRunWithCloudWatchAway: nothing piles up, it is said once, and the end of it
// too.
func TestRunWithCloudWatchAway(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(ctx context.Context) error{
		"throttled": func(context.Context) error { return errThrottled },
		"silent":    func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"denied":    func(context.Context) error { return &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				back, atOnce, most := time.Now().Add(30*time.Minute), 0, 0
				requests := 0
				s := newShipper(t, Options{Board: serving, Logger: slog.New(slog.NewTextHandler(&log, nil)), Client: script(func(ctx context.Context) error {
					requests++
					atOnce++
					most = max(most, atOnce)
					defer func() { atOnce-- }()
					if time.Now().Before(back) {
						return away(ctx)
					}
					return nil
				})})
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				if err := s.Run(ctx); err != nil {
					t.Error(err)
				}
				if most != 1 || requests < 55 || requests > 61*attempts {
					t.Errorf("%d requests, %d at once", requests, most)
				}
				if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "do not reach") || !strings.Contains(log.String(), "reach CloudWatch again") {
					t.Errorf("the log:\n%s", log.String())
				}
			})
		})
	}
}

// TestRunEndsAtOnce: in a pause, or with a request under way.
func TestRunEndsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := newShipper(t, Options{Board: serving, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Client: script(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })})
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), Period+time.Second) // the first turn is under way, or its attempt was given up
		defer cancel()
		if err := s.Run(ctx); err != nil || time.Since(start) != Period+time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

func TestNewTellsAllThatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := New(Options{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"Client", "Board", "Fleet", "Machine"} {
		if !strings.Contains(err.Error(), "option "+name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	datum := func(name int, values int) types.MetricDatum {
		return types.MetricDatum{MetricName: aws.String(strings.Repeat("n", name)), Values: make([]float64, values)}
	}
	many := func(n int, d types.MetricDatum) (data []types.MetricDatum) {
		for range n {
			data = append(data, d)
		}
		return data
	}
	for name, c := range map[string]struct {
		data    []types.MetricDatum
		batches int
	}{
		"none":        {nil, 0},
		"one":         {many(1, datum(10, 0)), 1},
		"full":        {many(1000, datum(10, 0)), 1},
		"one more":    {many(1001, datum(10, 0)), 2},
		"many":        {many(2500, datum(10, 0)), 3},
		"large":       {many(200, datum(200, 150)), 3},
		"much too so": {many(3, datum(400_000, 0)), 3},
	} {
		got, sum := batches(c.data), 0
		for _, batch := range got {
			sum += len(batch)
			size := 0
			for _, d := range batch {
				size += sizeOf(d)
			}
			if len(batch) == 0 || len(batch) > maxMetrics || len(batch) > 1 && size > maxBytes {
				t.Errorf("%s: a batch of %d metrics and %d bytes", name, len(batch), size)
			}
		}
		if len(got) != c.batches || sum != len(c.data) {
			t.Errorf("%s: %d batches with %d of %d metrics, want %d", name, len(got), sum, len(c.data), c.batches)
		}
	}
}

// TestBoard: what the agent's status says, and that what it does not know is a gap.
func TestBoard(t *testing.T) {
	t.Parallel()
	order := &agentpb.Order{Deployment: "d-1", Name: "orders"}
	for name, c := range map[string]struct {
		status *agentpb.StatusResponse
		want   string
	}{
		"serving": {&agentpb.StatusResponse{Order: order,
			Database: &agentpb.Database{State: agentpb.Database_SERVING, Pid: 7, Restarts: 2},
			Volume:   &agentpb.Volume{Attached: true, SizeBytes: 100, UsedBytes: 40}},
			"database_up=1 database_serving=1 database_restarts=2 volume_size_bytes=100 volume_used_bytes=40 disk_full=0"},
		"starting": {&agentpb.StatusResponse{Order: order, Database: &agentpb.Database{State: agentpb.Database_STARTING, Pid: 7}, Volume: &agentpb.Volume{}},
			"database_up=1 database_serving=0 database_restarts=0 disk_full=0"},
		"full": {&agentpb.StatusResponse{Order: order, Database: &agentpb.Database{State: agentpb.Database_FAILED},
			Volume:     &agentpb.Volume{Attached: true, SizeBytes: 100, UsedBytes: 100},
			Conditions: []*agentpb.Condition{{Type: "DiskFull", Status: true}}},
			"database_up=0 database_serving=0 database_restarts=0 volume_size_bytes=100 volume_used_bytes=100 disk_full=1"},
	} {
		snapshot := FromStatus(c.status)
		if snapshot.Deployment != "d-1" || snapshot.Name != "orders" {
			t.Errorf("%s: %+v", name, snapshot)
		}
		if got := told(newCounters(), snapshot.samples()); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
	if got := FromStatus(&agentpb.StatusResponse{}); got != (Snapshot{}) {
		t.Errorf("an agent without an order: %+v", got)
	}
}

// TestRestarts counts what came on top, also after an order began to count anew.
func TestRestarts(t *testing.T) {
	t.Parallel()
	c := newCounters()
	for i, step := range []struct{ restarts, want float64 }{{1, 1}, {1, 0}, {4, 3}, {0, 0}, {2, 2}, {1, 1}} {
		board := serving
		board.Restarts = int(step.restarts)
		for _, s := range Snapshot(board).samples() {
			if data := c.datums(s); s.metric.Name == "database_restarts" && aws.ToFloat64(data[0].Value) != step.want {
				t.Errorf("step %d: %g, want %g", i, *data[0].Value, step.want)
			}
		}
	}
}

// TestNothingWithoutADeployment: CloudWatch takes no empty dimension, and nobody
// would find the numbers.
func TestNothingWithoutADeployment(t *testing.T) {
	t.Parallel()
	s := newShipper(t, Options{Board: fixed{}, Client: script(func(context.Context) error { return errors.New("was asked") })})
	s.turn(t.Context())
	if s.shipping.there {
		t.Error("something was shipped")
	}
}
