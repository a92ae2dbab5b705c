package repo_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/specs/repo"
)

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
