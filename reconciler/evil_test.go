package reconciler_test

import "testing"

// reviewed is a bench with a deployment that Bob answers for, converged.
func reviewed(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.plane("one")
	b.sql("INSERT INTO deployments (name, owner) VALUES ('orders', 'shop')")
	b.sql("INSERT INTO reviewers (owner, person) VALUES ('shop', 'bob@example.com'), ('', 'ops@example.com')")
	b.converged()
	return b
}

// TestNothingPassesUnseen: reviewers of everything are asked for what is in no row
// of the fleet's, and nobody can take a table of the fleet's away.
func TestNothingPassesUnseen(t *testing.T) {
	b := reviewed(t)
	for _, c := range []struct{ statement, check string }{
		{"CREATE TABLE notes (id INT PRIMARY KEY)", "reviewers"},
		{"INSERT INTO dolt_tests VALUES ('t', 'g', 'SELECT 1', 'expected_rows', '==', '1')", "reviewers"},
		{"DROP TABLE approvals", "schema"},
		{"ALTER TABLE deployments ADD COLUMN note INT", "schema"},
	} {
		commit := b.sql(c.statement)
		found := b.refusedAt(commit)
		has := false
		for _, f := range found {
			has = has || f.Check == c.check
		}
		if !has {
			t.Errorf("%s is refused for %+v, want a finding of %s", c.statement, found, c.check)
		}
		b.revert(commit)
		b.converged()
	}
}
