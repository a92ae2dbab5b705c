package ci_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/specs"
)

// history is the statistics of deployments that were given these sizes.
func history(owner string, sizes ...int) *specs.Statistics {
	s := specs.NewStatistics()
	remember(s, owner, sizes...)
	return s
}

func remember(s *specs.Statistics, owner string, sizes ...int) {
	for i, gb := range sizes {
		d := deployment(i+500, fmt.Sprintf("h%d", i))
		d.Owner, d.VolumeGB = owner, gb
		to := specs.NewSnapshot()
		to.PutDeployment(d)
		s.Observe(specs.Diff(specs.NewSnapshot(), to))
	}
}

func repeat(n int, sizes ...int) []int {
	var all []int
	for range n {
		all = append(all, sizes...)
	}
	return all
}

// given judges one deployment of payments that is changed.
func given(s *specs.Statistics, f func(*specs.Deployment)) ci.Report {
	before := fleet(1)
	return ci.Judge(ci.Review{Base: before, Changes: specs.Diff(before, with(before, 1, f)), Fleet: 100, Statistics: s})
}

func TestOutlier(t *testing.T) {
	t.Parallel()
	spread := repeat(3, 10, 20, 40, 80)
	mixed := history("search", repeat(2, 10, 20, 40, 80)...)
	remember(mixed, "payments", repeat(2, 1000, 2000, 3000, 4000)...)
	size := func(gb int) func(*specs.Deployment) { return func(d *specs.Deployment) { d.VolumeGB = gb } }
	days := func(n int) func(*specs.Deployment) { return func(d *specs.Deployment) { d.RetentionDays = n } }
	tests := map[string]struct {
		history *specs.Statistics
		change  func(*specs.Deployment)
		want    string // of the message; "": no finding
	}{
		"unknown":                {nil, size(60000), ""},
		"no history":             {specs.NewStatistics(), size(60000), ""},
		"short history":          {history("payments", 10, 20, 40, 80, 10, 20, 40), size(60000), ""},
		"within":                 {history("payments", spread...), size(80), ""},
		"doubled":                {history("payments", spread...), size(160), ""},
		"tripled":                {history("payments", spread...), size(240), ""},
		"a zero too many":        {history("payments", spread...), size(800), "800 is far outside what it was before: 12 values of the deployments of payments, from 10 to 80, mean 37.5, deviation 26.81"},
		"even, doubled":          {history("payments", repeat(5, 10, 11)...), size(22), ""},
		"even, four times":       {history("payments", repeat(5, 10, 11)...), size(44), "44 is far"},
		"equal, nine times":      {history("payments", repeat(9, 10)...), size(99), ""},
		"equal, ten times":       {history("payments", repeat(9, 10)...), size(100), "9 values of the deployments of payments, from 10 to 10, mean 10, deviation 0"},
		"everybody's":            {history("search", spread...), size(800), "12 values of all deployments"},
		"his own and not theirs": {mixed, size(9000), ""},
		"wide, five deviations":  {history("payments", repeat(4, 1, 100)...), size(340), ""},
		"wide, six deviations":   {history("payments", repeat(4, 1, 100)...), size(350), "350 is far"},
		"far below":              {history("payments", repeat(5, 1000, 1100)...), size(15), "15 is far"},
		"half":                   {history("payments", repeat(5, 1000, 1100)...), size(500), ""},
		"gone to zero":           {history("payments", repeat(2, 10, 20, 40, 80)...), days(0), "0 is far"},
		"elsewhere in the row":   {history("payments", repeat(9, 1000)...), func(d *specs.Deployment) { d.Owner = "payments"; d.Protected = true }, ""},
		"first iops ever":        {history("payments", spread...), func(d *specs.Deployment) { d.VolumeIOPS = 80000 }, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := given(test.history, test.change)
			if test.want == "" {
				if len(r.Findings) > 0 {
					t.Errorf("findings %v", r.Findings)
				}
				return
			}
			if brief(r.Unacknowledged()) != "warning outlier d10" || !strings.Contains(r.Findings[0].Message, test.want) {
				t.Errorf("findings %v, want %q", r.Findings, test.want)
			}
		})
	}
}

func TestOutlierOfANewRow(t *testing.T) {
	t.Parallel()
	before, after := fleet(1), fleet(1)
	d := deployment(99, "huge")
	d.VolumeGB = 60000
	after.PutDeployment(d)
	r := ci.Judge(ci.Review{Base: before, Changes: specs.Diff(before, after), Statistics: history("", repeat(9, 10, 20)...)})
	if brief(r.Findings) != "warning outlier huge" || r.Findings[0].Column != "volume_gb" {
		t.Errorf("findings %v", r.Findings)
	}
}

// TestOutlierZero: 0 operations a second means the type's default, and 0 days mean
// that the data goes at once.
func TestOutlierZero(t *testing.T) {
	t.Parallel()
	series := map[string]specs.Series{"": {N: 9, Min: 9000, Max: 9000, Sum: 81_000, SumSquares: 729e6}}
	h := &specs.Statistics{Values: map[string]map[string]specs.Series{"volume_iops": series, "retention_days": series}}
	before := with(fleet(1), 1, func(d *specs.Deployment) { d.VolumeIOPS, d.RetentionDays = 9000, 9000 })
	after := with(before, 1, func(d *specs.Deployment) { d.VolumeIOPS, d.RetentionDays = 0, 0 })
	r := ci.Judge(ci.Review{Base: before, Changes: specs.Diff(before, after), Statistics: h})
	if brief(r.Findings) != "warning outlier d10" || r.Findings[0].Column != "retention_days" {
		t.Errorf("findings %v", r.Findings)
	}
}

// TestOutlierPromises: whatever the history, twice the largest and half the
// smallest are never told of, and ten times the largest always is.
func TestOutlierPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(11, 6000), 8, 40).Draw(t, "history")
		low, high := sizes[0], sizes[0]
		for _, gb := range sizes {
			low, high = min(low, gb), max(high, gb)
		}
		h := history("payments", sizes...)
		outlier := func(gb int) bool {
			return strings.Contains(brief(given(h, func(d *specs.Deployment) { d.VolumeGB = gb }).Findings), "outlier")
		}
		for _, quiet := range []int{low, high, high * 2, max(1, (low+1)/2)} {
			if outlier(quiet) {
				t.Fatalf("%d is told of", quiet)
			}
		}
		if !outlier(high * 10) {
			t.Fatalf("%d is not told of", high*10)
		}
	})
}
