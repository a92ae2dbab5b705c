package main

import (
	"fmt"
	"slices"
	"time"
)

func (t times) median() time.Duration {
	sorted := slices.Sorted(slices.Values(t))
	return sorted[len(sorted)/2]
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func ms(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000)
	}
	if d < 10*time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// orZero is the median, or zero where nothing was measured.
func (t times) orZero() time.Duration {
	if len(t) == 0 {
		return 0
	}
	return t.median()
}

// orDash is the median, or a dash where nothing was measured.
func (t times) orDash() string {
	if len(t) == 0 {
		return "–"
	}
	return ms(t.median())
}

// spread is the median with its range.
func (t times) spread() string {
	return fmt.Sprintf("%s (%s to %s)", ms(t.median()), ms(slices.Min(t)), ms(slices.Max(t)))
}

// ratios is the median, with its range, of what was measured in turns with others.
func (t times) ratios(others times) string {
	var rs []float64
	for i := range t {
		rs = append(rs, ratio(t[i], others[i]))
	}
	slices.Sort(rs)
	return fmt.Sprintf("%.2f (%.2f to %.2f)", rs[len(rs)/2], rs[0], rs[len(rs)-1])
}

func megabytes(bytes uint64) float64 { return float64(bytes) / 1e6 }

// thousands writes a number with commas.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
