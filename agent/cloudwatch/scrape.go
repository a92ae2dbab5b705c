package cloudwatch

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const (
	// scrapeBound is for a database that hangs: an answer takes milliseconds.
	scrapeBound = 5 * time.Second
	// scrapeLimit in bytes is a hundred times Dolt's answer: whatever else listens on
	// the port does not fill the agent's memory.
	scrapeLimit = 2 << 20
)

// A sample is one metric as it was read.
type sample struct {
	metric  Metric
	value   float64 // of a gauge or a counter
	buckets buckets // of a histogram
	life    string  // whose counter it is: another life counts from zero
}

// newHTTPClient is for loopback: a proxy of the environment is not asked.
func newHTTPClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConns: 1, IdleConnTimeout: 2 * Period}}
}

// scrape reads the database's metrics.
func (s *Shipper) scrape(ctx context.Context) ([]sample, error) {
	ctx, cancel := context.WithTimeout(ctx, scrapeBound)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.opts.Metrics, nil)
	if err != nil {
		return nil, fmt.Errorf("%q is no URL of Dolt's metrics: %w", s.opts.Metrics, err)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the database for its metrics: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s; see that metrics_port in machine.json is the database's", s.opts.Metrics, resp.Status)
	}
	samples, err := parse(io.LimitReader(resp.Body, scrapeLimit))
	if err != nil {
		return nil, fmt.Errorf("%s does not answer as Dolt does; see that metrics_port in machine.json is the database's: %w", s.opts.Metrics, err)
	}
	return samples, nil
}

// parse picks what is shipped.
func parse(r io.Reader) ([]sample, error) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(r)
	if err != nil {
		return nil, err
	}
	life := lifeOf(families["process_start_time_seconds"])
	var samples []sample
	for _, m := range doltMetrics {
		series := families[m.Name].GetMetric()
		if len(series) == 0 {
			continue
		}
		next := sample{metric: m, life: life}
		switch m.Kind {
		case Histogram:
			next.buckets = bucketsOf(series)
		case Counter:
			for _, one := range series {
				next.value += number(one)
			}
		case Gauge:
			next.value = math.NaN()
			for _, one := range series {
				next.value = worse(next.value, number(one))
			}
		}
		samples = append(samples, next)
	}
	return samples, nil
}

// worse keeps the larger one of a metric's series, such as one for each database:
// what people want to be woken by. Dolt says -1 for a lag that is not known.
func worse(a, b float64) float64 {
	switch {
	case math.IsNaN(b) || b < 0:
		return a
	case math.IsNaN(a):
		return b
	default:
		return max(a, b)
	}
}

// number is a series' value, whatever type it was declared as.
func number(m *dto.Metric) float64 {
	switch {
	case m.GetGauge() != nil:
		return m.GetGauge().GetValue()
	case m.GetCounter() != nil:
		return m.GetCounter().GetValue()
	case m.GetUntyped() != nil:
		return m.GetUntyped().GetValue()
	default:
		return math.NaN()
	}
}

// lifeOf tells one process of the database from the next: by when it started.
func lifeOf(started *dto.MetricFamily) string {
	if series := started.GetMetric(); len(series) > 0 {
		return fmt.Sprint(number(series[0]))
	}
	return ""
}
