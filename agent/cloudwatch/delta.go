package cloudwatch

import (
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// agentLife marks what the agent counts by itself, from zero at its start.
const agentLife = "agent"

// counters remember where counters stood in the turn before: one entry for each
// metric of the table.
type counters struct{ last map[string]sample }

func newCounters() *counters { return &counters{last: map[string]sample{}} }

// forget is for a machine without a deployment: the next one is another's.
func (c *counters) forget() { clear(c.last) }

// datums are what a sample ships, without its names: nothing, when there is no
// number to tell.
func (c *counters) datums(s sample) []types.MetricDatum {
	switch s.metric.Kind {
	case Gauge:
		return value(s.value)
	case Counter:
		before, known := c.swap(s)
		if !known || math.IsNaN(s.value) {
			return nil
		}
		if s.value < before.value { // it began again and its life did not tell
			before.value = 0
		}
		return value(s.value - before.value)
	case Histogram:
		before, known := c.swap(s)
		if !known {
			return nil
		}
		return distribution(s.buckets.since(before.buckets))
	default:
		return nil
	}
}

// swap takes a sample in place of the one before and returns that one: zero, if the
// counter has begun since. Of a counter that is seen for the first time nobody knows
// how much is new.
func (c *counters) swap(s sample) (before sample, known bool) {
	before, known = c.last[s.metric.Name]
	c.last[s.metric.Name] = s
	if !known {
		return sample{}, s.life == agentLife
	}
	if before.life != s.life {
		return sample{}, true
	}
	return before, true
}

// largest is CloudWatch's limit for a number: 2^360, either side of zero.
var largest = math.Ldexp(1, 360)

func shippable(n float64) bool { return !math.IsNaN(n) && math.Abs(n) <= largest }

func value(n float64) []types.MetricDatum {
	if !shippable(n) {
		return nil
	}
	return []types.MetricDatum{{Value: aws.Float64(n)}}
}

// maxValues is how many values CloudWatch takes for a metric in one request's entry.
const maxValues = 150

// distribution ships values with how often each occurred. A minute without any is
// one without a distribution.
func distribution(b buckets) []types.MetricDatum {
	var values, counts []float64
	for i, v := range b.values() {
		if b.counts[i] > 0 && shippable(v) {
			values, counts = append(values, v), append(counts, b.counts[i])
		}
	}
	var data []types.MetricDatum
	for part := range slices.Chunk(values, maxValues) {
		data = append(data, types.MetricDatum{Values: part, Counts: counts[:len(part)]})
		counts = counts[len(part):]
	}
	return data
}
