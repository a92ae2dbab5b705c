// Package cloudwatch ships what one machine measures to AWS CloudWatch, once a
// minute: the metrics of Dolt's own Prometheus endpoint that are in a table
// (table.go), and what the agent knows of the database and its volume.
//
// It promises that measuring never disturbs what is measured: it only reads, one
// turn at a time, each within its minute, and keeps nothing but the last value of
// each counter. What cannot be had or shipped is a gap, and not a zero. A turn that
// CloudWatch throttles or refuses is dropped after a few attempts. Trouble is
// logged when it begins and when it ends.
//
// It does not ship the machine's logs and the host's other metrics: the CloudWatch
// agent does. Without a deployment on the machine there is nothing to ship.
package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Namespace is what all of our metrics are found under, unless Options say
// otherwise. The machine's role may write to it alone.
const Namespace = "Mainstay"

// Period is the time between two turns: the resolution that CloudWatch keeps
// without a surcharge.
const Period = time.Minute

// A Client takes metrics. The SDK's client is one.
type Client interface {
	PutMetricData(context.Context, *sdk.PutMetricDataInput, ...func(*sdk.Options)) (*sdk.PutMetricDataOutput, error)
}

// A Board tells what the agent knows. It is asked once a turn and answers at once.
type Board interface {
	Snapshot() Snapshot
}

// Options say what is shipped and under which names.
type Options struct {
	Client    Client
	Board     Board
	Fleet     string
	Machine   string
	Metrics   string // URL of Dolt's Prometheus endpoint, such as http://127.0.0.1:9091/metrics; empty: it has none
	Namespace string // empty: Namespace
	Logger    *slog.Logger
}

// A Shipper ships one machine's metrics.
type Shipper struct {
	opts     Options
	http     *http.Client
	counters *counters
	pause    time.Duration // before the second attempt
	scraping trouble
	shipping trouble
}

// New returns a shipper. It asks nobody anything.
func New(opts Options) (*Shipper, error) {
	var missing []error
	for _, option := range []struct {
		name   string
		absent bool
	}{{"Client", opts.Client == nil}, {"Board", opts.Board == nil}, {"Fleet", opts.Fleet == ""}, {"Machine", opts.Machine == ""}} {
		if option.absent {
			missing = append(missing, fmt.Errorf("shipping metrics to CloudWatch needs the option %s", option.name))
		}
	}
	if len(missing) > 0 {
		return nil, errors.Join(missing...)
	}
	if opts.Namespace == "" {
		opts.Namespace = Namespace
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Shipper{
		opts: opts, http: newHTTPClient(), counters: newCounters(), pause: firstPause,
		scraping: trouble{log: opts.Logger, begins: "the database's metrics cannot be read; they are missing in CloudWatch until they can", ends: "the database's metrics can be read again"},
		shipping: trouble{log: opts.Logger, begins: "metrics do not reach CloudWatch; they are missing there until they do", ends: "metrics reach CloudWatch again"},
	}, nil
}

// Run ships until ctx ends. The first turn is at a random moment of the first
// period, so that machines that started together do not ship together.
func (s *Shipper) Run(ctx context.Context) error {
	defer s.http.CloseIdleConnections()
	first := time.NewTimer(rand.N(Period))
	defer first.Stop()
	select {
	case <-ctx.Done():
		return nil
	case <-first.C:
	}
	tick := time.NewTicker(Period)
	defer tick.Stop()
	for {
		s.turn(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// turnBound ends a turn before the next one is due.
const turnBound = 45 * time.Second

// turn measures and ships once. Trouble is told, and leaves gaps.
func (s *Shipper) turn(ctx context.Context) {
	turn, cancel := context.WithTimeout(ctx, turnBound)
	defer cancel()
	board := s.opts.Board.Snapshot()
	if board.Deployment == "" {
		s.counters.forget()
		return
	}
	samples := board.samples()
	if board.Up && s.opts.Metrics != "" {
		scraped, err := s.scrape(turn)
		if ctx.Err() != nil {
			return
		}
		if err == nil || board.Serving { // one that starts or ends may be silent
			s.scraping.tell(err)
		}
		samples = append(samples, scraped...)
	}
	data := s.data(board, samples, time.Now())
	err := s.ship(turn, data)
	if ctx.Err() == nil {
		s.shipping.tell(err)
	}
}

// data turns samples into what CloudWatch takes. A sample that has no number is a
// gap.
func (s *Shipper) data(board Snapshot, samples []sample, now time.Time) []types.MetricDatum {
	dimensions := s.dimensions(board)
	var data []types.MetricDatum
	for _, sample := range samples {
		for _, datum := range s.counters.datums(sample) {
			datum.MetricName, datum.Unit = aws.String(sample.metric.Name), sample.metric.Unit
			datum.Dimensions, datum.Timestamp = dimensions, aws.Time(now)
			data = append(data, datum)
		}
	}
	return data
}

// dimensions tell whose a metric is. CloudWatch takes no empty ones.
func (s *Shipper) dimensions(board Snapshot) []types.Dimension {
	var dimensions []types.Dimension
	for _, d := range [][2]string{{"Fleet", s.opts.Fleet}, {"Deployment", board.Deployment}, {"Name", board.Name}, {"Machine", s.opts.Machine}} {
		if d[1] != "" {
			dimensions = append(dimensions, types.Dimension{Name: aws.String(d[0]), Value: aws.String(d[1])})
		}
	}
	return dimensions
}

// A trouble is told when it begins and when it ends, and not each minute between.
type trouble struct {
	log          *slog.Logger
	begins, ends string
	there        bool
}

func (t *trouble) tell(err error) {
	switch {
	case err != nil && !t.there:
		t.log.Warn(t.begins, "err", err)
	case err == nil && t.there:
		t.log.Info(t.ends)
	}
	t.there = err != nil
}
