package main

import (
	"fmt"
	"slices"
	"time"
)

func median(ds []time.Duration) time.Duration {
	slices.Sort(ds)
	return ds[len(ds)/2]
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

func orDash(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return ms(d)
}

// spread is a median with its range.
func spread(ds []time.Duration) string {
	m := median(ds)
	return fmt.Sprintf("%s (%s to %s)", ms(m), ms(ds[0]), ms(ds[len(ds)-1]))
}

// ratios is a median with its range.
func ratios(rs []float64) string {
	slices.Sort(rs)
	return fmt.Sprintf("%.2f (%.2f to %.2f)", rs[len(rs)/2], rs[0], rs[len(rs)-1])
}
