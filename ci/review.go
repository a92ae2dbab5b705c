package ci

import (
	"cmp"
	"slices"

	"github.com/mainstaydb/mainstay/specs"
)

// A Review is what is known of a proposal when it is judged.
type Review struct {
	Base         *specs.Snapshot   // main now; Overlay of the changes is enough when Fleet is set
	Changes      []specs.RowChange // what the merge would change on main
	Fleet        int               // deployments on main; 0: as many as Base has
	Statistics   *specs.Statistics // of main up to Base; nil: unknown, and no value is compared
	Tests        []Test            // results of the team's own checks
	TestsChanged bool              // the proposal edits those checks
	Branch       string            // that is merged into; empty: main
	Authors      []string          // mail addresses of all who wrote a part of it, and who proposed it
	Approvals    []string          // mail addresses of those who approved exactly this head
	Acknowledged []string          // checks whose warnings were accepted for exactly this head
}

// A Test is the result of one of the team's own checks.
type Test struct {
	Kind    string // where it stands: "dolt_tests" or "dolt ci"
	Group   string
	Name    string
	Message string // why it failed or did not run
	Passed  bool
	Ran     bool
	// Standing: it does not pass on main either, so the change is not to blame.
	Standing bool
}

// A Report is what the checks say of a proposal.
type Report struct {
	// Findings, the worst first, then by check, table, key and column.
	Findings []specs.Finding
}

// Judge runs every check on a proposal. Its cost follows the change and not the
// fleet, unless the change takes a version away.
func Judge(r Review) Report {
	changes := slices.Clone(r.Changes)
	specs.SortChanges(changes) // what is found must not depend on the order of rows
	findings := Check(r.Base, changes)
	findings = append(findings, Missing(r.Base, changes, r.Branch, r.Authors, r.Approvals)...)
	findings = append(findings, r.teamChecks()...)
	if m, ok := moveOf(r.Base, changes); ok {
		findings = append(findings, m.blastRadius()...)
		findings = append(findings, m.share(r.fleet())...)
		findings = append(findings, m.outliers(r.Statistics)...)
	}
	accept(findings, r.Acknowledged)
	slices.SortFunc(findings, compare)
	return Report{Findings: slices.Compact(findings)}
}

func (r Review) fleet() int { return cmp.Or(r.Fleet, len(r.Base.Deployments)) }

// Passed tells that no error stands against the merge. Warnings that were not
// acknowledged are the other thing to ask for.
func (r Report) Passed() bool { return len(specs.Errors(r.Findings)) == 0 }

// Unacknowledged are the warnings that stop a merge until somebody accepts them.
func (r Report) Unacknowledged() []specs.Finding {
	var open []specs.Finding
	for _, f := range r.Findings {
		if f.Severity == specs.Warning && NeedsAcknowledgement(f.Check) {
			open = append(open, f)
		}
	}
	return open
}

// NeedsAcknowledgement tells that a warning of this check stops a merge until
// somebody accepts it.
func NeedsAcknowledgement(check string) bool {
	switch check {
	case checkBlastRadius, checkOutlier, checkShare, checkTestsChanged, checkTestsBroken:
		return true
	}
	return false
}

// accept makes notes of the warnings that somebody has accepted.
func accept(findings []specs.Finding, checks []string) {
	for i, f := range findings {
		if f.Severity == specs.Warning && slices.Contains(checks, f.Check) {
			findings[i].Severity = specs.Note
			findings[i].Message = "accepted: " + f.Message
		}
	}
}

// compare orders findings. The texts come last: two findings of one check about
// one cell are rare, and must not change places either.
func compare(a, b specs.Finding) int {
	return cmp.Or(
		cmp.Compare(rank(a.Severity), rank(b.Severity)),
		cmp.Compare(a.Check, b.Check),
		cmp.Compare(a.Table, b.Table),
		cmp.Compare(a.Key, b.Key),
		cmp.Compare(a.Column, b.Column),
		cmp.Compare(a.Message, b.Message),
		cmp.Compare(a.Advice, b.Advice),
	)
}

func rank(s specs.Severity) int {
	return slices.Index([]specs.Severity{specs.Error, specs.Warning, specs.Note}, s)
}
