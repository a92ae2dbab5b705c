package repo_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/specs/repo"
)

// try merges b into main in the clone alone, and gives the checks by name.
func try(t *testing.T, r *repo.Repo) (*repo.Merged, map[string]repo.TestResult) {
	t.Helper()
	m := must[*repo.Merged](t)(r.TryMerge(context.Background(), repo.MergeOptions{Branch: "b", Into: "main", Tests: true}))
	results := map[string]repo.TestResult{}
	for _, result := range m.Tests {
		results[result.Name] = result
		if result.Passed && (!result.Ran || result.Message != "") {
			t.Errorf("passed, and not: %+v", result)
		}
	}
	return m, results
}

// TestOwnTests: the base's tests are run on the rows that the merge would make,
// whatever the branch did to its own.
func TestOwnTests(t *testing.T) {
	t.Parallel()
	const tests = `
		INSERT INTO dolt_tests VALUES ('few', 'size', 'SELECT count(*) FROM deployments', 'expected_single_value', '<=', '2');
		INSERT INTO dolt_tests VALUES ('it''s owned', 'people', 'SELECT name FROM deployments WHERE owner = ''''', 'expected_rows', '==', '0');`
	for name, c := range map[string]struct {
		branch, main  string
		few, owned    bool
		changed       bool
		wantInMessage string
	}{
		"all hold":          {branch: "UPDATE deployments SET zone = 'here'", few: true, owned: true},
		"broken":            {branch: "UPDATE deployments SET owner = ''", few: true},
		"only merged":       {branch: "INSERT INTO deployments (name, owner) VALUES ('b', 'x')", main: "INSERT INTO deployments (name, owner) VALUES ('c', 'x')", owned: true, wantInMessage: "got 3"},
		"tests weakened":    {branch: "UPDATE deployments SET owner = ''; UPDATE dolt_tests SET assertion_comparator = '>='", few: true, changed: true},
		"tests deleted":     {branch: "UPDATE deployments SET owner = ''; DELETE FROM dolt_tests", few: true, changed: true},
		"tests dropped":     {branch: "UPDATE deployments SET owner = ''; DROP TABLE dolt_tests", few: true, changed: true},
		"a test of its own": {branch: "INSERT INTO dolt_tests VALUES ('new', 'g', 'SELECT 1', 'expected_rows', '==', '7')", few: true, owned: true, changed: true},
		"a view":            {branch: "CREATE VIEW v AS SELECT 1", few: true, owned: true, changed: true},
		"the table gone":    {branch: "DELETE FROM settings; DROP TABLE settings; DROP TABLE deployments"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := newFleet(t, "INSERT INTO deployments (name, owner) VALUES ('orders', 'x');"+tests)
			fork(t, r, []string{c.branch}, nil)
			if c.main != "" {
				change(t, r, "main", c.main)
			}
			m, results := try(t, r)
			if len(results) != 2 || results["few"].Passed != c.few || results["it's owned"].Passed != c.owned || m.TestsChanged != c.changed {
				t.Errorf("changed %v, results %+v", m.TestsChanged, results)
			}
			if few := results["few"]; few.Kind != repo.KindTests || few.Group != "size" || !few.Ran || !strings.Contains(few.Query, "count(*)") || !strings.Contains(few.Message, c.wantInMessage) {
				t.Errorf("few: %+v", few)
			}
			// What was put in place for the tests is not in the merge.
			want := strings.Contains(c.branch, "dolt_tests")
			if got := one(t, r, m.Commit, "SELECT count(*) FROM dolt_diff_summary('"+m.Base+"', '"+m.Commit+"') WHERE to_table_name = 'dolt_tests' OR from_table_name = 'dolt_tests'"); (got == "1") != want {
				t.Errorf("the merge changes dolt_tests: %s, want %v", got, want)
			}
		})
	}
}

func TestNoTests(t *testing.T) {
	t.Parallel()
	r, _ := newFleet(t, orders)
	fork(t, r, []string{"INSERT INTO dolt_tests VALUES ('new', 'g', 'SELECT 1', 'expected_rows', '==', '7')"}, nil)
	if m, results := try(t, r); len(results) != 0 || !m.TestsChanged {
		t.Errorf("changed %v, results %+v", m.TestsChanged, results)
	}
}

// TestTestThatCannotRun hides no other.
func TestTestThatCannotRun(t *testing.T) {
	t.Parallel()
	r, _ := newFleet(t, orders+`;
		INSERT INTO dolt_tests VALUES ('good', 'g', 'SELECT 1', 'expected_rows', '==', '1');
		INSERT INTO dolt_tests VALUES ('bad', 'g', 'SELECT * FROM nope', 'expected_rows', '==', '1');
		INSERT INTO dolt_tests VALUES ('writes', 'g', 'DELETE FROM deployments', 'expected_rows', '==', '0');
		INSERT INTO dolt_tests VALUES ('worse', 'g', 'SELECT (SELECT name FROM versions JOIN (SELECT 1 AS name UNION SELECT 2) x)', 'expected_rows', '==', '1')`)
	fork(t, r, []string{"UPDATE deployments SET owner = 'x'"}, nil)
	m, results := try(t, r)
	if !results["good"].Passed || len(results) != 4 {
		t.Errorf("results %+v", results)
	}
	for _, name := range []string{"bad", "writes", "worse"} {
		if result := results[name]; result.Passed || result.Message == "" {
			t.Errorf("%+v", result)
		}
	}
	if d := snapshot(t, r, m.Commit).ByName("orders"); d == nil {
		t.Error("a test changed the merge")
	}
}

const workflow = `name: fleet
on:
  push:
    branches: [main]
jobs:
  - name: sizes
    steps:
      - name: few
        saved_query_name: all
        expected_rows: "<= 2"
        expected_columns: "== 2"
      - name: any
        saved_query_name: all
      - name: unsaved
        saved_query_name: gone
      - name: tests
        dolt_test_tests: [owned]
      - name: group
        dolt_test_groups: [people]
      - name: all tests
        dolt_test_tests: ["*"]
`

// TestWorkflows has the real program make a workflow of dolt ci.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	build := os.Getenv("MAINSTAY_TEST_BUILD")
	if build == "" {
		t.Skip("MAINSTAY_TEST_BUILD is not set")
	}
	r, hub := newFleet(t, orders+`;
		INSERT INTO dolt_tests VALUES ('owned', 'people', 'SELECT name FROM deployments WHERE owner = ''forbidden''', 'expected_rows', '==', '0');
		INSERT INTO dolt_query_catalog VALUES ('1', 1, 'all', 'SELECT id, name FROM deployments', ''), ('2', 2, 'gone', 'SELECT 1', '')`)
	home, dir := t.TempDir(), filepath.Join(t.TempDir(), "clone")
	file := filepath.Join(home, "workflow.yaml")
	ok(t, os.WriteFile(file, []byte(workflow), 0o600))
	dolt := func(in string, args ...string) {
		t.Helper()
		cmd := exec.Command(filepath.Join(build, "dolt", "2.2.0", "dolt"), args...)
		cmd.Dir = in
		cmd.Env = []string{"HOME=" + home, "DOLT_ROOT_PATH=" + home, "DOLT_DISABLE_EVENT_FLUSH=1"}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("dolt %v: %v\n%s", args, err, out)
		}
	}
	dolt(home, "config", "--global", "--add", "user.name", "Ann")
	dolt(home, "config", "--global", "--add", "user.email", "ann@example.com")
	dolt(home, "clone", hub, dir)
	for _, args := range [][]string{{"ci", "init"}, {"ci", "import", file}, {"push", "origin", "main"}} {
		dolt(dir, args...)
	}
	change(t, r, "main", "DELETE FROM dolt_query_catalog WHERE name = 'gone'")

	fork(t, r, []string{"UPDATE deployments SET zone = 'here'"}, nil)
	m, results := try(t, r)
	for _, name := range []string{"few", "any", "tests", "group", "all tests"} {
		if result := results[name]; !result.Passed || result.Kind != repo.KindWorkflow || result.Group != "fleet/sizes" {
			t.Errorf("%s: %+v", name, result)
		}
	}
	if unsaved := results["unsaved"]; unsaved.Passed || unsaved.Ran || !strings.Contains(unsaved.Message, "gone") || m.TestsChanged {
		t.Errorf("unsaved: %+v, changed %v", unsaved, m.TestsChanged)
	}

	change(t, r, "b", "INSERT INTO deployments (name, owner) VALUES ('x', 'forbidden'), ('y', '')")
	m, results = try(t, r)
	for name, passed := range map[string]bool{"few": false, "any": true, "tests": false, "group": false, "all tests": false} {
		if result := results[name]; result.Passed != passed || !result.Ran || (result.Message == "") != passed {
			t.Errorf("%s: %+v", name, result)
		}
	}
	if got := results["few"].Message; got != "expected a row count of at most 2, and it is 3" || m.TestsChanged {
		t.Errorf("few: %q, changed %v", got, m.TestsChanged)
	}
	// A branch that edits the workflow is judged by the base's.
	change(t, r, "b", "DELETE FROM dolt_ci_workflow_saved_query_step_expected_row_column_results; UPDATE dolt_query_catalog SET query = 'SELECT 1, 2'")
	if m, results = try(t, r); results["few"].Passed || !m.TestsChanged {
		t.Errorf("few: %+v, changed %v", results["few"], m.TestsChanged)
	}
}
