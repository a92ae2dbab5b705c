package cloudwatch

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"pgregory.net/rapid"
)

// doltText is what Dolt says, with some numbers to fill in.
func doltText(started, connects int, buckets [4]int, sum float64) string {
	return fmt.Sprintf(`# HELP dss_concurrent_connections Number of clients
# TYPE dss_concurrent_connections gauge
dss_concurrent_connections{deployment="d-1"} 3
# TYPE dss_connects counter
dss_connects{deployment="d-1"} %d
# TYPE dss_dolt_version gauge
dss_dolt_version{deployment="d-1"} 3.3685504e+07
# TYPE dss_query_duration histogram
dss_query_duration_bucket{deployment="d-1",le="0.01"} %d
dss_query_duration_bucket{deployment="d-1",le="0.1"} %d
dss_query_duration_bucket{deployment="d-1",le="1"} %d
dss_query_duration_bucket{deployment="d-1",le="+Inf"} %d
dss_query_duration_sum{deployment="d-1"} %g
dss_query_duration_count{deployment="d-1"} %d
# TYPE dss_replication_lag gauge
dss_replication_lag{database="a",remote="one",deployment="d-1"} -1
dss_replication_lag{database="b",remote="one",deployment="d-1"} 250
dss_replication_lag{database="b",remote="two",deployment="d-1"} 1200
# TYPE go_goroutines gauge
go_goroutines 40
# TYPE process_start_time_seconds gauge
process_start_time_seconds %d
# TYPE sys_cpu_usage gauge
sys_cpu_usage{deployment="d-1"} NaN
# TYPE sys_mem_usage gauge
sys_mem_usage{deployment="d-1"} 4.5
`, connects, buckets[0], buckets[1], buckets[2], buckets[3], sum, buckets[3], started)
}

func parsed(t *testing.T, text string) []sample {
	t.Helper()
	samples, err := parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return samples
}

// told are the numbers of a turn, in words.
func told(c *counters, samples []sample) string {
	var words []string
	for _, s := range samples {
		for _, d := range c.datums(s) {
			if d.Value != nil {
				words = append(words, fmt.Sprintf("%s=%g", s.metric.Name, *d.Value))
			}
			for i, v := range d.Values {
				words = append(words, fmt.Sprintf("%s=%.4gx%g", s.metric.Name, v, d.Counts[i]))
			}
		}
	}
	return strings.Join(words, " ")
}

// TestTurns: what follows from one turn to the next.
func TestTurns(t *testing.T) {
	t.Parallel()
	const gauges, lag = "dss_concurrent_connections=3", "dss_replication_lag=1200 sys_mem_usage=4.5"
	c := newCounters()
	for _, turn := range []struct {
		name, text, want string
	}{
		{"first: nobody knows what is new", doltText(1, 100, [4]int{50, 80, 90, 91}, 20), gauges + " " + lag},
		{"nothing new", doltText(1, 100, [4]int{50, 80, 90, 91}, 20), gauges + " dss_connects=0 " + lag},
		{"something new", doltText(1, 107, [4]int{52, 82, 92, 93}, 20.02), gauges + " dss_connects=7 dss_query_duration=0.01x2 " + lag},
		{"beyond the last bound", doltText(1, 107, [4]int{52, 82, 92, 95}, 30.02), gauges + " dss_connects=0 dss_query_duration=5x2 " + lag},
		{"another process, already further", doltText(2, 200, [4]int{52, 82, 92, 95}, 1.9), gauges +
			" dss_connects=200 dss_query_duration= " + lag},
		{"began again and does not tell", doltText(2, 4, [4]int{1, 1, 1, 1}, 0.005), gauges + " dss_connects=4 dss_query_duration=0.005x1 " + lag},
	} {
		got := told(c, parsed(t, turn.text))
		if turn.name == "another process, already further" { // which part of the way is the property's test
			got, turn.want = got[:strings.Index(got, " dss_query")], turn.want[:strings.Index(turn.want, " dss_query")]
		}
		if got != turn.want {
			t.Errorf("%s:\n got %s\nwant %s", turn.name, got, turn.want)
		}
	}
	if len(c.last) != 2 {
		t.Errorf("%d counters are remembered", len(c.last))
	}
	c.forget()
	if got := told(c, parsed(t, doltText(2, 9, [4]int{}, 0))); strings.Contains(got, "connects") {
		t.Errorf("another deployment's counter: %s", got)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"<html>", "dss_connects", "dss_connects one\n", "dss_connects{a=} 1\n"} {
		if samples, err := parse(strings.NewReader(text)); err == nil {
			t.Errorf("%q is read as %v", text, samples)
		}
	}
	for _, text := range []string{"", "other 1\n", "dss_query_duration 1\n", "dss_replication_lag{database=\"a\"} -1\n", "# TYPE dss_query_duration histogram\ndss_query_duration_sum 1\n"} {
		samples, err := parse(strings.NewReader(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		c := newCounters()
		for range 2 {
			if got := told(c, samples); got != "" {
				t.Errorf("%q gives %s", text, got)
			}
		}
	}
}

// TestNumbersThatCloudWatchRefuses are gaps.
func TestNumbersThatCloudWatchRefuses(t *testing.T) {
	t.Parallel()
	for _, n := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64} {
		if got := value(n); got != nil {
			t.Errorf("%g is shipped as %v", n, got)
		}
	}
	if got := value(0); len(got) != 1 || aws.ToFloat64(got[0].Value) != 0 {
		t.Errorf("0 is %v", got)
	}
	many := buckets{}
	for i := range 400 {
		many.bounds, many.counts = append(many.bounds, float64(i+1)), append(many.counts, 1)
	}
	data := distribution(many)
	if len(data) != 3 || len(data[0].Values) != 150 || len(data[2].Counts) != 100 || len(data[2].Values) != 100 {
		t.Errorf("400 values are %d entries", len(data))
	}
}

// TestDistribution: whatever was observed, number and sum are right and each value
// is in its bucket.
func TestDistribution(t *testing.T) {
	t.Parallel()
	bounds := []float64{0.01, 0.1, 1, 10, math.Inf(1)}
	rapid.Check(t, func(t *rapid.T) {
		observed := rapid.SliceOfN(rapid.Float64Range(0, 20), 1, 50).Draw(t, "observed")
		b := buckets{bounds: bounds, counts: make([]float64, len(bounds))}
		for _, o := range observed {
			i, _ := slices.BinarySearch(bounds, o)
			b.counts[i]++
			b.sum += o
		}
		sum := 0.0
		for i, v := range b.values() {
			low, _ := b.span(i)
			if b.counts[i] > 0 && (v < low-1e-9 || v > bounds[i]+1e-9) {
				t.Fatalf("bucket up to %g has the value %g", bounds[i], v)
			}
			sum += b.counts[i] * v
		}
		if math.Abs(sum-b.sum) > 1e-6 {
			t.Fatalf("the sum is %g, want %g", sum, b.sum)
		}
	})
}
