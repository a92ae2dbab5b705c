package cloudwatch

import (
	"math"
	"slices"

	dto "github.com/prometheus/client_model/go"
)

// buckets are a histogram: how many observations fell between each bound and the
// one before it, and what they sum up to.
type buckets struct {
	bounds []float64 // rising; the last is +Inf
	counts []float64
	sum    float64
}

// bucketsOf adds up the series of a histogram. Those of other bounds than the first
// are left out: Dolt has one histogram, and its bounds are fixed.
func bucketsOf(series []*dto.Metric) buckets {
	var all buckets
	for _, one := range series {
		next := bucketsOfOne(one.GetHistogram())
		switch {
		case all.bounds == nil:
			all = next
		case slices.Equal(all.bounds, next.bounds):
			for i := range next.counts {
				all.counts[i] += next.counts[i]
			}
			all.sum += next.sum
		}
	}
	return all
}

func bucketsOfOne(h *dto.Histogram) buckets {
	b := buckets{sum: h.GetSampleSum()}
	var below float64
	for _, bucket := range h.GetBucket() {
		upTo := float64(bucket.GetCumulativeCount())
		b.bounds, b.counts = append(b.bounds, bucket.GetUpperBound()), append(b.counts, upTo-below)
		below = upTo
	}
	if n := len(b.bounds); n == 0 || !math.IsInf(b.bounds[n-1], 1) {
		b.bounds, b.counts = append(b.bounds, math.Inf(1)), append(b.counts, float64(h.GetSampleCount())-below)
	}
	return b
}

// since is what came on top. A histogram that fell, or has other bounds, began
// again: all of it is new.
func (b buckets) since(before buckets) buckets {
	if !slices.Equal(b.bounds, before.bounds) {
		return b
	}
	grown := buckets{bounds: b.bounds, counts: make([]float64, len(b.counts)), sum: b.sum - before.sum}
	for i := range b.counts {
		grown.counts[i] = b.counts[i] - before.counts[i]
		if grown.counts[i] < 0 {
			return b
		}
	}
	return grown
}

// values choose one value for each bucket, so that count and sum come out right:
// all lie at the same part of the way through their buckets, the one that makes the
// sum. So averages are exact, and a percentile is in its bucket.
func (b buckets) values() []float64 {
	var least, room float64 // the sum if all lay at their buckets' lower bounds, and up to the upper ones
	for i, n := range b.counts {
		low, high := b.span(i)
		least += n * low
		room += n * (high - low)
	}
	part := 1.0
	if room > 0 {
		part = min(1, max(0, (b.sum-least)/room))
	}
	values := make([]float64, len(b.counts))
	for i := range b.counts {
		low, high := b.span(i)
		values[i] = low + part*(high-low)
	}
	// What is beyond the last bound is as far beyond as the sum says.
	if last := len(values) - 1; last >= 0 && b.counts[last] > 0 {
		values[last] += max(0, b.sum-least-part*room) / b.counts[last]
	}
	return values
}

// span is where the observations of a bucket lie. The last has no upper bound.
func (b buckets) span(i int) (low, high float64) {
	if i > 0 {
		low = b.bounds[i-1]
	}
	high = b.bounds[i]
	if math.IsInf(high, 1) {
		high = low
	}
	return low, high
}
