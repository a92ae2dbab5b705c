package ci_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/specs"
)

func id(n int) string { return fmt.Sprintf("00000000-0000-0000-0000-%012d", n) }

func deployment(n int, name string) *specs.Deployment {
	return &specs.Deployment{
		ID: id(n), Name: name, Zone: "us-west-2a", InstanceType: "t3.small", VolumeType: "gp3", VolumeGB: 10,
		DoltVersion: "2.2.0", Certificate: "fleet", Running: true, RetentionDays: 7,
	}
}

func base() *specs.Snapshot {
	s := specs.NewSnapshot()
	for _, v := range []string{"1.86.4", "2.0.5", "2.2.0"} {
		s.Versions[v] = specs.Version{Version: v}
	}
	guarded := deployment(2, "guarded")
	guarded.Protected = true
	guarded.Settings = map[string]string{"log_level": "info"}
	s.PutDeployment(deployment(1, "orders"))
	s.PutDeployment(guarded)
	return s
}

func without(s *specs.Snapshot, n int) *specs.Snapshot {
	gone := specs.NewSnapshot()
	gone.Versions = s.Versions
	for key, d := range s.Deployments {
		if key != id(n) {
			gone.PutDeployment(d)
		}
	}
	return gone
}

func TestCheck(t *testing.T) {
	t.Parallel()
	change := func(n int, f func(*specs.Deployment)) func(*specs.Snapshot) *specs.Snapshot {
		return func(s *specs.Snapshot) *specs.Snapshot {
			d := s.Deployments[id(n)].Clone()
			f(d)
			s.PutDeployment(d)
			return s
		}
	}
	tests := map[string]struct {
		change func(*specs.Snapshot) *specs.Snapshot
		want   string // checks, in order
	}{
		"grow":            {change(1, func(d *specs.Deployment) { d.VolumeGB = 20 }), ""},
		"shrink":          {change(1, func(d *specs.Deployment) { d.VolumeGB = 9 }), "volume-shrink"},
		"zone":            {change(1, func(d *specs.Deployment) { d.Zone = "us-west-2b" }), "zone-change"},
		"downgrade":       {change(1, func(d *specs.Deployment) { d.DoltVersion = "2.0.5" }), ""},
		"storage":         {change(1, func(d *specs.Deployment) { d.DoltVersion = "1.86.4" }), "storage-downgrade"},
		"unknown version": {change(1, func(d *specs.Deployment) { d.DoltVersion = "9.9.9" }), "version-known"},
		"two at once":     {change(1, func(d *specs.Deployment) { d.VolumeGB, d.Zone = 5, "local" }), "volume-shrink zone-change"},
		"disk kind":       {change(1, func(d *specs.Deployment) { d.VolumeType, d.VolumeIOPS = "io2", 500 }), ""},
		"bad row":         {change(1, func(d *specs.Deployment) { d.Standbys = 1 }), "standbys"},
		"unprotect":       {change(2, func(d *specs.Deployment) { d.Protected = false }), ""},
		"delete":          {func(s *specs.Snapshot) *specs.Snapshot { return without(s, 1) }, ""},
		"delete guarded":  {func(s *specs.Snapshot) *specs.Snapshot { return without(s, 2) }, "protected"},
		"another id": {func(s *specs.Snapshot) *specs.Snapshot {
			s = without(s, 2)
			s.PutDeployment(deployment(9, "guarded"))
			return s
		}, "protected"},
		"same name twice": {func(s *specs.Snapshot) *specs.Snapshot {
			s.PutDeployment(deployment(9, "orders"))
			return s
		}, "name-unique name-unique"},
		"swap names": {func(s *specs.Snapshot) *specs.Snapshot {
			return change(1, func(d *specs.Deployment) { d.Name = "guarded" })(change(2, func(d *specs.Deployment) { d.Name = "orders" })(s))
		}, ""},
		"removed version": {func(s *specs.Snapshot) *specs.Snapshot { delete(s.Versions, "2.2.0"); return s }, "version-known version-known"},
		"limit":           {func(s *specs.Snapshot) *specs.Snapshot { s.Limits.MaxDestroyed = -1; return s }, "limit-range"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := base()
			changes := specs.Diff(before, test.change(base()))
			findings := ci.Check(before, changes)
			var checks []string
			for _, f := range findings {
				checks = append(checks, f.Check)
				if f.Severity != specs.Error || f.Message == "" || f.Advice == "" || f.Key == "" {
					t.Errorf("incomplete: %+v", f)
				}
			}
			if got := strings.Join(checks, " "); got != test.want {
				t.Errorf("got %q, want %q: %v", got, test.want, findings)
			}
			if diff := cmp.Diff(base().Deployments, before.Deployments); diff != "" {
				t.Errorf("the base was changed:\n%s", diff)
			}
		})
	}
}

func TestCheckNamesTheProtected(t *testing.T) {
	t.Parallel()
	changes := []specs.RowChange{
		// As a chain of commits squashed into one change shows it: unprotected, then deleted.
		{Table: specs.TableDeployments, Key: id(2), From: specs.Row{"id": id(2), "name": "guarded", "protected": "0"}},
	}
	findings := ci.Check(base(), changes)
	if len(findings) != 2 || findings[1].Key != "guarded" || !strings.Contains(findings[1].Advice, "first merge") {
		// The first is about the setting that the incomplete change leaves behind.
		t.Errorf("findings %v", findings)
	}
}

func TestCheckOfARowThatCannotBeRead(t *testing.T) {
	t.Parallel()
	changes := []specs.RowChange{{Table: specs.TableDeployments, Key: id(1), From: specs.Row{}, To: specs.Row{"id": id(1), "name": "orders", "volume_gb": "x"}}}
	findings := ci.Check(base(), changes)
	if len(findings) == 0 || findings[0].Check != "readable" || findings[0].Key != "orders" {
		t.Errorf("findings %v", findings)
	}
}

// BenchmarkCheck: the cost follows the change and not the fleet.
func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		s := base()
		for i := range n {
			s.PutDeployment(deployment(i+10, fmt.Sprintf("d%d", i)))
		}
		d := s.Deployments[id(500)].Clone()
		d.VolumeGB = 11
		one := specs.NewSnapshot()
		one.Versions = s.Versions
		one.PutDeployment(s.Deployments[id(500)])
		to := one.Clone()
		to.PutDeployment(d)
		changes := specs.Diff(one, to)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if f := ci.Check(s, changes); len(f) > 0 {
					b.Fatal(f)
				}
			}
		})
	}
}
