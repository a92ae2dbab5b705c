package specs_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/specstest"
)

// FuzzRows: whatever two commits hold, what differs between them is the way from one
// to the other, be it listed by the program or by the repository; a state differs from
// itself in nothing; and a row that the program writes it reads as the same row.
func FuzzRows(f *testing.F) {
	for _, change := range []struct{ old, new string }{
		{"", ""}, {"orders", "sales"}, {"#20", "twenty"}, {"#20", "~"}, {"!true", "0"}, {"log_level|debug", "log_level|~"}, {"main|shop", "|"},
		{"limits|max_disrupted|2\n", ""}, {"max_disrupted", "max_fun"}, {"mainstay_schema|#2", "mainstay_schema|#9"},
		{"settings|00000000-0000-0000-0000-000000000001", "settings|1/2"}, {"deployments|00000000-0000-0000-0000-000000000001", "deployments|1/2"},
		{"00000000-0000-0000-0000-000000000001|orders", "x|orders"}, {"search", "orders"}, {"fleet|!true|!false|#7", "fleet"},
	} {
		f.Add(specstest.Fleet, strings.ReplaceAll(specstest.Fleet, change.old, change.new))
		f.Add(strings.ReplaceAll(specstest.Fleet, change.old, change.new), "")
	}
	f.Fuzz(func(t *testing.T, from, to string) {
		a, b := specstest.Snapshot(from), specstest.Snapshot(to)
		again := specstest.Snapshot(from)
		if d := specs.Diff(a, again); len(d) > 0 {
			t.Fatalf("a state differs from itself: %v", d)
		}
		moved := a.Clone()
		change(t, moved, b)
		if d := specs.Diff(again, a); len(d) > 0 {
			t.Fatalf("the copy was moved, and what it was made of with it: %v", d)
		}
		change(t, specs.NewSnapshot(), b)
		moved = a.Clone()
		if findings := moved.Apply(specstest.Changes(from, to)); len(findings) == 0 {
			same(t, moved, b)
		} else if !unreadable(b) || len(specs.Diff(a, moved)) > 0 {
			t.Fatalf("of a change that cannot be read something was done, or it can be read: %v", findings)
		}
	})
}

// change moves one state to the other, and looks whether that is where it is then.
func change(t *testing.T, a, b *specs.Snapshot) {
	t.Helper()
	faulty := unreadable(a) || unreadable(b)
	if findings := a.Apply(specs.Diff(a, b)); len(findings) > 0 {
		t.Fatalf("what the program writes it cannot read: %v", findings)
	}
	if d := specs.Diff(a, b); len(d) > 0 {
		t.Fatalf("after the change there is still a difference: %v", d)
	}
	if !faulty { // a row that cannot be read is in no state, and so in no difference
		same(t, a, b)
	}
}

// same: two states have the same rows and the same said of them.
func same(t *testing.T, a, b *specs.Snapshot) {
	t.Helper()
	if d := specs.Diff(a, b); len(d) > 0 {
		t.Fatalf("there is a difference: %v", d)
	}
	if got, want := texts(specs.Validate(a)), texts(specs.Validate(b)); !duplicates(b) && !maps.Equal(got, want) {
		t.Fatalf("the findings are %v, and should be %v", got, want)
	}
	for _, f := range specs.Validate(b) {
		if f.Check == "" || f.Severity == "" || f.Table == "" || f.Message == "" || f.Advice == "" {
			t.Fatalf("a finding that does not say everything: %+v", f)
		}
	}
}

func unreadable(s *specs.Snapshot) bool {
	for _, f := range specs.Validate(s) {
		if f.Check == "readable" {
			return true
		}
	}
	return false
}
