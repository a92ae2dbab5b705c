package ci

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
)

const checkReviewers = "reviewers"

// Missing says which approvals the changes lack: one finding for each owner whose
// reviewers have not agreed in the number that they ask for. The reviewers asked are
// the base's, whatever the changes do to them, and none of the authors approves what
// they wrote. An empty branch stands for main.
func Missing(base *specs.Snapshot, changes []specs.RowChange, branch string, authors, approvals []string) []specs.Finding {
	if len(changes) == 0 || len(base.Reviewers) == 0 {
		return nil
	}
	branch = cmp.Or(branch, specs.MainBranch)
	var findings []specs.Finding
	for _, owner := range append([]string{""}, specs.Owners(base, changes)...) {
		if f := quorumOf(base, branch, owner).missing(authors, approvals); f != nil {
			findings = append(findings, *f)
		}
	}
	return findings
}

// A quorum is who may let an owner's changes through, and how many must.
type quorum struct {
	branch, owner string
	required      int
	people        map[string]string // address in lower case -> as it is written
}

func quorumOf(base *specs.Snapshot, branch, owner string) quorum {
	q := quorum{branch: branch, owner: owner, people: map[string]string{}}
	for _, r := range base.Reviewers {
		if r.Branch != branch || r.Owner != owner {
			continue
		}
		q.required = max(q.required, r.Required)
		key := strings.ToLower(r.Person)
		if written, ok := q.people[key]; !ok || r.Person < written { // the same of two spellings each time
			q.people[key] = r.Person
		}
	}
	return q
}

// missing says what these approvals lack; nil: nothing.
func (q quorum) missing(authors, approvals []string) *specs.Finding {
	left := maps.Clone(q.people)
	for _, author := range authors {
		delete(left, strings.ToLower(author))
	}
	given := 0
	for _, person := range approvals {
		key := strings.ToLower(person)
		if _, ok := left[key]; ok {
			delete(left, key)
			given++
		}
	}
	if given >= q.required {
		return nil
	}
	return &specs.Finding{
		Check: checkReviewers, Severity: specs.Error, Table: specs.TableReviewers, Key: specs.KeyOf(q.branch, q.owner), Column: "required",
		Message: fmt.Sprintf("%s needs %s, and %s", q.subject(),
			number(q.required, "approval", "approvals"), number(q.required-given, "is missing", "are missing")),
		Advice: q.advice(q.required-given, slices.Sorted(maps.Values(left))),
	}
}

func (q quorum) subject() string {
	if q.owner == "" {
		return "a change of " + q.branch
	}
	return fmt.Sprintf("a change of what %s owns", q.owner)
}

// advice names who may approve. Where they are too few the author must step back,
// or somebody else must propose it.
func (q quorum) advice(missing int, left []string) string {
	switch {
	case len(left) == 0:
		return "its author cannot approve it, and nobody else may: let somebody who is no reviewer make the change"
	case len(left) < missing:
		return fmt.Sprintf("its author cannot approve it, and %s alone are too few: let somebody who is no reviewer make the change", strings.Join(left, ", "))
	}
	return "ask for approval by " + strings.Join(left, ", ")
}

// WithoutApprovals leaves out the findings that ask for approvals, for who judges a
// change before anybody could have seen it.
func WithoutApprovals(findings []specs.Finding) []specs.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f specs.Finding) bool { return f.Check == checkReviewers })
}
