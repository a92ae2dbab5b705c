package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A TestResult is what one of the team's own checks said of the merged rows.
type TestResult struct {
	Kind        string // KindTests or KindWorkflow
	Group, Name string // of a workflow: the workflow and its job, and the step
	Query       string
	Message     string // why it failed, or was not run
	// Passed is never set without Ran. A check that could not be run says nothing
	// of the rows.
	Passed, Ran bool
	// Standing: it does not pass on the base's own rows either.
	Standing bool
}

// The kinds of a team's own checks.
const (
	KindTests    = "dolt_tests"
	KindWorkflow = "dolt ci"
)

// runTests runs the checks that stand in base on the rows of merged: the table
// dolt_tests, and the workflows of dolt ci. What merged says of them counts for
// nothing, so that no branch passes by changing them.
// A check that fails is run on the base's own rows too, to tell whom to blame.
func (r *Repo) runTests(ctx context.Context, base, merged string) ([]TestResult, error) {
	ctx, cancel := context.WithTimeout(ctx, testsTimeout)
	defer cancel()
	results, err := r.testsOn(ctx, base, merged)
	if err == nil && slices.ContainsFunc(results, func(t TestResult) bool { return !t.Passed }) {
		var before []TestResult
		before, err = r.testsOn(ctx, base, base)
		for i := range results {
			results[i].Standing = !results[i].Passed && slices.ContainsFunc(before, func(t TestResult) bool {
				return t.Kind == results[i].Kind && t.Group == results[i].Group && t.Name == results[i].Name && !t.Passed
			})
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("the team's own checks did not end within %s; make them quicker in dolt_tests: %w", testsTimeout, err)
	}
	return results, err
}

// testsTimeout bounds the team's own checks together: a person waits for them, and
// others' merges may.
const testsTimeout = 30 * time.Second

func (r *Repo) testsOn(ctx context.Context, base, merged string) ([]TestResult, error) {
	var results []TestResult
	// A branch of its own: base's tests are put into it, and are gone with it.
	err := r.scratch(ctx, merged, func(s *session, _ string) error {
		tests, err := s.testsAt(base)
		if err != nil {
			return err
		}
		results = s.runAll(tests, base)
		at, err := r.at(ctx, base)
		if err != nil {
			return err
		}
		defer at.close()
		steps, err := at.workflowSteps()
		for _, step := range steps {
			results = append(results, s.runStep(step, results))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the team's own checks cannot be run: %w", err)
	}
	return results, nil
}

// testsAt lists the tests of a commit, as results that did not run yet.
func (s *session) testsAt(commit string) ([]TestResult, error) {
	var tests []TestResult
	err := s.each(func(_ []string, values []any) error {
		tests = append(tests, TestResult{Kind: KindTests, Name: text(values[0]), Group: text(values[1]), Query: text(values[2])})
		return nil
	}, "SELECT test_name, test_group, test_query FROM dolt_tests AS OF ? ORDER BY test_name", commit)
	if err != nil && !isNoTable(err) {
		return nil, fmt.Errorf("the table dolt_tests at %s cannot be read: %w", commit, err)
	}
	return tests, nil
}

// runAll runs all tests at once, and one by one where that fails: one test that
// the engine cannot run must not hide the others.
func (s *session) runAll(tests []TestResult, base string) []TestResult {
	if len(tests) == 0 || s.runSome(tests, base, "") == nil {
		return tests
	}
	for i := range tests {
		if err := s.runSome(tests[i:i+1], base, tests[i].Name); err != nil {
			tests[i].Message = fmt.Sprintf("the test could not be run; correct it in dolt_tests: %v", err)
		}
	}
	return tests
}

// runSome puts base's tests in place, all or the named one, runs them, and notes
// the results of those in tests.
func (s *session) runSome(tests []TestResult, base, name string) error {
	if err := s.exec("DELETE FROM dolt_tests"); err != nil && !isNoTable(err) {
		return err
	}
	place, args := "INSERT INTO dolt_tests SELECT * FROM dolt_tests AS OF ?", []any{base}
	if name != "" {
		place, args = place+" WHERE test_name = ?", append(args, name)
	}
	if err := s.exec(place, args...); err != nil {
		return err
	}
	found := map[string][2]string{}
	err := s.each(func(_ []string, values []any) error {
		found[text(values[0])] = [2]string{text(values[1]), text(values[2])}
		return nil
	}, "SELECT test_name, status, message FROM dolt_test_run('*')")
	if err != nil {
		return err
	}
	for i := range tests {
		if result, ok := found[tests[i].Name]; ok {
			tests[i].Ran, tests[i].Passed, tests[i].Message = true, result[0] == "PASS", result[1]
		} else {
			tests[i].Message = "the test was not run, and the engine does not say why"
		}
	}
	return nil
}

// testsChanged says whether a merge changes what the team's checks are, or the
// views and triggers that stand between them and the rows.
func (s *session) testsChanged(base, merged string) (bool, error) {
	changed := false
	err := s.each(func(_ []string, values []any) error {
		for _, v := range values {
			name := strings.ToLower(text(v))
			changed = changed || name == "dolt_tests" || name == "dolt_query_catalog" || name == "dolt_schemas" || strings.HasPrefix(name, "dolt_ci_")
		}
		return nil
	}, "SELECT to_table_name, from_table_name FROM dolt_diff_summary(?, ?)", base, merged)
	if err != nil {
		return false, fmt.Errorf("the commits %s and %s cannot be compared: %w", base, merged, err)
	}
	return changed, nil
}

// text is a value as text; "" for NULL.
func text(v any) string {
	if v = textOf(v); v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func isNoTable(err error) bool { return containsAny(err, "table not found", "table doesn't exist") }
