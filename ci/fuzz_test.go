package ci_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/specstest"
)

// FuzzJudge: whatever rows a change brings, it is judged: the same in any order of
// its rows, and never well where it ends a protected database, shrinks a volume or
// leaves rows that no state may hold.
func FuzzJudge(f *testing.F) {
	for _, change := range []struct{ old, new string }{
		{"", ""}, {"#20", "#10"}, {"#20", "big"}, {"!false|#7", "1|~"}, {"eu-west-1a", "local"}, {"2.2.0|#0", "1.86.4|#0"}, {"m7g", "?"},
		{"deployments|00000000-0000-0000-0000-000000000002|search", "deployments|00000000-0000-0000-0000-000000000003|search"},
		{specstest.Fleet, ""}, {"versions|2.2.0", "versions|2.3.0"}, {"shop|ann", "|ann"}, {"limits|max_disrupted|2\n", "limits|max_destroyed|-1\n"},
	} {
		changed := strings.ReplaceAll(specstest.Fleet, change.old, change.new)
		f.Add(specstest.Fleet, changed)
		f.Add(changed, specstest.Fleet)
	}
	h := history("shop", repeat(5, 10, 20)...)
	f.Fuzz(func(t *testing.T, from, to string) {
		base, changes := specstest.Snapshot(from), specstest.Changes(from, to)
		review := ci.Review{Base: base, Changes: changes, Statistics: h, Authors: []string{"ann@acme.example"}, Approvals: []string{"bob@acme.example"}}
		report := ci.Judge(review)
		if d := specs.Diff(specstest.Snapshot(from), base); len(d) > 0 {
			t.Fatalf("judging changed what was judged: %v", d)
		}
		slices.Reverse(changes)
		if diff := cmp.Diff(report, ci.Judge(review)); diff != "" {
			t.Fatalf("another order of the rows gives another verdict:\n%s", diff)
		}
		after := specstest.Snapshot(to)
		if report.Passed() && len(specs.Errors(specs.Validate(base))) == 0 {
			if faults := specs.Errors(specs.Validate(after)); len(faults) > 0 {
				t.Fatalf("it passed, and leaves %v", faults)
			}
		}
		if why := harm(base, after); why != "" && report.Passed() {
			t.Fatalf("it passed, and %s", why)
		}
	})
}

// harm says what must never pass, by a look that is independent of the checks.
func harm(before, after *specs.Snapshot) string {
	for id, was := range before.Deployments {
		now := after.Deployments[id]
		switch {
		case now == nil && was.Protected:
			return "ends " + was.Name + ", which is protected"
		case now != nil && now.VolumeGB < was.VolumeGB:
			return "shrinks the volume of " + was.Name
		case now != nil && now.Zone != was.Zone:
			return "moves " + was.Name + " to another zone"
		}
	}
	return ""
}
