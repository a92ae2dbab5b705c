package specs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var mailAddress = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)

// validateReviewer checks one row of the table reviewers.
func validateReviewer(v Reviewer) []Finding {
	r := rules{table: TableReviewers, key: v.Key()}
	r.matches("reviewer-person", "person", v.Person, mailAddress, "write the mail address that the person commits with")
	if v.Branch != MainBranch {
		r.fail("reviewer-branch", "branch", fmt.Sprintf("nothing is reviewed for the branch %q", v.Branch), "set branch to "+MainBranch)
	}
	r.between("reviewer-required", "required", v.Required, 0, 20)
	return r.findings
}

// A panel is all reviewers of one owner for one branch.
type panel struct{ branch, owner string }

// validateReviewers checks rows of the table reviewers, and the panels that they
// make. With owners, in order, only their panels are looked at, and their rows are
// left to the caller; nil stands for everything. The cost follows the reviewers, who are people.
func validateReviewers(s *Snapshot, owners []string) []Finding {
	var findings []Finding
	people, required := map[panel]map[string]bool{}, map[panel]int{}
	for _, key := range sortedKeys(s.Reviewers) {
		v := s.Reviewers[key]
		if owners == nil {
			findings = append(findings, validateReviewer(v)...)
		} else if _, named := slices.BinarySearch(owners, v.Owner); !named {
			continue
		}
		p := panel{v.Branch, v.Owner}
		if people[p] == nil {
			people[p] = map[string]bool{}
		}
		people[p][strings.ToLower(v.Person)] = true
		required[p] = max(required[p], v.Required)
	}
	panels := make([]panel, 0, len(people))
	for p := range people {
		panels = append(panels, p)
	}
	slices.SortFunc(panels, func(a, b panel) int { return strings.Compare(a.key(), b.key()) })
	for _, p := range panels {
		findings = append(findings, validatePanel(s, p, len(people[p]), required[p])...)
	}
	return findings
}

func (p panel) key() string { return KeyOf(p.branch, p.owner) }

func validatePanel(s *Snapshot, p panel, people, required int) []Finding {
	r := rules{table: TableReviewers, key: p.key()}
	if required > people {
		r.fail("reviewers-too-few", "required",
			fmt.Sprintf("%d approvals are required and %d can be given: once this is merged, nobody can merge", required, people),
			fmt.Sprintf("set required to %d or less, or insert more reviewers", people))
	}
	if p.owner != "" && s.owners[p.owner] == 0 {
		r.remark(Note, "reviewers-owner", "owner",
			fmt.Sprintf("no deployment has the owner %q", p.owner), "correct the owner if it is a slip; else it holds when the first deployment comes")
	}
	return r.findings
}

// namedOwners lists the owners that the changes name, before or after.
func namedOwners(changes []RowChange) []string {
	var owners []string
	for _, c := range changes {
		owners = append(owners, ownersOf(c)...)
	}
	slices.Sort(owners)
	return slices.Compact(owners)
}
