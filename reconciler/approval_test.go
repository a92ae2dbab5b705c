package reconciler_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/proposals"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/mainstaydb/mainstay/specs/schema"
)

// missing is what the programs give the loop.
func missing(base *specs.Snapshot, changes []specs.RowChange, authors, approvals []string) []specs.Finding {
	return ci.Missing(base, changes, repo.MainBranch, authors, approvals)
}

// refusedAt waits until a commit was looked at and refused, and gives why.
func (b *bench) refusedAt(commit string) []specs.Finding {
	b.Helper()
	return b.until(commit+" is refused", func(s *ledger.State) bool {
		return s.Applied.Head == commit && s.Applied.Commit != commit && len(s.Findings) > 0
	}).Findings
}

// approve records a person's approval of a commit.
func (b *bench) approve(person, head string) {
	b.Helper()
	base, err := b.person.Ensure(b.Context(), schema.Proposals)
	if err != nil {
		b.Fatal(err)
	}
	review := proposals.Review{Proposal: 1, Person: person, Head: head, At: time.Now()}
	edits := []repo.Edit{{Table: proposals.TableReviews, Row: review.Row()}}
	if _, err := b.person.PublishTo(b.Context(), repo.ProposalsBranch, base, edits, "approve"); err != nil {
		b.Fatal(err)
	}
}

// TestApprovals: what is in force was agreed to by those who must, whatever way it
// came to main and whatever came on top of it.
func TestApprovals(t *testing.T) {
	b := newBench(t)
	b.plane("one")
	b.sql("INSERT INTO deployments (name, owner) VALUES ('orders', 'shop'), ('free', 'nobody')")
	b.sql("INSERT INTO reviewers (owner, person) VALUES ('shop', 'bob@example.com')")
	good := b.converged().Applied.Commit

	first := b.sql("UPDATE deployments SET retention_days = 8 WHERE name = 'orders'")
	if found := b.refusedAt(first); found[0].Check != "reviewers" {
		t.Errorf("refused for %+v", found)
	}
	second := b.sql("UPDATE deployments SET retention_days = 8 WHERE name = 'free'")
	b.refusedAt(second) // what is under it is in it

	// Consent to the commit on top is none to the one below.
	b.approve("bob@example.com", second)
	b.refusedAt(second)
	// The author's own is none at all, nor is a stranger's.
	b.approve("ann@example.com", first)
	b.approve("eve@example.com", first)
	if s := b.state(); s.Applied.Commit != good {
		t.Fatalf("%s is in force, want %s", s.Applied.Commit, good)
	}
	b.approve("bob@example.com", first)
	b.converged()

	// A row that is put back needs nobody.
	third := b.sql("UPDATE deployments SET retention_days = 9 WHERE name = 'orders'")
	b.refusedAt(third)
	b.sql("UPDATE deployments SET retention_days = 8 WHERE name = 'orders'")
	b.converged()

	// A merge is judged by the head of its branch.
	if err := b.person.CreateBranch(t.Context(), "more", "main"); err != nil {
		t.Fatal(err)
	}
	head, err := b.person.Change(t.Context(), "more", "UPDATE deployments SET retention_days = 10 WHERE name = 'orders'", "more")
	if err != nil {
		t.Fatal(err)
	}
	b.approve("bob@example.com", head.Commit)
	if _, err := b.person.Merge(t.Context(), "more", "main", "merge more"); err != nil {
		t.Fatal(err)
	}
	b.converged()
}

// TestPlanDeviates: a merge whose proposal showed another plan than the one that is
// carried out is told of, and so is nothing else.
func TestPlanDeviates(t *testing.T) {
	b := newBench(t)
	b.plane("one")
	b.sql("INSERT INTO deployments (name) VALUES ('orders')")
	b.converged()
	merge := func(shown string) {
		t.Helper()
		p := proposals.Proposal{ID: 7, Title: "larger"}
		statement := "UPDATE deployments SET volume_gb = volume_gb + 10 WHERE name = 'orders'"
		if _, err := b.person.Change(t.Context(), "main", statement, proposals.Message(p, shown)); err != nil {
			t.Fatal(err)
		}
	}
	deviates := func(s *ledger.State) string {
		for _, c := range s.FleetConditions() {
			if c.Type == "PlanDeviates" {
				return c.Message
			}
		}
		return ""
	}
	merge("000000000000")
	if text := deviates(b.converged()); !strings.Contains(text, "#7") || !strings.Contains(text, "000000000000") {
		t.Fatalf("the status says %q of a plan that was not the one that was shown", text)
	}
	heads, err := b.person.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tables, err := b.person.Tables(t.Context(), heads.Status, "plans")
	if err != nil {
		t.Fatal(err)
	}
	does := ""
	for _, row := range tables["plans"] {
		if row["expected"] == "000000000000" {
			does, _ = row["plan_hash"].(string)
		}
	}
	merge(does) // the same change again has the same effect
	b.converged()
	if text := deviates(b.until("the deviation is over", func(s *ledger.State) bool { return deviates(s) == "" })); text != "" {
		t.Error(text)
	}
}
