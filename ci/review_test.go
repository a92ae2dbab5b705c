package ci_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/specs"
)

// fleet is n deployments of the owner payments, d10 and on.
func fleet(n int) *specs.Snapshot {
	s := specs.NewSnapshot()
	for _, v := range []string{"1.86.4", "2.0.5", "2.2.0"} {
		s.Versions[v] = specs.Version{Version: v}
	}
	for i := range n {
		d := deployment(i+10, fmt.Sprintf("d%d", i+10))
		d.Owner = "payments"
		s.PutDeployment(d)
	}
	return s
}

// with changes the deployments d10 to d(10+n-1) of a fleet.
func with(s *specs.Snapshot, n int, f func(*specs.Deployment)) *specs.Snapshot {
	to := s.Clone()
	for i := range n {
		d := to.Deployments[id(i+10)].Clone()
		f(d)
		to.PutDeployment(d)
	}
	return to
}

// less is a fleet without its first n.
func less(s *specs.Snapshot, n int) *specs.Snapshot {
	for i := range n {
		s = withoutID(s, i+10)
	}
	return s
}

func withoutID(s *specs.Snapshot, n int) *specs.Snapshot {
	to := without(s, n)
	to.Limits = s.Limits
	return to
}

// brief gives findings as "severity check key" and the rest in short.
func brief(findings []specs.Finding) string {
	var lines []string
	for _, f := range findings {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Severity, f.Check, f.Key)))
	}
	return strings.Join(lines, ", ")
}

func TestBlastRadius(t *testing.T) {
	t.Parallel()
	restart := func(d *specs.Deployment) { d.DoltVersion = "2.0.5" }
	replace := func(d *specs.Deployment) { d.InstanceType = "t3.large" }
	stop := func(d *specs.Deployment) { d.Running = false }
	grow := func(d *specs.Deployment) { d.VolumeGB = 20 }
	set := func(d *specs.Deployment) { d.Settings = map[string]string{"log_level": "debug"} }
	stopped := with(fleet(20), 20, stop)
	limited := func(s *specs.Snapshot, disrupted, destroyed int) *specs.Snapshot {
		s = s.Clone()
		s.Limits = specs.Limits{MaxDisrupted: disrupted, MaxDestroyed: destroyed}
		return s
	}
	const note, warning = "note blast-radius max_disrupted", "warning blast-radius max_destroyed"
	tests := map[string]struct {
		from, to *specs.Snapshot
		want     string
		text     string // part of message or advice of the first
	}{
		"one":                {fleet(20), with(fleet(20), 1, restart), "", ""},
		"two restart":        {fleet(20), with(fleet(20), 2, restart), note, "2 databases restart, at most 1 at a time"},
		"settings":           {fleet(20), with(fleet(20), 3, set), note, "3 databases restart"},
		"worst of a row":     {fleet(20), with(with(fleet(20), 3, set), 3, replace), note, "3 machines are replaced or stopped, at most 1"},
		"mixed":              {fleet(20), with(with(fleet(20), 3, restart), 1, stop), note, "2 databases restart and 1 machine is replaced or stopped"},
		"within the limit":   {limited(fleet(20), 5, 3), limited(with(fleet(20), 5, restart), 5, 3), "", ""},
		"growth":             {fleet(20), with(fleet(20), 9, grow), "", ""},
		"stopped already":    {stopped, with(stopped, 9, replace), "", ""},
		"started":            {stopped, with(stopped, 9, func(d *specs.Deployment) { d.Running = true }), "", ""},
		"new ones":           {fleet(5), fleet(20), "", ""},
		"three destroyed":    {fleet(20), less(fleet(20), 3), "", ""},
		"four destroyed":     {fleet(20), less(fleet(20), 4), warning, "4 deployments would be destroyed (d10, d11, d12, d13), and the limit of one commit is 3"},
		"approval":           {fleet(20), less(fleet(20), 4), warning, "until a row in approvals names the merge commit"},
		"many destroyed":     {fleet(20), less(fleet(20), 9), warning, "d14 and 4 more"},
		"stopped destroyed":  {stopped, less(stopped, 4), warning, "4 deployments"},
		"raises the limit":   {fleet(20), limited(less(fleet(20), 4), 1, 9), warning, "raises the limit itself"},
		"lowers the limit":   {fleet(20), limited(less(fleet(20), 1), 1, 0), warning, "1 deployment would be destroyed (d10)"},
		"no disruption":      {limited(fleet(20), 0, 3), limited(with(fleet(20), 1, restart), 0, 3), note, "at most 0"},
		"destroyed and more": {fleet(20), less(with(fleet(20), 6, restart), 4), warning + ", " + note, "4 deployments"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			findings := ci.Judge(ci.Review{Base: test.from, Changes: specs.Diff(test.from, test.to)}).Findings
			if got := brief(findings); got != test.want {
				t.Fatalf("got %q, want %q", got, test.want)
			}
			if len(findings) > 0 && !strings.Contains(findings[0].String(), test.text) {
				t.Errorf("got %s, want %q", findings[0], test.text)
			}
		})
	}
}

func TestReplacingTheProtected(t *testing.T) {
	t.Parallel()
	to := base()
	d := to.Deployments[id(2)].Clone()
	d.InstanceType = "t3.large"
	to.PutDeployment(d)
	if r := ci.Judge(ci.Review{Base: base(), Changes: specs.Diff(base(), to)}); len(r.Findings) > 0 {
		t.Errorf("another machine keeps the volume: %v", r.Findings)
	}
}

func TestShare(t *testing.T) {
	t.Parallel()
	tests := []struct {
		changed, of, fleet int
		want               bool
	}{
		{4, 4, 0, false}, {5, 5, 0, true}, {5, 9, 0, true}, {5, 10, 0, false}, {6, 10, 0, true}, {6, 10, 12, false}, {6, 6, 11, true},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			t.Parallel()
			s := fleet(test.of)
			changes := specs.Diff(s, with(s, test.changed, func(d *specs.Deployment) { d.RetentionDays = 9 }))
			r := ci.Judge(ci.Review{Base: s, Changes: changes, Fleet: test.fleet})
			if got := brief(r.Findings); (got == "warning share") != test.want || !test.want && got != "" {
				t.Errorf("got %q", got)
			}
		})
	}
	s := fleet(2)
	if r := ci.Judge(ci.Review{Base: s, Changes: specs.Diff(s, fleet(30))}); len(r.Findings) > 0 {
		t.Errorf("new deployments change nobody's: %v", r.Findings)
	}
}

func TestTeamChecks(t *testing.T) {
	t.Parallel()
	r := ci.Judge(ci.Review{Base: base(), TestsChanged: true, Tests: []ci.Test{
		{Kind: "dolt_tests", Group: "names", Name: "short", Passed: true, Ran: true},
		{Kind: "dolt_tests", Group: "names", Name: "lower", Ran: true, Message: "expected 0 rows, got 2"},
		{Kind: "dolt_tests", Name: "broken", Message: "no such table"},
		{Kind: "dolt ci", Group: "nightly", Name: "sizes", Ran: true},
	}})
	want := []string{
		"error: dolt_ci_workflows nightly/sizes: the check failed; ",
		"error: dolt_tests names/lower: the check failed: expected 0 rows, got 2; ",
		"warning: dolt_tests broken: the check did not run: no such table; ",
		"warning: dolt_tests: the proposal edits the checks that it is judged by; the checks of main were run; ",
	}
	if len(r.Findings) != len(want) {
		t.Fatalf("findings %v", r.Findings)
	}
	for i, f := range r.Findings {
		if !strings.HasPrefix(f.String(), want[i]) {
			t.Errorf("got %s, want %s", f, want[i])
		}
	}
	if r.Passed() || brief(r.Unacknowledged()) != "warning tests-changed" {
		t.Errorf("passed %v, unacknowledged %v", r.Passed(), r.Unacknowledged())
	}
}

func TestAcknowledging(t *testing.T) {
	t.Parallel()
	s := fleet(9)
	review := ci.Review{Base: s, Changes: specs.Diff(s, less(s, 6)), Tests: []ci.Test{{Name: "slow"}, {Name: "bad", Ran: true}}}
	tests := []struct{ acknowledged, findings, open string }{
		{"", "error dolt-tests bad, warning blast-radius max_destroyed, warning dolt-tests slow, warning share",
			"warning blast-radius max_destroyed, warning share"},
		{"share", "error dolt-tests bad, warning blast-radius max_destroyed, warning dolt-tests slow, note share",
			"warning blast-radius max_destroyed"},
		{"share blast-radius dolt-tests", "error dolt-tests bad, note blast-radius max_destroyed, note dolt-tests slow, note share", ""},
		{"outlier", "error dolt-tests bad, warning blast-radius max_destroyed, warning dolt-tests slow, warning share",
			"warning blast-radius max_destroyed, warning share"},
	}
	for _, test := range tests {
		t.Run(test.acknowledged, func(t *testing.T) {
			t.Parallel()
			review := review
			review.Acknowledged = strings.Fields(test.acknowledged)
			r := ci.Judge(review)
			if got := brief(r.Findings); got != test.findings {
				t.Errorf("got %q, want %q", got, test.findings)
			}
			if got := brief(r.Unacknowledged()); got != test.open {
				t.Errorf("unacknowledged %q, want %q", got, test.open)
			}
			for _, f := range r.Findings {
				if accepted := slices.Contains(review.Acknowledged, f.Check) && f.Severity != specs.Error; accepted != strings.HasPrefix(f.Message, "accepted: ") {
					t.Errorf("%s", f)
				}
			}
			if r.Passed() {
				t.Error("an acknowledgement lifted an error")
			}
		})
	}
}
