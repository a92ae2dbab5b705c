package ci

import (
	"fmt"

	"github.com/mainstaydb/mainstay/specs"
)

const (
	checkTests        = "dolt-tests"
	checkTestsChanged = "tests-changed"
	checkTestsBroken  = "tests-broken"
)

// teamChecks tells of the team's own checks that failed or could not run, and of a
// proposal that edits them.
func (r Review) teamChecks() []specs.Finding {
	var findings []specs.Finding
	for _, t := range r.Tests {
		if f := t.finding(); f != nil {
			findings = append(findings, *f)
		}
	}
	if r.TestsChanged {
		findings = append(findings, specs.Finding{
			Check: checkTestsChanged, Severity: specs.Warning, Table: testTable(""),
			Message: "the proposal edits the checks that it is judged by; the checks of main were run",
			Advice:  "read that part of the change, and acknowledge " + checkTestsChanged + " if it is meant",
		})
	}
	return findings
}

func (t Test) finding() *specs.Finding {
	f := specs.Finding{Check: checkTests, Table: testTable(t.Kind), Key: t.Name}
	if t.Group != "" {
		f.Key = specs.KeyOf(t.Group, t.Name)
	}
	switch {
	case !t.Ran:
		f.Severity, f.Message = specs.Warning, because("the check did not run", t.Message)
		f.Advice = "correct the check, or make sure by hand of what it asks"
	case !t.Passed && t.Standing:
		f.Check, f.Severity = checkTestsBroken, specs.Warning
		f.Message = because("the check fails on main already, whatever the proposal does", t.Message)
		f.Advice = "correct the check or the rows, and acknowledge " + checkTestsBroken + " to merge before that is done"
	case !t.Passed:
		f.Severity, f.Message = specs.Error, because("the check failed", t.Message)
		f.Advice = "change the rows until it passes, or correct the check in a proposal of its own"
	default:
		return nil
	}
	return &f
}

func because(what, why string) string {
	if why == "" {
		return what
	}
	return fmt.Sprintf("%s: %s", what, why)
}

// testTable is the table in which checks of a kind stand.
func testTable(kind string) string {
	if kind == "dolt ci" {
		return "dolt_ci_workflows"
	}
	return "dolt_tests"
}
