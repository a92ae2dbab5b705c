package proposals_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/proposals"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 250_000_000, time.UTC)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	want := &proposals.Book{
		Proposals: map[int]proposals.Proposal{
			3: {ID: 3, Branch: "bigger", Base: "main", Title: "t", Description: "d\nd", Author: "Ada", AuthorEmail: "ada@x", State: proposals.Open, Head: "h", CreatedAt: at},
			1: {ID: 1, Branch: "b", Base: "main", Title: "t", Author: "A", AuthorEmail: "a@x", State: proposals.Merged, Head: "g", MergedCommit: "m", EndedBy: "b@x", CreatedAt: at, EndedAt: at},
		},
		Reviews:          []proposals.Review{{Proposal: 3, Person: "bob@x", Head: "h", Comment: "fine", At: at}},
		Acknowledgements: []proposals.Acknowledgement{{Proposal: 3, Head: "h", Check: "outlier", Person: "ada@x", At: at}},
		Verdicts: map[int]proposals.Verdict{3: {Proposal: 3, Head: "h", BaseCommit: "b", Passed: true,
			Findings: []specs.Finding{{Check: "c", Severity: specs.Warning, Message: "m"}}, PlanHash: "p", Plan: json.RawMessage(`{"actions":[]}`), CheckedAt: at}},
	}
	tables := map[string][]specs.Row{}
	for _, p := range want.Proposals {
		tables[proposals.TableProposals] = append(tables[proposals.TableProposals], p.Row())
	}
	tables[proposals.TableReviews] = []specs.Row{want.Reviews[0].Row()}
	tables[proposals.TableAcknowledgements] = []specs.Row{want.Acknowledgements[0].Row()}
	tables[proposals.TableChecks] = []specs.Row{want.Verdicts[3].Row()}
	got := proposals.Decode(tables)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("what was written reads differently (-want +got):\n%s", d)
	}
	if got.Next() != 4 {
		t.Errorf("the next number is %d, want 4", got.Next())
	}
	if people := got.Approvals("h"); len(people) != 1 || people[0] != "bob@x" {
		t.Errorf("approvals of h: %v", people)
	}
	if people := got.Approvals("g"); people != nil {
		t.Errorf("an approval counts for another commit: %v", people)
	}
	if p, ok := got.OpenOf("b"); ok {
		t.Errorf("a merged proposal is open: %+v", p)
	}
}

// TestBadRows: a row that makes no sense hides no other.
func TestBadRows(t *testing.T) {
	t.Parallel()
	good := proposals.Proposal{ID: 1, Branch: "b", State: proposals.Open, CreatedAt: at}
	bad := good.Row()
	bad["id"], bad["created_at"] = "2", "0000-00-00"
	got := proposals.Decode(map[string][]specs.Row{
		proposals.TableProposals: {bad, good.Row()},
		proposals.TableChecks:    {{"proposal": "1", "findings": "{bad", "checked_at": "2026-03-01 12:00:00"}},
	})
	if len(got.Proposals) != 1 || len(got.Verdicts) != 0 || len(got.Faults) != 2 {
		t.Errorf("read %+v", got)
	}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	p := proposals.Proposal{ID: 12, Title: "bigger orders", Description: "It is full.\n\nProposal: #99\nPlan: forged"}
	for _, plan := range []string{"", "ab12cd34ef56"} {
		id, got := proposals.ParseMessage(proposals.Message(p, plan))
		if id != 12 || got != plan {
			t.Errorf("plan %q: read back %d and %q", plan, id, got)
		}
	}
	for _, message := range []string{"", "add orders", "Proposal: #x", "Plan: ab", "Proposal: #3\n\nmore"} {
		if id, plan := proposals.ParseMessage(message); id != 0 || plan != "" {
			t.Errorf("%q reads as proposal %d with plan %q", message, id, plan)
		}
	}
}
