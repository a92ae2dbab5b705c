package githubtest

import (
	"maps"
	"slices"
	"strings"
)

// A hunk replaces lines of a base, from lo up to hi, with others.
type hunk struct {
	lo, hi int
	lines  []string
}

// lines keep their ends, so that they are a text again when joined.
func lines(s string) []string {
	all := strings.SplitAfter(s, "\n")
	if all[len(all)-1] == "" {
		return all[:len(all)-1]
	}
	return all
}

// hunks are what has to be done to one text to make it the other: the longest common
// subsequence of their lines stays.
func hunks(from, to []string) []hunk {
	head := 0
	for head < len(from) && head < len(to) && from[head] == to[head] {
		head++
	}
	tail := 0
	for tail < len(from)-head && tail < len(to)-head && from[len(from)-1-tail] == to[len(to)-1-tail] {
		tail++
	}
	a, b := from[head:len(from)-tail], to[head:len(to)-tail]
	best := make([][]int, len(a)+1) // length of the longest one of what is left of both
	for i := range best {
		best[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				best[i][j] = best[i+1][j+1] + 1
			} else {
				best[i][j] = max(best[i+1][j], best[i][j+1])
			}
		}
	}
	var all []hunk
	for i, j := 0, 0; i < len(a) || j < len(b); {
		if i < len(a) && j < len(b) && a[i] == b[j] {
			i, j = i+1, j+1
			continue
		}
		h := hunk{lo: head + i}
		for (i < len(a) || j < len(b)) && (i == len(a) || j == len(b) || a[i] != b[j]) {
			if j == len(b) || i < len(a) && best[i+1][j] >= best[i][j+1] {
				i++
			} else {
				h.lines = append(h.lines, b[j])
				j++
			}
		}
		h.hi = head + i
		all = append(all, h)
	}
	return all
}

// mergeText does to a base what two did to it; false: they touch, as git has it, when
// no line that both left alone is between.
func mergeText(base, ours, theirs string) (string, bool) {
	from := lines(base)
	a, b := hunks(from, lines(ours)), hunks(from, lines(theirs))
	var out strings.Builder
	at := 0
	do := func(h hunk) {
		out.WriteString(strings.Join(from[at:h.lo], ""))
		out.WriteString(strings.Join(h.lines, ""))
		at = h.hi
	}
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].hi < b[0].lo:
			do(a[0])
			a = a[1:]
		case len(a) == 0 || b[0].hi < a[0].lo:
			do(b[0])
			b = b[1:]
		case a[0].lo == b[0].lo && a[0].hi == b[0].hi && slices.Equal(a[0].lines, b[0].lines):
			do(a[0])
			a, b = a[1:], b[1:]
		default:
			return "", false
		}
	}
	out.WriteString(strings.Join(from[at:], ""))
	return out.String(), true
}

// mergeTrees does to a base what two did to it. The false is for a conflict.
func (o *objects) mergeTrees(base, ours, theirs string) (string, bool) {
	switch base { // most merges: one of both did nothing
	case ours:
		return theirs, true
	case theirs:
		return ours, true
	}
	b, a, t := o.flat(base), o.flat(ours), o.flat(theirs)
	merged := maps.Clone(a)
	for path := range union(b, t) {
		switch {
		case a[path] == t[path] || b[path] == t[path]:
		case b[path] == a[path] && t[path].sha == "":
			delete(merged, path)
		case b[path] == a[path]:
			merged[path] = t[path]
		default:
			text, ok := mergeText(string(o.blobs[b[path].sha]), string(o.blobs[a[path].sha]), string(o.blobs[t[path].sha]))
			if !ok || b[path].sha == "" || a[path].sha == "" || t[path].sha == "" || a[path].mode != t[path].mode {
				return "", false
			}
			merged[path] = entry{a[path].mode, a[path].name, o.blob([]byte(text))}
		}
	}
	return o.build(merged), true
}

func union(a, b map[string]entry) map[string]bool {
	all := map[string]bool{}
	for path := range a {
		all[path] = true
	}
	for path := range b {
		all[path] = true
	}
	return all
}
