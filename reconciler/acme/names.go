package acme

import (
	"slices"
	"strings"
)

// joinNames is a set of names as one comparable text: as in plan.Certificate.
func joinNames(names []string) string {
	sorted := make([]string, 0, len(names))
	for _, n := range names {
		sorted = append(sorted, strings.ToLower(strings.TrimSuffix(n, ".")))
	}
	slices.Sort(sorted)
	return strings.Join(slices.Compact(sorted), " ")
}

func splitNames(joined string) []string { return strings.Fields(joined) }
