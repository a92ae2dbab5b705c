package ci_test

import (
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/specs"
)

// reviewed is a fleet whose owners have reviewers: payments two, search one, and
// everybody nobody unless rows say so.
func reviewed(rows ...specs.Reviewer) *specs.Snapshot {
	s := fleet(2) // d10 and d11 of payments
	d := deployment(30, "index")
	d.Owner, d.Settings = "search", map[string]string{"log_level": "info"}
	s.PutDeployment(d)
	s.PutDeployment(deployment(40, "free"))
	for _, r := range append([]specs.Reviewer{
		{Branch: "main", Owner: "payments", Person: "ann@x", Required: 1},
		{Branch: "main", Owner: "payments", Person: "Bob@X", Required: 2},
		{Branch: "main", Owner: "payments", Person: "cid@x", Required: 1},
		{Branch: "main", Owner: "search", Person: "sue@x", Required: 1},
		{Branch: "release", Owner: "", Person: "rex@x", Required: 1},
	}, rows...) {
		s.Reviewers[r.Key()] = r
	}
	return s
}

func TestMissing(t *testing.T) {
	t.Parallel()
	edit := func(n int, f func(*specs.Deployment)) func(*specs.Snapshot) {
		return func(s *specs.Snapshot) {
			d := s.Deployments[id(n)].Clone()
			f(d)
			s.PutDeployment(d)
		}
	}
	grow := func(d *specs.Deployment) { d.VolumeGB++ }
	give := func(owner string) func(*specs.Deployment) { return func(d *specs.Deployment) { d.Owner = owner } }
	loud := func(d *specs.Deployment) { d.Settings = map[string]string{"log_level": "debug"} }
	limits := func(s *specs.Snapshot) { s.Limits.MaxDestroyed = 9 }
	all := specs.Reviewer{Branch: "main", Person: "root@x", Required: 1}
	tests := map[string]struct {
		also      []specs.Reviewer
		change    func(*specs.Snapshot)
		author    string
		approvals string
		want      string // keys, in order
		text      string
	}{
		"nothing":             {change: func(*specs.Snapshot) {}},
		"no reviewers of his": {change: edit(40, grow)},
		"of another branch":   {change: limits},
		"none of two":         {change: edit(10, grow), want: "main/payments", text: "what payments owns needs 2 approvals, and 2 are missing; ask for approval by Bob@X, ann@x, cid@x"},
		"one of two":          {change: edit(10, grow), approvals: "cid@x", want: "main/payments", text: "and 1 is missing; ask for approval by Bob@X, ann@x"},
		"two of two":          {change: edit(10, grow), approvals: "cid@x ann@x"},
		"in another case":     {change: edit(10, grow), approvals: "CID@x BOB@x"},
		"the same twice":      {change: edit(10, grow), approvals: "cid@x Cid@X", want: "main/payments"},
		"strangers":           {change: edit(10, grow), approvals: "sue@x eve@x cid@x", want: "main/payments"},
		"author":              {change: edit(10, grow), author: "ANN@x", approvals: "ann@x cid@x", want: "main/payments", text: "ask for approval by Bob@X"},
		"author is alone":     {change: edit(30, grow), author: "sue@x", approvals: "sue@x", want: "main/search", text: "nobody else may"},
		"setting":             {change: edit(30, loud), want: "main/search"},
		"deleted":             {change: func(s *specs.Snapshot) { *s = *without(s, 30) }, want: "main/search"},
		"given away":          {change: edit(30, give("free")), want: "main/search"},
		"taken":               {change: edit(40, give("search")), want: "main/search"},
		"from hand to hand":   {change: edit(30, give("payments")), want: "main/payments main/search"},
		"half agreed":         {change: edit(30, give("payments")), approvals: "ann@x cid@x", want: "main/search"},
		"everybody's":         {also: []specs.Reviewer{all}, change: limits, want: "main/", text: "a change of main needs 1 approval, and 1 is missing"},
		"everybody's and own": {also: []specs.Reviewer{all}, change: edit(30, grow), approvals: "sue@x", want: "main/"},
		"both":                {also: []specs.Reviewer{all}, change: edit(30, grow), approvals: "sue@x root@x"},
		"not in place of":     {also: []specs.Reviewer{all}, change: edit(30, grow), approvals: "root@x", want: "main/search"},
		"none required":       {also: []specs.Reviewer{{Branch: "main", Person: "root@x"}}, change: limits},
		"makes himself one": {change: func(s *specs.Snapshot) {
			r := specs.Reviewer{Branch: "main", Owner: "search", Person: "eve@x"}
			s.Reviewers[r.Key()] = r
		}, author: "eve@x", want: "main/search"},
		"removes the reviewer": {change: func(s *specs.Snapshot) { delete(s.Reviewers, "main/search/sue@x"); edit(30, grow)(s) }, want: "main/search", text: "sue@x"},
		"first reviewer": {change: func(s *specs.Snapshot) {
			r := specs.Reviewer{Branch: "main", Owner: "new", Person: "eve@x", Required: 1}
			s.Reviewers[r.Key()] = r
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after := reviewed(test.also...), reviewed(test.also...)
			test.change(after)
			if len(after.Reviewers) == 0 {
				after.Reviewers = before.Reviewers
			}
			changes := specs.Diff(before, after)
			for _, branch := range []string{"main", ""} {
				findings := ci.Missing(before, changes, branch, []string{test.author}, strings.Fields(test.approvals))
				var keys, texts []string
				for _, f := range findings {
					keys, texts = append(keys, f.Key), append(texts, f.String())
					if f.Check != "reviewers" || f.Severity != specs.Error {
						t.Errorf("finding %+v", f)
					}
				}
				if got := strings.Join(keys, " "); got != test.want || !strings.Contains(strings.Join(texts, "\n"), test.text) {
					t.Errorf("branch %q: got %v, want %q with %q", branch, texts, test.want, test.text)
				}
			}
			overlay := before.Overlay(changes)
			if a, b := ci.Missing(before, changes, "main", []string{test.author}, nil), ci.Missing(overlay, changes, "main", []string{test.author}, nil); brief(a) != brief(b) {
				t.Errorf("the overlay sees otherwise: %v and %v", a, b)
			}
		})
	}
}

// TestMissingAsksTeamTables: rows of tables that are not ours need the reviewers of
// everything.
func TestMissingAsksTeamTables(t *testing.T) {
	t.Parallel()
	s := reviewed(specs.Reviewer{Branch: "main", Person: "root@x", Required: 1})
	changes := []specs.RowChange{{Table: "teams", Key: "1", To: specs.Row{"id": "1"}}}
	if got := brief(ci.Missing(s, changes, "main", []string{"eve@x"}, nil)); got != "error reviewers main/" {
		t.Errorf("got %q", got)
	}
}
