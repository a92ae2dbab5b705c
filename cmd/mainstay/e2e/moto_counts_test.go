package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// counts are numbers of requests by service and action.
type counts map[string]int

// A column is a part of a scenario, for a number of deployments.
type column struct {
	title string
	many  int
	counts
}

// tableOf shows columns of requests, each with what that is for 100 deployments.
func tableOf(columns ...column) string {
	total, keys := make([]int, len(columns)), map[string]bool{}
	for n, c := range columns {
		for key, times := range c.counts {
			keys[key] = true
			total[n] += times
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-46s", "requests of AWS")
	for _, c := range columns {
		fmt.Fprintf(&b, "%28s %8s", c.title, "per 100")
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		fmt.Fprintf(&b, "\nrequests of %-34s", key)
		for _, c := range columns {
			fmt.Fprintf(&b, "%28d %8.1f", c.counts[key], float64(c.counts[key])*100/float64(c.many))
		}
	}
	fmt.Fprintf(&b, "\nrequests of %-34s", "all")
	for n, c := range columns {
		fmt.Fprintf(&b, "%28d %8.1f", total[n], float64(total[n])*100/float64(c.many))
	}
	return b.String()
}
