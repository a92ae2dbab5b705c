package repo

import (
	"context"
)

// A TestResult is what one of the team's own checks said of the merged rows.
type TestResult struct {
	Kind        string // "dolt_tests" or "dolt ci"
	Group, Name string // of a workflow: the workflow and its job, and the step
	Query       string
	Message     string // why it failed, or was not run
	Passed, Ran bool
}

func (r *Repo) runTests(ctx context.Context, base, merged string) ([]TestResult, error) {
	return nil, nil
}

func (s *session) testsChanged(base, merged string) (bool, error) { return false, nil }
