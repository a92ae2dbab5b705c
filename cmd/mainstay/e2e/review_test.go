package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
)

// TestProposals is the review of changes: what merges, what conflicts, what the
// checks refuse, and what reaches main past them.
func TestProposals(t *testing.T) {
	t.Parallel()
	f := newFleet(t)

	f.sub("two columns of one row both merge", func(t *testing.T) {
		f.propose("owner", "UPDATE deployments SET owner = 'web' WHERE name = 'catalog'")
		f.propose("keep", "UPDATE deployments SET retention_days = 9 WHERE name = 'catalog'")
		f.do("pr", "merge", "owner")
		f.do("pr", "merge", "keep")
		f.expect("owner, retention_days", "catalog", "web", "9")
	})

	f.sub("one cell conflicts, is shown and settled", func(t *testing.T) {
		f.propose("seven", "UPDATE deployments SET retention_days = 7, owner = 'shop' WHERE name = 'catalog'")
		f.propose("eight", "UPDATE deployments SET retention_days = 8, protected = true WHERE name = 'catalog'")
		f.do("pr", "merge", "seven")
		stdout, stderr, code := run(t, "pr", "merge", "eight", "--dir", f.dir)
		for _, word := range []string{"retention_days", "7", "8", "9", "Ada Tester", "--theirs"} {
			if !strings.Contains(stdout, word) {
				t.Errorf("the conflict does not show %q: %s", word, stdout)
			}
		}
		if code != 3 || !strings.Contains(stderr, "nothing was changed") {
			t.Errorf("exit %d: %s", code, stderr)
		}
		f.expect("retention_days, protected", "catalog", "7", "0")
		f.do("pr", "merge", "eight", "--theirs")
		f.expect("retention_days, protected, owner", "catalog", "8", "1", "shop")
	})

	f.sub("a UNIQUE that neither branch breaks", func(t *testing.T) {
		f.propose("one-new", "INSERT INTO deployments (name, running) VALUES ('twin', false)")
		f.propose("other-new", "INSERT INTO deployments (name, running, owner) VALUES ('twin', false, 'other')")
		f.do("pr", "merge", "one-new")
		first := f.query("SELECT id FROM deployments WHERE name = 'twin'")
		second := f.query("SELECT id FROM deployments WHERE name = 'twin'", "-b", "other-new")
		stdout, stderr, code := run(t, "pr", "merge", "other-new", "--dir", f.dir)
		if code != 3 || !strings.Contains(stdout+stderr, first) || !strings.Contains(stdout+stderr, second) || !strings.Contains(stdout+stderr, "twin") {
			t.Errorf("exit %d, want both rows %s and %s named: %s%s", code, first, second, stdout, stderr)
		}
		f.do("pr", "close", "other-new", "--delete-branch")
	})

	f.sub("protection is the base's", func(t *testing.T) {
		f.propose("sneak", "UPDATE deployments SET protected = false WHERE name = 'orders'")
		f.do("sql", "-b", "sneak", "-m", "and gone", "DELETE FROM deployments WHERE name = 'orders'")
		f.refused(3, []string{"a check refuses it"}, "pr", "merge", "sneak")
		if c := f.check("sneak"); c.Passed || !found(c, "protected", "orders") {
			t.Errorf("the check says %+v", c.Findings)
		}
	})

	f.sub("a plan that is not the one that was shown", func(t *testing.T) {
		f.propose("larger", "UPDATE deployments SET instance_type = 't3.large' WHERE name = 'archive'")
		shown := f.check("larger").Plan.Hash
		f.sql("UPDATE deployments SET running = false WHERE name = 'archive'")
		f.converged()
		f.refused(3, []string{shown, "--accept-new-plan"}, "pr", "merge", "larger", "--plan", shown)
		f.do("pr", "merge", "larger", "--plan", shown, "--accept-new-plan")
		f.sql("UPDATE deployments SET running = true WHERE name = 'archive'")
		f.converged()
	})

	f.sub("more is destroyed than the limit allows", func(t *testing.T) {
		f.sql("REPLACE INTO limits (name, value) VALUES ('max_destroyed', 0)")
		before := f.deployment("twin").ID
		f.propose("no-twin", "DELETE FROM deployments WHERE name = 'twin'")
		f.refused(3, []string{"blast-radius"}, "pr", "merge", "no-twin")
		f.propose("no-archive", "DELETE FROM deployments WHERE name = 'archive'")
		f.do("pr", "merge", "no-archive", "--ack", "blast-radius")
		s := f.wait("the deletion is held", named("archive", func(d view.Deployment) bool { return says(d, "INSERT INTO approvals") }))
		if !f.deployment("archive").Ready || before == "" {
			t.Errorf("it was destroyed without consent: %+v", s)
		}
		f.sql(fmt.Sprintf("INSERT INTO approvals (commit_hash, approved_by, reason) VALUES ('%s', 'Ada', 'meant')", f.status().Commit))
		f.wait("the deletion is carried out", named("archive", func(d view.Deployment) bool { return d.Phase == "deleted" }))
		f.do("rollback", "main~1", "--merge")
		f.serves("archive")
		f.do("pr", "close", "no-twin")
	})

	f.sub("the team's own checks", func(t *testing.T) {
		f.sql("INSERT INTO dolt_tests VALUES ('no giants', 'size', 'SELECT * FROM deployments WHERE volume_gb > 500', 'expected_rows', '==', '0')")
		f.propose("giant", "UPDATE deployments SET volume_gb = 600 WHERE name = 'archive'; DELETE FROM dolt_tests")
		c := f.check("giant")
		if c.Passed || !found(c, "dolt-tests", "no giants") || !found(c, "tests-changed", "") {
			t.Errorf("the check says %+v", c.Findings)
		}
		f.refused(3, []string{"a check refuses it"}, "pr", "merge", "giant")
	})

	f.sub("past every check", func(t *testing.T) {
		good := f.converged().Commit
		clone := f.clone()
		f.doltIn(clone, "sql", "-q", "UPDATE deployments SET volume_gb = 1 WHERE name = 'archive'")
		f.doltIn(clone, "commit", "-am", "shrink it")
		f.push(clone, "main")
		s := f.wait("the commit is refused", func(s view.Status) bool { return len(s.Findings) > 0 })
		if s.Commit != good || s.Findings[0].Column != "volume_gb" {
			t.Errorf("in force is %s, want %s; findings %+v", s.Commit, good, s.Findings)
		}
		f.do("sql", "--force", "-m", "put it back", "UPDATE deployments SET volume_gb = 50, owner = 'fixed' WHERE name = 'archive'")
		f.converged()
		if s := f.status(); len(s.Findings) > 0 || s.Commit == good {
			t.Errorf("the good commit is not in force: %+v", s)
		}
	})
}

// TestReviewers is who may let changes in: checked at the merge, and once more by
// the control plane for what comes to main by other ways.
func TestReviewers(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.sql("INSERT INTO reviewers (owner, person, required) VALUES ('shop', 'bob@example.org', 1)")
	f.converged()
	f.propose("louder", "UPDATE settings SET value = 'debug' WHERE name = 'log_level'")
	if c := f.check("louder"); c.Passed || !found(c, "reviewers", "") {
		t.Fatalf("the check says %+v", c.Findings)
	}
	f.refused(3, []string{"somebody else"}, "pr", "approve", "louder")
	f.doAs("Bob <bob@example.org>", "pr", "approve", "louder", "-m", "fine")
	f.do("pr", "merge", "louder")
	f.converged()

	f.sub("a commit without consent is not applied until it is given", func(t *testing.T) {
		good := f.status().Commit
		clone := f.clone()
		f.doltIn(clone, "sql", "-q", "UPDATE settings SET value = 'error' WHERE name = 'log_level'")
		f.doltIn(clone, "commit", "-am", "quieter")
		f.push(clone, "main")
		s := f.wait("the commit is refused", func(s view.Status) bool { return len(s.Findings) > 0 })
		if s.Commit != good || s.Findings[0].Check != "reviewers" {
			t.Errorf("in force is %s, want %s; findings %+v", s.Commit, good, s.Findings)
		}
		// Something harmless on top does not carry it in.
		f.do("sql", "--force", "-m", "harmless", "UPDATE deployments SET retention_days = 3 WHERE name = 'archive'")
		f.wait("the commit on top is refused too", func(s view.Status) bool {
			return s.Commit == good && len(s.Conditions) > 0 && strings.Contains(s.Conditions[0].Message, s.Head)
		})
		f.do("sql", "--force", "-m", "back", "UPDATE settings SET value = 'debug' WHERE name = 'log_level'")
		f.converged()
	})
}

// TestWaysAround: an approved branch lets in what was on it and nothing that
// somebody adds to the merge; and who approved a commit once did not approve going
// back to it.
func TestWaysAround(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.sql("INSERT INTO reviewers (owner, person, required) VALUES ('shop', 'bob@example.org', 1)")
	f.propose("fine", "UPDATE settings SET value = 'debug' WHERE name = 'log_level'")
	f.doAs("Bob <bob@example.org>", "pr", "approve", "fine")
	f.converged()
	good := f.status().Commit

	clone := f.clone()
	f.doltIn(clone, "merge", "--no-ff", "--no-commit", "origin/fine")
	f.doltIn(clone, "sql", "-q", "DELETE FROM reviewers; UPDATE deployments SET retention_days = 0 WHERE owner = 'shop'")
	f.doltIn(clone, "commit", "-A", "-m", "merge fine, and more")
	f.push(clone, "main")
	s := f.wait("the merge is refused", func(s view.Status) bool { return len(s.Findings) > 0 })
	if s.Commit != good || s.Findings[0].Check != "reviewers" {
		t.Fatalf("in force is %s, want %s; findings %+v", s.Commit, good, s.Findings)
	}

	f.doltIn(clone, "reset", "--hard", good)
	f.doltIn(clone, "push", "--force", "--user", "root", "origin", "main")
	f.converged()
	f.do("pr", "merge", "fine")
	first := f.converged().Commit
	f.propose("second", "UPDATE settings SET value = 'error' WHERE name = 'log_level'")
	f.doAs("Bob <bob@example.org>", "pr", "approve", "second")
	f.do("pr", "merge", "second")
	in := f.converged().Commit
	f.doltIn(clone, "fetch", "--user", "root", "origin")
	f.doltIn(clone, "reset", "--hard", first)
	f.doltIn(clone, "push", "--force", "--user", "root", "origin", "main")
	s = f.wait("going back is refused", func(s view.Status) bool { return s.Head == first && len(s.Findings) > 0 })
	if s.Commit != in {
		t.Errorf("in force is %s, want %s", s.Commit, in)
	}
}

// TestLateApproval: a merge that came without consent is let in by it, with no other
// commit.
func TestLateApproval(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.sql("INSERT INTO reviewers (owner, person, required) VALUES ('shop', 'bob@example.org', 1)")
	f.converged()
	good := f.status().Commit
	f.propose("late", "UPDATE settings SET value = 'debug' WHERE name = 'log_level'")
	clone := f.clone()
	f.doltIn(clone, "merge", "--no-ff", "-m", "merge late", "origin/late")
	f.push(clone, "main")
	f.wait("the merge is refused", func(s view.Status) bool { return s.Commit == good && len(s.Findings) > 0 })
	f.doAs("Bob <bob@example.org>", "pr", "approve", "late")
	if s := f.converged(); s.Commit == good || len(s.Findings) > 0 {
		t.Errorf("the merge is not in force: %+v", s)
	}
}

// propose makes a branch with a change and a proposal for it.
func (f *fleet) propose(branch, statements string) {
	f.t.Helper()
	f.do("sql", "-b", branch, "-m", "change for "+branch, statements)
	f.do("pr", "create", "-b", branch, "--title", "proposal "+branch)
}

// check runs the checks of a proposal.
func (f *fleet) check(which string) view.Check {
	f.t.Helper()
	stdout, stderr, code := run(f.t, "pr", "check", which, "-o", "json", "--dir", f.dir)
	var c view.Check
	if err := json.Unmarshal([]byte(stdout), &c); err != nil || (code != 0) == c.Passed {
		f.t.Fatalf("pr check %s: exit %d: %v: %s%s", which, code, err, stdout, stderr)
	}
	return c
}

func found(c view.Check, check, words string) bool {
	for _, f := range c.Findings {
		if f.Check == check && strings.Contains(f.String(), words) {
			return true
		}
	}
	return false
}

func (f *fleet) doAs(author string, args ...string) {
	f.t.Helper()
	if _, stderr, code := runIn(f.t, "", []string{"MAINSTAY_AUTHOR=" + author}, append(args, "--dir", f.dir)...); code != 0 {
		f.t.Fatalf("mainstay %s: exit %d: %s", strings.Join(args, " "), code, stderr)
	}
}

// query gives the first value of the answer.
func (f *fleet) query(statement string, flags ...string) string {
	f.t.Helper()
	var doc struct {
		Results []struct{ Rows []map[string]any }
	}
	if err := json.Unmarshal([]byte(f.do(append([]string{"sql", statement, "-o", "json"}, flags...)...)), &doc); err != nil {
		f.t.Fatal(err)
	}
	for _, v := range doc.Results[0].Rows[0] {
		return fmt.Sprint(v)
	}
	return ""
}

// expect compares columns of a row of main.
func (f *fleet) expect(columns, name string, want ...string) {
	f.t.Helper()
	for i, column := range strings.Split(columns, ", ") {
		if got := f.query("SELECT " + column + " FROM deployments WHERE name = '" + name + "'"); got != want[i] {
			f.t.Errorf("%s.%s is %s, want %s", name, column, got, want[i])
		}
	}
}
