package repo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/repo"
)

// fork makes the branch b and changes both sides, one commit for each statement.
func fork(t *testing.T, r *repo.Repo, branch, main []string) {
	t.Helper()
	ok(t, r.CreateBranch(context.Background(), "b", "main"))
	for name, statements := range map[string][]string{"b": branch, "main": main} {
		for _, statement := range statements {
			change(t, r, name, statement)
		}
	}
}

// change makes one commit.
func change(t *testing.T, r *repo.Repo, branch, statements string) string {
	t.Helper()
	return must[*repo.Changed](t)(r.Change(context.Background(), branch, statements, "change "+branch)).Commit
}

// one gives the answer of a query with one value a row, joined.
func one(t *testing.T, r *repo.Repo, ref, query string) string {
	t.Helper()
	var all []string
	for _, row := range must[*repo.Result](t)(r.Query(context.Background(), ref, query)).Rows {
		all = append(all, fmt.Sprint(row...))
	}
	return strings.Join(all, ",")
}

func TestMergeChecked(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, hub := newFleet(t, orders)
	fork(t, r, []string{"UPDATE deployments SET owner = 'team'"}, []string{"UPDATE deployments SET volume_gb = 30"})
	before := heads(t, r)

	refused := errors.New("no")
	asked := 0
	_, err := r.MergeChecked(ctx, repo.MergeOptions{Branch: "b", Into: "main", Approve: func(m *repo.Merged) (string, error) {
		asked++
		if d := snapshot(t, r, m.Commit).ByName("orders"); d == nil || d.Owner != "team" || d.VolumeGB != 30 || m.Base != before.Main || len(m.Changes) != 1 {
			t.Errorf("asked about %+v with %+v", m, d)
		}
		must[*specs.Statistics](t)(r.Statistics(ctx, m.Base)) // must not wait for the merge
		return "", refused
	}})
	if !errors.Is(err, refused) || asked != 1 || heads(t, r) != before {
		t.Errorf("refused: %v, asked %d times", err, asked)
	}

	m := must[*repo.Merged](t)(r.MergeChecked(ctx, repo.MergeOptions{Branch: "b", Into: "main", Approve: func(*repo.Merged) (string, error) {
		return "proposal 7: own it", nil
	}}))
	if got := heads(t, open(t, hub)).Main; got != m.Commit {
		t.Errorf("the hub has %s, want %s", got, m.Commit)
	}
	info := must[repo.CommitInfo](t)(r.Commit(ctx, m.Commit))
	if info.Message != "proposal 7: own it" || info.Author != author.Name || info.Email != author.Email || info.Date.IsZero() ||
		!slices.Equal(info.Parents, []string{m.Base, m.Head}) {
		t.Errorf("commit %+v of %+v", info, m)
	}
	if _, err := r.Commit(ctx, strings.Repeat("0", 32)); !errors.Is(err, repo.ErrUnknownRef) {
		t.Errorf("an unknown commit: %v", err)
	}
	m = must[*repo.Merged](t)(r.MergeChecked(ctx, repo.MergeOptions{Branch: "b", Into: "main", Approve: func(*repo.Merged) (string, error) {
		return "", errors.New("asked about nothing")
	}}))
	if m.Commit != "" {
		t.Errorf("merged again: %+v", m)
	}
	for _, o := range []repo.MergeOptions{{Branch: "b", Into: "status"}, {Branch: "status", Into: "main"}, {Branch: "b", Into: "proposals"}} {
		if _, err := r.MergeChecked(ctx, o); !errors.Is(err, repo.ErrProtectedBranch) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := r.TryMerge(ctx, repo.MergeOptions{Branch: "b", Into: "main", Resolve: "both"}); err == nil {
		t.Error("settled with both")
	}
}

// TestConflictIsShown names the cells, their values and who wrote them, also
// where the writer's commit came in by a merge.
func TestConflictIsShown(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, hub := newFleet(t, orders+"; INSERT INTO deployments (name) VALUES ('doomed')")
	bob := openWith(t, repo.Options{Dir: t.TempDir(), Hub: hub, Author: repo.Author{Name: "Bob", Email: "bob@example.com"}})
	ok(t, r.CreateBranch(ctx, "b", "main"))
	ok(t, r.CreateBranch(ctx, "side", "main"))
	theirs := change(t, bob, "b", "UPDATE deployments SET volume_gb = 20, owner = 'b' WHERE name = 'orders'")
	change(t, bob, "b", "UPDATE deployments SET retention_days = 9 WHERE name = 'orders'")
	deleted := change(t, bob, "b", "DELETE FROM deployments WHERE name = 'doomed'")
	change(t, r, "side", "UPDATE deployments SET volume_gb = 25 WHERE name = 'orders'")
	ours := change(t, r, "side", "UPDATE deployments SET volume_gb = 30 WHERE name = 'orders'")
	kept := change(t, r, "main", "UPDATE deployments SET owner = 'x' WHERE name = 'doomed'")
	must[string](t)(r.Merge(ctx, "side", "main", "merge side"))
	before := heads(t, r)

	_, err := r.TryMerge(ctx, repo.MergeOptions{Branch: "b", Into: "main"})
	var conflict *repo.ConflictError
	if !errors.As(err, &conflict) || len(conflict.Conflicts) != 2 || len(conflict.Reasons) != 2 {
		t.Fatalf("got %v, %+v", err, conflict)
	}
	found := map[string]repo.Conflict{}
	for _, c := range conflict.Conflicts {
		found[c.Key] = c
	}
	c := found["orders"]
	if c.Table != "deployments" || c.Column != "volume_gb" || c.Base != "10" || c.Ours != "30" || c.Theirs != "20" {
		t.Errorf("conflict %+v", c)
	}
	if c.OursBy == nil || c.OursBy.Commit != ours || c.OursBy.Email != author.Email || c.TheirsBy == nil || c.TheirsBy.Commit != theirs || c.TheirsBy.Author != "Bob" || c.TheirsBy.Date.IsZero() {
		t.Errorf("by %+v and %+v, want %s and %s", c.OursBy, c.TheirsBy, ours, theirs)
	}
	c = found["doomed"]
	if c.Column != "" || c.Theirs != nil || c.Ours != "owner=x" || c.OursBy == nil || c.OursBy.Commit != kept || c.TheirsBy == nil || c.TheirsBy.Commit != deleted {
		t.Errorf("delete against change: %+v, by %+v and %+v", c, c.OursBy, c.TheirsBy)
	}
	if heads(t, r) != before || one(t, r, "main", "SELECT count(*) FROM dolt_branches") != "1" {
		t.Error("something was left behind")
	}
}

// TestSettle has each side taken cell by cell: what did not conflict stays of both.
func TestSettle(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	const of = "(SELECT id FROM deployments WHERE name = 'orders')"
	for name, c := range map[string]struct {
		seed         string
		branch, main []string
		query        string
		ours, theirs string
	}{
		"cells": {
			branch: []string{"UPDATE deployments SET volume_gb = 20, owner = 'b', retention_days = 1"},
			main:   []string{"UPDATE deployments SET volume_gb = 30, standbys = 2, retention_days = 2"},
			query:  "SELECT concat_ws(' ', volume_gb, owner, standbys, retention_days) FROM deployments",
			ours:   "30 b 2 2", theirs: "20 b 2 1",
		},
		"deleted there": {
			seed:   "INSERT INTO settings SELECT id, 'log_level', 'debug' FROM deployments",
			branch: []string{"DELETE FROM deployments"}, main: []string{"UPDATE deployments SET owner = 'x'"},
			query: "SELECT concat_ws(' ', owner, value) FROM deployments LEFT JOIN settings ON deployment = id",
			ours:  "x debug", theirs: "",
		},
		"deleted here": {
			seed:   "INSERT INTO settings SELECT id, 'log_level', 'debug' FROM deployments",
			branch: []string{"UPDATE deployments SET owner = 'x'", "UPDATE settings SET value = 'info'"}, main: []string{"DELETE FROM deployments"},
			query: "SELECT concat_ws(' ', owner, value) FROM deployments LEFT JOIN settings ON deployment = id",
			ours:  "", theirs: "x info",
		},
		"only a setting changed, and the deployment deleted": {
			seed:   "INSERT INTO settings SELECT id, 'log_level', 'debug' FROM deployments; INSERT INTO settings SELECT id, 'log_format', 'json' FROM deployments",
			branch: []string{"UPDATE settings SET value = 'info' WHERE name = 'log_level'"}, main: []string{"DELETE FROM deployments"},
			query: "SELECT concat(d.name, ' ', value) FROM deployments d JOIN settings ON deployment = id ORDER BY value",
			ours:  "", theirs: "orders info,orders json",
		},
		"a setting added, and the deployment deleted": {
			branch: []string{"UPDATE deployments SET owner = 'x'; INSERT INTO settings VALUES (" + of + ", 'log_level', 'debug')"}, main: []string{"DELETE FROM deployments"},
			query: "SELECT concat(d.owner, ' ', value) FROM deployments d JOIN settings ON deployment = id",
			ours:  "", theirs: "x debug",
		},
		"a setting given twice": {
			branch: []string{"INSERT INTO settings VALUES (" + of + ", 'log_level', 'debug')"},
			main:   []string{"INSERT INTO settings VALUES (" + of + ", 'log_level', 'info')"},
			query:  "SELECT value FROM settings", ours: "info", theirs: "debug",
		},
		"a table of the team's own": {
			seed: "CREATE TABLE notes (a INT, b VARCHAR(10), at DATETIME(6), amount DECIMAL(20,8), body JSON, raw VARBINARY(10), n INT, PRIMARY KEY (a, b));" +
				"INSERT INTO notes VALUES (1, 'x''`', '2026-01-01', 0.5, '{}', 0x00ff, 0), (2, 'y', NULL, NULL, NULL, NULL, 0)",
			branch: []string{"UPDATE notes SET n = 1, at = '2026-02-03 04:05:06.000007', amount = 123456789012.00000001, body = '{\"a\": \"it''s\"}', raw = 0xfe00ff WHERE a = 1"},
			main:   []string{"UPDATE notes SET n = 2"},
			query:  "SELECT concat_ws(' ', n, at, amount, json_extract(body, '$.a'), hex(raw)) FROM notes WHERE a = 1",
			ours:   "2 2026-02-03 04:05:06.000007 123456789012.00000001 \"it's\" FE00FF", theirs: "1 2026-02-03 04:05:06.000007 123456789012.00000001 \"it's\" FE00FF",
		},
		"the tests": {
			seed:   "INSERT INTO dolt_tests VALUES ('t', 'g', 'SELECT 1', 'expected_rows', '==', '1')",
			branch: []string{"UPDATE dolt_tests SET assertion_value = '2', test_group = 'h'"},
			main:   []string{"UPDATE dolt_tests SET assertion_value = '3'"},
			query:  "SELECT concat(test_group, assertion_value) FROM dolt_tests", ours: "h3", theirs: "h2",
		},
	} {
		for side, want := range map[repo.Side]string{repo.Ours: c.ours, repo.Theirs: c.theirs} {
			t.Run(name+" "+string(side), func(t *testing.T) {
				t.Parallel()
				r, _ := newFleet(t, orders+";"+c.seed)
				fork(t, r, c.branch, c.main)
				var conflict *repo.ConflictError
				if _, err := r.Merge(ctx, "b", "main", "merge"); !errors.As(err, &conflict) {
					t.Fatalf("no conflict: %v", err)
				}
				m := must[*repo.Merged](t)(r.MergeChecked(ctx, repo.MergeOptions{Branch: "b", Into: "main", Resolve: side}))
				if got := one(t, r, "main", c.query); got != want {
					t.Errorf("settled to %q, want %q", got, want)
				}
				info := must[repo.CommitInfo](t)(r.Commit(ctx, m.Commit))
				if len(m.Resolved) != len(conflict.Conflicts) || len(info.Parents) != 2 || heads(t, r).Main != m.Commit {
					t.Errorf("merged %+v as %+v", m, info)
				}
				if again := must[string](t)(r.Merge(ctx, "b", "main", "again")); again != "" {
					t.Errorf("merged again: %s", again)
				}
			})
		}
	}
}

// TestMergeBreaksUnique: no side can be taken where two rows want one name, and
// both are named.
func TestMergeBreaksUnique(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	two := orders + "; INSERT INTO deployments (name) VALUES ('first'), ('second')"
	for name, c := range map[string]struct{ branch, main []string }{
		"two renamed": {[]string{"UPDATE deployments SET name = 'same' WHERE name = 'first'"}, []string{"UPDATE deployments SET name = 'same' WHERE name = 'second'"}},
		"apart of conflict": {
			[]string{"UPDATE deployments SET name = 'same' WHERE name = 'first'", "UPDATE deployments SET owner = 'b' WHERE name = 'orders'"},
			[]string{"UPDATE deployments SET name = 'same' WHERE name = 'second'", "UPDATE deployments SET owner = 'm' WHERE name = 'orders'"},
		},
		"two added":       {[]string{"INSERT INTO deployments (name) VALUES ('same')"}, []string{"INSERT INTO deployments (name) VALUES ('same')"}},
		"beside conflict": {[]string{"UPDATE deployments SET name = 'same', owner = 'b' WHERE name = 'first'"}, []string{"UPDATE deployments SET name = 'same' WHERE name = 'second'", "UPDATE deployments SET owner = 'm' WHERE name = 'first'"}},
	} {
		for _, side := range []repo.Side{"", repo.Ours, repo.Theirs} {
			t.Run(name+" "+string(side), func(t *testing.T) {
				t.Parallel()
				r, _ := newFleet(t, two)
				fork(t, r, c.branch, c.main)
				before := heads(t, r)
				_, err := r.MergeChecked(ctx, repo.MergeOptions{Branch: "b", Into: "main", Resolve: side})
				var conflict *repo.ConflictError
				if !errors.As(err, &conflict) || heads(t, r) != before {
					t.Fatalf("got %v", err)
				}
				if side == "" && name == "beside conflict" {
					return // the conflict comes first
				}
				if side == "" && name == "apart of conflict" && len(conflict.Conflicts) != 1 {
					t.Errorf("conflicts %+v", conflict.Conflicts)
				}
				if len(conflict.Violations) != 1 {
					t.Fatalf("violations %+v", conflict.Violations)
				}
				v := conflict.Violations[0]
				if v.Table != "deployments" || len(v.Rows) != 2 || v.Rows[0] == v.Rows[1] || !strings.Contains(v.Message, "same") {
					t.Errorf("violation %+v", v)
				}
				for _, row := range v.Rows {
					if !strings.HasPrefix(row, "same (id ") || !strings.Contains(err.Error(), row) {
						t.Errorf("row %q in %v", row, err)
					}
				}
			})
		}
	}
}

func TestSettleRefuses(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for name, c := range map[string]struct{ seed, branch, main, want string }{
		"check": {
			"CREATE TABLE pairs (id INT PRIMARY KEY, a INT, b INT, c INT, CONSTRAINT a_under_b CHECK (a < b)); INSERT INTO pairs VALUES (1, 1, 9, 0)",
			"UPDATE pairs SET a = 8, c = 1", "UPDATE pairs SET b = 2, c = 2", "a_under_b",
		},
		"reference": {
			"", "UPDATE deployments SET dolt_version = '1.86.4', owner = 'b'", "UPDATE deployments SET owner = 'm'; DELETE FROM versions WHERE version = '1.86.4'", "deployments orders (id",
		},
		"no key": {"CREATE TABLE jots (a INT, b INT); INSERT INTO jots VALUES (1, 1)", "DELETE FROM jots", "INSERT INTO jots VALUES (1, 1)", "no primary key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := newFleet(t, orders+";"+c.seed)
			fork(t, r, []string{c.branch}, []string{c.main})
			before := heads(t, r)
			_, err := r.MergeChecked(ctx, repo.MergeOptions{Branch: "b", Into: "main", Resolve: repo.Theirs})
			if err == nil || !strings.Contains(err.Error(), c.want) || heads(t, r) != before {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestMergeRace has two clones merge twenty proposals each at once.
func TestMergeRace(t *testing.T) {
	t.Parallel()
	const proposals = 20
	ctx := context.Background()
	first, hub := newFleet(t, orders)
	racers := []*repo.Repo{first, open(t, hub)}
	for i := range racers {
		for n := range proposals {
			branch := fmt.Sprintf("p%d-%d", i, n)
			ok(t, first.CreateBranch(ctx, branch, "main"))
			change(t, first, branch, fmt.Sprintf("INSERT INTO deployments (name) VALUES ('d%d-%d')", i, n))
		}
	}
	var wg sync.WaitGroup
	asked := make([]int, len(racers))
	merged := make([][]string, len(racers))
	for i, r := range racers {
		wg.Go(func() {
			for n := range proposals {
				branch := fmt.Sprintf("p%d-%d", i, n)
				m, err := r.MergeChecked(ctx, repo.MergeOptions{Branch: branch, Into: "main", Approve: func(*repo.Merged) (string, error) {
					asked[i]++
					return "merge " + branch, nil
				}})
				if err != nil { // ErrLost would do, but fifty tries are more than the other side takes
					t.Errorf("%s: %v", branch, err)
					return
				}
				merged[i] = append(merged[i], m.Commit)
			}
		})
	}
	wg.Wait()
	t.Logf("asked %v times", asked)
	head := heads(t, first).Main
	if got := len(snapshot(t, first, head).Deployments); got != 1+proposals*len(racers) {
		t.Errorf("%d deployments", got)
	}
	for i := range racers {
		for _, commit := range merged[i] {
			if _, in, err := first.Steps(ctx, commit, head); err != nil || !in {
				t.Errorf("the merge %s is not on main: %v", commit, err)
			}
		}
	}
}
