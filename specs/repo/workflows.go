package repo

import (
	"fmt"
	"slices"
)

// A workflowStep is one step of a workflow of dolt ci. All workflows are run,
// whichever event they wait for on a server.
type workflowStep struct {
	group, name, id string
	kind            string // as the engine numbers them
	query           string // saved query
	noRun           string // why it cannot be run
	rows, columns   expectation
	tests, groups   []string // of dolt_tests; none: all
}

// The kinds of steps, and of what a saved query's step expects.
const (
	stepSavedQuery = "1"
	stepDoltTest   = "2"

	expectNothing = "0"
	expectCounts  = "1"
)

// An expectation compares a count. kind is as the engine numbers them; "" and "0"
// expect nothing.
type expectation struct{ kind, count string }

var comparisons = map[string]struct {
	word  string
	holds func(got, want int) bool
}{
	"1": {"", func(got, want int) bool { return got == want }},
	"2": {"other than ", func(got, want int) bool { return got != want }},
	"3": {"less than ", func(got, want int) bool { return got < want }},
	"4": {"more than ", func(got, want int) bool { return got > want }},
	"5": {"at most ", func(got, want int) bool { return got <= want }},
	"6": {"at least ", func(got, want int) bool { return got >= want }},
}

// workflowSteps reads all steps of all workflows at the session's commit.
func (s *session) workflowSteps() ([]workflowStep, error) {
	var steps []workflowStep
	err := s.each(func(_ []string, v []any) error {
		steps = append(steps, workflowStep{group: text(v[0]) + "/" + text(v[1]), name: text(v[2]), kind: text(v[3]), id: text(v[4])})
		return nil
	}, `SELECT j.workflow_name_fk, j.name, s.name, s.step_type, s.id FROM dolt_ci_workflow_jobs j
		JOIN dolt_ci_workflow_steps s ON s.workflow_job_id_fk = j.id ORDER BY j.workflow_name_fk, j.name, s.step_order`)
	if isNoTable(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the workflows of dolt ci cannot be read: %w", err)
	}
	for i := range steps {
		if err := s.fill(&steps[i]); err != nil {
			steps[i].noRun = fmt.Sprintf("the step cannot be read: %v", err)
		}
	}
	return steps, nil
}

func (s *session) fill(step *workflowStep) (err error) {
	switch step.kind {
	case stepSavedQuery:
		return s.fillQuery(step)
	case stepDoltTest:
		const of = "JOIN dolt_ci_workflow_dolt_test_steps d ON d.id = x.workflow_dolt_test_step_id_fk WHERE d.workflow_step_id_fk = ?"
		if step.tests, err = s.column("SELECT x.test_name FROM dolt_ci_workflow_dolt_test_step_tests x "+of, step.id); err != nil {
			return err
		}
		step.groups, err = s.column("SELECT x.group_name FROM dolt_ci_workflow_dolt_test_step_groups x "+of, step.id)
		return err
	}
	step.noRun = fmt.Sprintf("this program does not know steps of type %s; run a newer mainstay", step.kind)
	return nil
}

func (s *session) fillQuery(step *workflowStep) error {
	saved, expects := "", ""
	err := s.each(func(_ []string, v []any) error {
		saved, expects = text(v[0]), text(v[1])
		step.rows, step.columns = expectation{text(v[2]), text(v[3])}, expectation{text(v[4]), text(v[5])}
		return nil
	}, `SELECT q.saved_query_name, q.expected_results_type, e.expected_row_count_comparison_type, e.expected_row_count,
		e.expected_column_count_comparison_type, e.expected_column_count FROM dolt_ci_workflow_saved_query_steps q
		LEFT JOIN dolt_ci_workflow_saved_query_step_expected_row_column_results e ON e.workflow_saved_query_step_id_fk = q.id
		WHERE q.workflow_step_id_fk = ?`, step.id)
	if err != nil {
		return err
	}
	if expects != expectNothing && expects != expectCounts {
		step.noRun = fmt.Sprintf("this program does not know results of type %s; run a newer mainstay", expects)
	}
	step.query, err = s.value("SELECT query FROM dolt_query_catalog WHERE name = ?", saved)
	if err != nil || step.query == "" {
		step.noRun = fmt.Sprintf("the query %q is not in dolt_query_catalog; save it there, or correct the workflow", saved)
	}
	return nil
}

// runStep runs a step on the session's rows. tests are the results of dolt_tests,
// which steps may name.
func (s *session) runStep(step workflowStep, tests []TestResult) TestResult {
	result := TestResult{Kind: KindWorkflow, Group: step.group, Name: step.name, Query: step.query, Message: step.noRun}
	switch {
	case step.noRun != "":
	case step.kind == stepSavedQuery:
		result.Ran, result.Message = s.runQuery(step)
		result.Passed = result.Ran && result.Message == ""
	case step.kind == stepDoltTest:
		result.Ran, result.Message = step.judge(tests)
		result.Passed = result.Ran && result.Message == ""
	}
	return result
}

func (s *session) runQuery(step workflowStep) (ran bool, message string) {
	statements, err := split(s.ctx, step.query)
	switch {
	case err != nil:
		return true, err.Error()
	case len(statements) != 1 || refuseWrites(statements[0].parsed) != nil:
		return false, "the saved query is not one statement that reads"
	}
	answer, err := s.result(statements[0].text)
	if err != nil {
		return true, err.Error()
	}
	columns := 0
	if len(answer.Rows) > 0 { // as dolt ci counts
		columns = len(answer.Rows[0])
	}
	for _, e := range []struct {
		expectation
		what string
		got  int
	}{{step.rows, "row", len(answer.Rows)}, {step.columns, "column", columns}} {
		if ran, message := e.judge(e.what, e.got); !ran || message != "" {
			return ran, message
		}
	}
	return true, ""
}

func (e expectation) judge(what string, got int) (ran bool, message string) {
	if e.kind == "" || e.kind == expectNothing {
		return true, ""
	}
	want := 0
	comparison, known := comparisons[e.kind]
	if _, err := fmt.Sscan(e.count, &want); err != nil || !known {
		return false, fmt.Sprintf("this program does not know the %s count's comparison %s %s; run a newer mainstay", what, e.kind, e.count)
	}
	if !comparison.holds(got, want) {
		return true, fmt.Sprintf("expected a %s count of %s%d, and it is %d", what, comparison.word, want, got)
	}
	return true, ""
}

// judge takes the results of the tests that a step names.
func (w workflowStep) judge(tests []TestResult) (ran bool, message string) {
	chosen := 0
	named, grouped := w.named(w.tests), w.named(w.groups)
	for _, name := range append(missing(named, tests, func(t TestResult) string { return t.Name }),
		missing(grouped, tests, func(t TestResult) string { return t.Group })...) {
		return true, fmt.Sprintf("dolt_tests has no test or group %s; correct the workflow", name)
	}
	for _, t := range tests {
		switch {
		case t.Kind != KindTests, named != nil && !slices.Contains(named, t.Name), grouped != nil && !slices.Contains(grouped, t.Group):
			continue
		case !t.Ran:
			return false, t.Name + ": " + t.Message
		case !t.Passed:
			return true, t.Name + ": " + t.Message
		}
		chosen++
	}
	if chosen == 0 {
		return false, "dolt_tests has no test for this step; add one, or take the step away"
	}
	return true, ""
}

// named is what a step chooses from; nil for everything.
func (w workflowStep) named(names []string) []string {
	if len(names) == 1 && names[0] == "*" {
		return nil
	}
	return names
}

func missing(names []string, tests []TestResult, of func(TestResult) string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(tests, func(t TestResult) bool { return t.Kind == KindTests && of(t) == name })
	})
}
