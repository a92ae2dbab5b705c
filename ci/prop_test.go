package ci_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/specs"
)

// drawFleet is a fleet drawn at random. Names are not held twice: which of the two
// rows a finding names then depends on their order.
func drawFleet(t *rapid.T, label string) *specs.Snapshot {
	s := fleet(0)
	for n := range rapid.IntRange(0, 8).Draw(t, label) {
		if !rapid.Bool().Draw(t, "there") {
			continue
		}
		d := deployment(n, fmt.Sprintf("d%d", n))
		d.Owner = rapid.SampledFrom([]string{"", "payments", "search"}).Draw(t, "owner")
		d.VolumeGB = rapid.SampledFrom([]int{10, 20, 5000}).Draw(t, "gb")
		d.DoltVersion = rapid.SampledFrom([]string{"2.2.0", "2.0.5", "1.86.4"}).Draw(t, "version")
		d.Protected, d.Running = rapid.Bool().Draw(t, "protected"), rapid.Bool().Draw(t, "running")
		if rapid.Bool().Draw(t, "set") {
			d.Settings = map[string]string{rapid.SampledFrom([]string{"log_level", "nope"}).Draw(t, "setting"): "debug"}
		}
		s.PutDeployment(d)
	}
	for range rapid.IntRange(0, 3).Draw(t, label+" reviewers") {
		r := specs.Reviewer{
			Branch: "main", Owner: rapid.SampledFrom([]string{"", "payments"}).Draw(t, "of"),
			Person: rapid.SampledFrom([]string{"ann@x", "bob@x"}).Draw(t, "person"), Required: rapid.IntRange(0, 2).Draw(t, "required"),
		}
		s.Reviewers[r.Key()] = r
	}
	s.Limits.MaxDestroyed = rapid.IntRange(0, 3).Draw(t, "destroyed")
	return s
}

// kept is all of a snapshot that a test can see.
func kept(s *specs.Snapshot) map[string]any {
	return map[string]any{"deployments": s.Clone().Deployments, "limits": s.Limits, "reviewers": s.Clone().Reviewers, "versions": s.Clone().Versions}
}

func TestJudgeProperties(t *testing.T) {
	t.Parallel()
	h := history("payments", repeat(5, 10, 20)...)
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawFleet(t, "a"), drawFleet(t, "b")
		changes := specs.Diff(a, b)
		shuffled := rapid.Permutation(changes).Draw(t, "order")
		review := ci.Review{Base: a, Changes: shuffled, Statistics: h, Authors: []string{"ann@x"}, Approvals: []string{"bob@x"}}
		given, state := append([]specs.RowChange(nil), shuffled...), kept(a)
		shuffledReport := ci.Judge(review)
		if diff := cmp.Diff(given, shuffled) + cmp.Diff(state, kept(a)); diff != "" {
			t.Fatalf("the input was changed:\n%s", diff)
		}
		review.Changes = changes
		if diff := cmp.Diff(ci.Judge(review), shuffledReport); diff != "" {
			t.Fatalf("the order of changes matters:\n%s", diff)
		}
		review.Base, review.Fleet = a.Overlay(changes), max(1, len(a.Deployments))
		if diff := cmp.Diff(ci.Judge(review), shuffledReport); diff != "" && len(a.Deployments) > 0 {
			t.Fatalf("the overlay sees otherwise:\n%s", diff)
		}
		if r := ci.Judge(ci.Review{Base: a, Statistics: h}); len(r.Findings) > 0 {
			t.Fatalf("no change, and %v", r.Findings)
		}
		acknowledgeAll(t, review)
	})
}

// acknowledgeAll: whoever accepts all that can be accepted has nothing left to
// accept, and no error less.
func acknowledgeAll(t *rapid.T, review ci.Review) {
	first := ci.Judge(review)
	for _, f := range first.Unacknowledged() {
		review.Acknowledged = append(review.Acknowledged, f.Check)
	}
	then := ci.Judge(review)
	if open := then.Unacknowledged(); len(open) > 0 || len(first.Findings) != len(then.Findings) || first.Passed() != then.Passed() {
		t.Fatalf("before %v, after %v", first.Findings, then.Findings)
	}
}

// TestOrderOfSameNames: which two of three rows with one name a finding names must
// not follow the order in which they came.
func TestOrderOfSameNames(t *testing.T) {
	t.Parallel()
	s, to := fleet(0), fleet(0)
	for n := range 3 {
		to.PutDeployment(deployment(n, "same"))
	}
	changes := specs.Diff(s, to)
	want := ci.Judge(ci.Review{Base: s, Changes: changes})
	slices.Reverse(changes)
	if diff := cmp.Diff(want, ci.Judge(ci.Review{Base: s, Changes: changes})); diff != "" || len(want.Findings) != 3 {
		t.Errorf("%v\n%s", want.Findings, diff)
	}
}

// BenchmarkJudge: the cost follows the change and not the fleet. The figures are to
// be compared by eye; nothing fails.
func BenchmarkJudge(b *testing.B) {
	h := history("payments", repeat(9, 10, 20)...)
	for _, n := range []int{1_000, 100_000} {
		s := fleet(n)
		one := s.Overlay([]specs.RowChange{{Table: specs.TableDeployments, Key: id(10)}})
		changes := specs.Diff(one, with(one, 1, func(d *specs.Deployment) { d.VolumeGB++ }))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if r := ci.Judge(ci.Review{Base: s, Changes: changes, Statistics: h}); len(r.Findings) > 0 {
					b.Fatal(r.Findings)
				}
			}
		})
	}
}
