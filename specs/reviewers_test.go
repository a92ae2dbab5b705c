package specs_test

import (
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/specs"
)

// brief gives findings as "severity check key" lines.
func brief(findings []specs.Finding) string {
	var lines []string
	for _, f := range findings {
		lines = append(lines, string(f.Severity)+" "+f.Check+" "+f.Key)
	}
	return strings.Join(lines, "\n")
}

func ownedBy(owner string) func(*specs.Deployment) {
	return func(d *specs.Deployment) { d.Owner = owner }
}

func TestReviewers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rows []specs.Reviewer
		want string
	}{
		"none":            {nil, ""},
		"good":            {[]specs.Reviewer{{"main", "payments", "ann@x", 1}, {"main", "", "bob@x", 1}}, ""},
		"advice only":     {[]specs.Reviewer{{"main", "payments", "ann@x", 0}}, ""},
		"no address":      {[]specs.Reviewer{{"main", "", "ann", 1}}, "error reviewer-person main//ann"},
		"two addresses":   {[]specs.Reviewer{{"main", "", "ann@x bob@x", 1}}, "error reviewer-person main//ann@x bob@x"},
		"another branch":  {[]specs.Reviewer{{"status", "", "ann@x", 1}}, "error reviewer-branch status//ann@x"},
		"below the range": {[]specs.Reviewer{{"main", "", "ann@x", -1}}, "error reviewer-required main//ann@x"},
		"above the range": {[]specs.Reviewer{{"main", "", "ann@x", 21}}, "error reviewer-required main//ann@x\nerror reviewers-too-few main/"},
		"too few":         {[]specs.Reviewer{{"main", "payments", "ann@x", 1}, {"main", "payments", "bob@x", 3}}, "error reviewers-too-few main/payments"},
		"enough":          {[]specs.Reviewer{{"main", "payments", "ann@x", 2}, {"main", "payments", "bob@x", 0}}, ""},
		"one with two spellings": {[]specs.Reviewer{{"main", "payments", "ann@x", 2}, {"main", "payments", "Ann@X", 2}},
			"error reviewers-too-few main/payments"},
		"of other owners": {[]specs.Reviewer{{"main", "payments", "ann@x", 2}, {"main", "", "bob@x", 1}}, "error reviewers-too-few main/payments"},
		"unknown owner":   {[]specs.Reviewer{{"main", "paymets", "ann@x", 1}}, "note reviewers-owner main/paymets"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			was, s := snapshotOf(deployment(1, ownedBy("payments"))), snapshotOf(deployment(1, ownedBy("payments")))
			for _, r := range test.rows {
				s.Reviewers[r.Key()] = r
			}
			if got := brief(specs.Validate(s)); got != test.want {
				t.Errorf("the whole: got\n%s\nwant\n%s", got, test.want)
			}
			changes := specs.Diff(was, s)
			if got := brief(specs.ValidateChanged(s, changes)); got != test.want {
				t.Errorf("the change: got\n%s\nwant\n%s", got, test.want)
			}
			o := was.Overlay(changes)
			o.Apply(changes)
			if got := brief(specs.ValidateChanged(o, changes)); got != test.want {
				t.Errorf("the overlay: got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// TestReviewersOutliveTheirOwner: a reviewer's row can be met by what happens to
// others' rows.
func TestReviewersOutliveTheirOwner(t *testing.T) {
	t.Parallel()
	reviewed := func(ds ...*specs.Deployment) *specs.Snapshot {
		s := snapshotOf(ds...)
		for _, r := range []specs.Reviewer{{"main", "payments", "ann@x", 1}, {"main", "payments", "bob@x", 2}} {
			s.Reviewers[r.Key()] = r
		}
		return s
	}
	two := reviewed(deployment(1, ownedBy("payments")), deployment(2, ownedBy("payments")))
	tests := map[string]struct {
		to   *specs.Snapshot
		want string
	}{
		"one of two goes":  {reviewed(deployment(1, ownedBy("payments"))), ""},
		"one moves":        {reviewed(deployment(1, ownedBy("payments")), deployment(2, ownedBy("search"))), ""},
		"the last goes":    {reviewed(), "note reviewers-owner main/payments"},
		"all move":         {reviewed(deployment(1, ownedBy("a")), deployment(2, ownedBy("b"))), "note reviewers-owner main/payments"},
		"another in place": {reviewed(deployment(3, ownedBy("payments"))), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changes := specs.Diff(two, test.to)
			o := two.Overlay(changes)
			o.Apply(changes)
			if got := brief(specs.ValidateChanged(o, changes)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	t.Run("a reviewer goes", func(t *testing.T) {
		t.Parallel()
		to := two.Clone()
		delete(to.Reviewers, "main/payments/ann@x")
		if got := brief(specs.ValidateChanged(to, specs.Diff(two, to))); got != "error reviewers-too-few main/payments" {
			t.Errorf("got %q", got)
		}
	})
}

func TestOwners(t *testing.T) {
	t.Parallel()
	s := snapshotOf(deployment(1, ownedBy("payments"), setting("log_level", "info")), deployment(2))
	s.Reviewers["main/ops/ann@x"] = specs.Reviewer{Branch: "main", Owner: "ops", Person: "ann@x"}
	changes := []specs.RowChange{
		{Table: specs.TableSettings, Key: specs.KeyOf(id(1), "log_level"), To: specs.Row{"value": "debug"}},
		{Table: specs.TableDeployments, Key: id(2), From: specs.Row{"owner": "between"}, To: specs.Row{"owner": "search"}},
		{Table: specs.TableReviewers, Key: "main/ops/ann@x"},
		{Table: specs.TableLimits, Key: "max_destroyed", To: specs.Row{"owner": "none"}},
		{Table: "teams", Key: "1", To: specs.Row{"owner": "none"}},
	}
	if got := strings.Join(specs.Owners(s, changes), " "); got != "between ops payments search" {
		t.Errorf("got %q", got)
	}
}

func TestInstanceTypes(t *testing.T) {
	t.Parallel()
	tests := map[string]string{ // type -> advice, as far as it is; "": nothing to say
		"t3.small": "", "t3a.nano": "", "m7i-flex.8xlarge": "", "u-6tb1.112xlarge": "", "u7i-12tb.224xlarge": "", "mac2-m2pro.metal": "",
		"c7i.metal-24xl": "", "x2iezn.metal": "", "im4gn.16xlarge": "", "hpc7g.4xlarge": "",
		"t3.smal": "t3.small?", "t3.lage": "t3.large?", "r6id.2xlage": "r6id.2xlarge?", "m5.7xlarge": "m5.", "t3.qqqqqqqqq": "2xlarge",
		"t.small": "generation", "big-one.small": "generation",
	}
	for instance, want := range tests {
		t.Run(instance, func(t *testing.T) {
			t.Parallel()
			remote := func(d *specs.Deployment) { d.Zone, d.InstanceType = "us-west-2a", instance }
			findings := specs.Validate(snapshotOf(deployment(1, remote)))
			if want == "" {
				if len(findings) > 0 {
					t.Errorf("findings %v", findings)
				}
			} else if brief(findings) != "warning instance-type d1" || !strings.Contains(findings[0].Advice, want) {
				t.Errorf("findings %v, want advice with %q", findings, want)
			}
			local := func(d *specs.Deployment) { d.InstanceType = instance }
			if f := specs.Validate(snapshotOf(deployment(1, local))); len(f) > 0 {
				t.Errorf("the local cloud takes any name: %v", f)
			}
		})
	}
}

func TestFindingOfTheWholeFleet(t *testing.T) {
	t.Parallel()
	f := specs.Finding{Severity: specs.Warning, Table: "deployments", Message: "much changes"}
	if got := f.String(); got != "warning: deployments: much changes" {
		t.Errorf("got %q", got)
	}
}
