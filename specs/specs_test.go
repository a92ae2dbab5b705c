package specs_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mainstaydb/mainstay/specs"
)

func id(n int) string { return fmt.Sprintf("00000000-0000-0000-0000-%012d", n) }

// deployment is a row that every rule accepts.
func deployment(n int, change ...func(*specs.Deployment)) *specs.Deployment {
	d := &specs.Deployment{
		ID: id(n), Name: fmt.Sprintf("d%d", n), Zone: "local", InstanceType: "t3.small", VolumeType: "gp3", VolumeGB: 10,
		DoltVersion: "2.2.0", Certificate: "fleet", Running: true, RetentionDays: 7,
	}
	for _, c := range change {
		c(d)
	}
	return d
}

func snapshotOf(ds ...*specs.Deployment) *specs.Snapshot {
	s := specs.NewSnapshot()
	for _, v := range []string{"1.86.4", "2.2.0"} {
		s.Versions[v] = specs.Version{Version: v}
	}
	for _, d := range ds {
		s.PutDeployment(d)
	}
	return s
}

func setting(name, value string) func(*specs.Deployment) {
	return func(d *specs.Deployment) { d.Settings = map[string]string{name: value} }
}

func TestValidate(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*specs.Deployment)
		want   string // check, key, column and part of message or advice; "": no finding
	}{
		"good":               {func(*specs.Deployment) {}, ""},
		"name":               {func(d *specs.Deployment) { d.Name = "Bad_Name" }, "name-syntax Bad_Name name hyphens"},
		"long name":          {func(d *specs.Deployment) { d.Name = strings.Repeat("a", 64) }, "name-syntax a* name 63"},
		"no name":            {func(d *specs.Deployment) { d.Name = "" }, "name-syntax " + id(1) + " name letters"},
		"id":                 {func(d *specs.Deployment) { d.ID = "1/2" }, "id-syntax d1 id generates"},
		"zone":               {func(d *specs.Deployment) { d.Zone = "mars" }, "zone-syntax d1 zone us-west-2a"},
		"real zone":          {func(d *specs.Deployment) { d.Zone = "us-gov-west-1b" }, ""},
		"instance type":      {func(d *specs.Deployment) { d.InstanceType = "big" }, "instance-type-syntax d1 instance_type t3.small"},
		"metal":              {func(d *specs.Deployment) { d.InstanceType = "u-6tb1.metal" }, ""},
		"volume type":        {func(d *specs.Deployment) { d.VolumeType = "floppy" }, "volume-type d1 volume_type gp3"},
		"volume size":        {func(d *specs.Deployment) { d.VolumeGB = 0 }, "volume-size d1 volume_gb 65536"},
		"iops of gp2":        {func(d *specs.Deployment) { d.VolumeType, d.VolumeIOPS = "gp2", 3000 }, "volume-iops d1 volume_iops gp3"},
		"io2 without iops":   {func(d *specs.Deployment) { d.VolumeType = "io2" }, "volume-iops d1 volume_iops needs"},
		"throughput of st1":  {func(d *specs.Deployment) { d.VolumeType, d.VolumeGB, d.VolumeMiBps = "st1", 500, 200 }, "volume-throughput d1 volume_mibps 0"},
		"unknown version":    {func(d *specs.Deployment) { d.DoltVersion = "9.9.9" }, "version-known d1 dolt_version 1.86.4, 2.2.0"},
		"standbys":           {func(d *specs.Deployment) { d.Standbys = 1 }, "standbys d1 standbys not built yet"},
		"many standbys":      {func(d *specs.Deployment) { d.Standbys = 9 }, "standbys-range d1 standbys 5"},
		"certificate":        {func(d *specs.Deployment) { d.Certificate = "own" }, "certificate d1 certificate fleet or acme"},
		"acme locally":       {func(d *specs.Deployment) { d.Certificate = "acme" }, "certificate d1 certificate DNS"},
		"retention":          {func(d *specs.Deployment) { d.RetentionDays = -1 }, "retention-range d1 retention_days 3650"},
		"setting":            {setting("log_level", "debug"), ""},
		"unknown setting":    {setting("log_levl", "debug"), "setting-known d1/log_levl name log_level?"},
		"short setting":      {setting("max_connections", "5"), "setting-known d1/max_connections name listener.max_connections?"},
		"nonsense setting":   {setting("zzzzzzzzzzzzzzzzz", "5"), "setting-known d1/zzzzzzzzzzzzzzzzz name documentation"},
		"bad enum":           {setting("log_level", "loud"), "setting-value d1/log_level value debug"},
		"bad bool":           {setting("behavior.read_only", "yes"), "setting-value d1/behavior.read_only value true or false"},
		"bad int":            {setting("listener.back_log", "many"), "setting-value d1/listener.back_log value whole number"},
		"int out of range":   {setting("listener.max_connections", "0"), "setting-value d1/listener.max_connections value 1 to"},
		"owned setting":      {setting("listener.port", "3306"), "setting-owned d1/listener.port name decides"},
		"owned part":         {setting("metrics.port", "1"), "setting-owned d1/metrics.port name agent"},
		"from environment":   {setting("log_level", "${HOME}"), "setting-value d1/log_level value ${…}"},
		"two lines":          {setting("log_level", "info\nuser: {}"), "setting-value d1/log_level value one line"},
		"variable":           {setting("system_variables.max_connections", "500"), ""},
		"variable's value":   {setting("system_variables.max_connections", "lots"), "setting-value d1/system_variables.max_connections value whole number"},
		"variable on":        {setting("system_variables.local_infile", "ON"), ""},
		"unknown variable":   {setting("system_variables.max_conections", "5"), "setting-known d1/system_variables.max_conections name system_variables.max_connections?"},
		"read-only variable": {setting("system_variables.hostname", "x"), "setting-owned d1/system_variables.hostname name cannot be set"},
		"owned variable":     {setting("system_variables.port", "1"), "setting-owned d1/system_variables.port name cannot be set"},
		"new setting on an old release": {func(d *specs.Deployment) {
			d.DoltVersion = "1.86.4"
			d.Settings = map[string]string{"behavior.auto_gc_behavior.incremental_file_size": "1"}
		}, "setting-version d1/behavior.auto_gc_behavior.incremental_file_size name 1.86.6"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			findings := specs.Validate(snapshotOf(deployment(1, test.change)))
			if test.want == "" {
				if len(findings) > 0 {
					t.Errorf("findings %v", findings)
				}
				return
			}
			parts := strings.SplitN(test.want, " ", 4)
			if len(findings) != 1 {
				t.Fatalf("findings %v", findings)
			}
			f := findings[0]
			key := f.Key == parts[1] || strings.HasSuffix(parts[1], "*") && strings.HasPrefix(f.Key, strings.TrimSuffix(parts[1], "*"))
			if f.Check != parts[0] || !key || f.Column != parts[2] || !strings.Contains(f.Message+" "+f.Advice, parts[3]) || f.Severity != specs.Error || f.Advice == "" {
				t.Errorf("got %+v, want %s", f, test.want)
			}
		})
	}
}

func TestNamesPastTheUniqueKey(t *testing.T) {
	t.Parallel()
	same := func(d *specs.Deployment) { d.Name = "same" }
	s := snapshotOf(deployment(1, same), deployment(2, same))
	if f := specs.Validate(s); len(f) != 2 || f[0].Check != "name-unique" {
		t.Errorf("findings %v", f)
	}
	gone := []specs.RowChange{{Table: specs.TableDeployments, Key: id(1), From: specs.Row{"id": id(1)}}}
	if f := s.Apply(gone); f != nil {
		t.Fatal(f)
	}
	if d := s.ByName("same"); d == nil || d.ID != id(2) || len(specs.Validate(s)) != 0 {
		t.Errorf("after one is gone: %+v", d)
	}
}

func TestOrphanedSettings(t *testing.T) {
	t.Parallel()
	s := snapshotOf()
	row := specs.Row{"deployment": id(1), "name": "log_level", "value": "debug"}
	changes := []specs.RowChange{{Table: specs.TableSettings, Key: specs.KeyOf(id(1), "log_level"), To: row}}
	if f := s.Apply(changes); f != nil {
		t.Fatal(f)
	}
	for _, f := range [][]specs.Finding{specs.Validate(s), specs.ValidateChanged(s, changes)} {
		if len(f) != 1 || f[0].Check != "setting-deployment" {
			t.Errorf("findings %v", f)
		}
	}
	s.PutDeployment(deployment(1))
	if got := s.Deployments[id(1)].Settings["log_level"]; got != "debug" || len(specs.Validate(s)) != 0 {
		t.Errorf("the deployment came and has %q", got)
	}
}

func TestApplyNothingOfABadChange(t *testing.T) {
	t.Parallel()
	s := snapshotOf(deployment(1))
	before := s.Deployments[id(1)]
	good := specs.Diff(snapshotOf(), snapshotOf(deployment(2)))
	bad := specs.Diff(snapshotOf(), snapshotOf(deployment(3)))
	bad[0].To["volume_gb"] = "ten"
	bad[0].To["running"] = nil
	f := s.Apply(append(good, bad...))
	if len(f) != 2 || f[0].Key != "d3" || f[0].Column != "volume_gb" || f[1].Column != "running" {
		t.Errorf("findings %v", f)
	}
	if len(s.Deployments) != 1 || s.Deployments[id(1)] != before {
		t.Error("something was applied")
	}
}

func TestRemovedVersion(t *testing.T) {
	t.Parallel()
	s := snapshotOf(deployment(1))
	changes := []specs.RowChange{{Table: specs.TableVersions, Key: "2.2.0", From: specs.Row{"version": "2.2.0"}}}
	s.Apply(changes)
	if f := specs.ValidateChanged(s, changes); len(f) != 1 || f[0].Key != "d1" || f[0].Check != "version-known" {
		t.Errorf("findings %v", f)
	}
}

// A fleet drawn at random, with faults in it.
func drawFleet(t *rapid.T, label string) *specs.Snapshot {
	s := snapshotOf()
	for n := range rapid.IntRange(0, 6).Draw(t, label+" size") {
		if !rapid.Bool().Draw(t, "there") {
			continue
		}
		d := deployment(n)
		d.Name = rapid.SampledFrom([]string{"a", "b", "c", "d", "Bad"}).Draw(t, "name")
		d.VolumeGB = rapid.SampledFrom([]int{0, 10, 20}).Draw(t, "gb")
		d.DoltVersion = rapid.SampledFrom([]string{"2.2.0", "1.86.4", "9.9.9"}).Draw(t, "version")
		d.Protected = rapid.Bool().Draw(t, "protected")
		d.Owner = rapid.SampledFrom([]string{"", "payments", "search"}).Draw(t, "owner")
		if rapid.Bool().Draw(t, "set") {
			d.Settings = map[string]string{rapid.SampledFrom([]string{"log_level", "nope"}).Draw(t, "setting"): "debug"}
		}
		s.PutDeployment(d)
	}
	for range rapid.IntRange(0, 3).Draw(t, label+" reviewers") {
		r := specs.Reviewer{
			Branch: specs.MainBranch, Owner: rapid.SampledFrom([]string{"", "payments", "nobody"}).Draw(t, "of"),
			Person: rapid.SampledFrom([]string{"ann@x", "Ann@x", "bob"}).Draw(t, "person"), Required: rapid.IntRange(0, 2).Draw(t, "required"),
		}
		s.Reviewers[r.Key()] = r
	}
	if rapid.Bool().Draw(t, "limit") {
		s.Limits.MaxDisrupted = rapid.IntRange(-1, 3).Draw(t, "max")
	}
	return s
}

func texts(findings []specs.Finding) map[string]bool {
	all := map[string]bool{}
	for _, f := range findings {
		all[f.String()] = true
	}
	return all
}

// TestMovingIsLoading: a moved by Diff(a, b) is b, a's clone is untouched, and
// the findings about the change are findings about the whole.
func TestMovingIsLoading(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawFleet(t, "a"), drawFleet(t, "b")
		kept := a.Clone()
		changes := specs.Diff(a, b)
		if f := a.Apply(changes); f != nil {
			t.Fatal(f)
		}
		if diff := cmp.Diff(b.Deployments, a.Deployments); diff != "" {
			t.Fatalf("moved is not loaded (-loaded +moved):\n%s", diff)
		}
		if len(specs.Diff(a, b)) != 0 || a.Limits != b.Limits {
			t.Fatal("a difference is left")
		}
		whole, changed := texts(specs.Validate(a)), texts(specs.ValidateChanged(a, changes))
		if !maps.Equal(whole, texts(specs.Validate(b))) && !duplicates(b) {
			t.Fatalf("findings differ: %v", whole)
		}
		for f := range changed {
			if !whole[f] {
				t.Fatalf("%s is not a finding about the whole", f)
			}
		}
		if good := len(specs.Validate(kept)) == 0; good && len(whole) != len(changed) {
			t.Fatalf("from a good state, the change shows %v of %v", changed, whole)
		}
		overlay := kept.Overlay(changes)
		overlay.Apply(changes)
		if diff := cmp.Diff(changed, texts(specs.ValidateChanged(overlay, changes))); diff != "" && !duplicates(b) {
			t.Fatalf("the overlay sees otherwise:\n%s", diff)
		}
	})
}

// duplicates tells of names held twice: which of the two a finding names depends
// on the order in which they came.
func duplicates(s *specs.Snapshot) bool {
	seen := map[string]bool{}
	for _, d := range s.Deployments {
		if seen[d.Name] {
			return true
		}
		seen[d.Name] = true
	}
	return false
}

func TestCells(t *testing.T) {
	t.Parallel()
	a := snapshotOf(deployment(1, setting("log_level", "info")))
	b := snapshotOf(deployment(1, setting("log_level", "debug"), func(d *specs.Deployment) { d.Name, d.VolumeGB = "new", 20 }))
	var got []specs.CellChange
	for _, c := range specs.Diff(a, b) {
		got = append(got, specs.Cells(c, b.NameOf)...)
	}
	want := []specs.CellChange{
		{Table: "deployments", Key: "new", Column: "name", From: "d1", To: "new"},
		{Table: "deployments", Key: "new", Column: "volume_gb", From: "10", To: "20"},
		{Table: "settings", Key: "new/log_level", Column: "value", From: "info", To: "debug"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryColumnHasAnImpact(t *testing.T) {
	t.Parallel()
	for _, column := range specs.DeploymentColumns() {
		if i, ok := specs.ImpactOf(specs.TableDeployments, column); !ok || i.Sentence == "" {
			t.Errorf("%s has no impact", column)
		}
	}
}

func TestCatalogIsInOrder(t *testing.T) {
	t.Parallel()
	catalog := specs.Catalog()
	if !slices.IsSortedFunc(catalog, func(a, b specs.Setting) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the catalog must be ordered by name, because it is searched by halves")
	}
	for _, s := range append(catalog, specs.SystemVariables()...) {
		if s.Kind == "" {
			t.Errorf("%s has no kind", s.Name)
		}
	}
}

func TestCompareVersions(t *testing.T) {
	t.Parallel()
	order := []string{"nonsense", "1.9.0", "1.86.4", "1.86.10", "2.0.0", "2.2.0", "10.0.0"}
	for i, a := range order {
		for j, b := range order {
			if got := specs.CompareVersions(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%s to %s: %d", a, b, got)
			}
		}
	}
}
