package manifest

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

func deployment(change ...func(*specs.Deployment)) *specs.Deployment {
	d := &specs.Deployment{
		ID: "00000000-0000-0000-0000-000000000001", Name: "orders", Owner: "shop", Zone: "local", InstanceType: "t3.small", VolumeType: "gp3",
		VolumeGB: 20, DoltVersion: "2.2.0", Certificate: "fleet", Running: true, RetentionDays: 7, Settings: map[string]string{"log_level": "debug"},
	}
	for _, c := range change {
		c(d)
	}
	return d
}

// back reads a file into the deployment that it says.
func back(t interface{ Fatalf(string, ...any) }, data []byte) *specs.Deployment {
	f, faults := Parse("x.yaml", data)
	if len(faults) > 0 || f.Deployment == nil {
		t.Fatalf("cannot read what was written: %v\n%s", faults, data)
	}
	row := written(specs.Row{}, f.Deployment.Row)
	d, findings := specs.DecodeDeployment(func(column string) (any, bool) { v, ok := row[column]; return v, ok })
	if len(findings) > 0 {
		t.Fatalf("cannot decode: %v\n%s", findings, data)
	}
	d.Settings = map[string]string{}
	for _, s := range f.Deployment.Settings {
		d.Settings[s.text("name")] = s.text("value")
	}
	return d
}

const wantNew = `id: 00000000-0000-0000-0000-000000000001
name: orders
owner: shop
zone: local
instance_type: t3.small
volume_type: gp3
volume_gb: 20
volume_iops: 0
volume_mibps: 0
dolt_version: 2.2.0
standbys: 0
certificate: fleet
running: true
protected: false
retention_days: 7

settings:
  behavior.event_scheduler: "ON"
  listener.max_connections: 200
  log_level: debug
`

func TestEncodeNew(t *testing.T) {
	t.Parallel()
	got, err := Encode(deployment(func(d *specs.Deployment) {
		d.Settings = map[string]string{"log_level": "debug", "listener.max_connections": "200", "behavior.event_scheduler": "ON"}
	}), nil)
	if d := cmp.Diff(wantNew, string(got)); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
}

// TestEncodeKeeps: an edit touches its own characters and nothing else.
func TestEncodeKeeps(t *testing.T) {
	t.Parallel()
	const file = `# Orders, ask Ada before you touch it.

name:    "orders"   # unique
id: 00000000-0000-0000-0000-000000000001
owner: 'shop'

# Sizes
volume_gb: 20   # grows only
instance_type: t3.small
volume_type: gp3
volume_iops: 0
volume_mibps: 0

running: True
protected: false
zone: local
dolt_version: 2.2.0
standbys: 0
certificate: fleet
retention_days: 7

settings:   # of the server
    # why: ticket 7
    log_level: debug
    # the pool's size
    listener.max_connections: 200  # twice
# the end
`
	tests := map[string]struct {
		change func(*specs.Deployment)
		edits  []string // old, new, old, new, …
	}{
		"nothing":          {func(*specs.Deployment) {}, nil},
		"number":           {func(d *specs.Deployment) { d.VolumeGB = 4000 }, []string{"volume_gb: 20 ", "volume_gb: 4000 "}},
		"double quotes":    {func(d *specs.Deployment) { d.Name = "sales" }, []string{`"orders"`, `"sales"`}},
		"single quotes":    {func(d *specs.Deployment) { d.Owner = "it's: ü" }, []string{`'shop'`, `"it's: ü"`}},
		"truth":            {func(d *specs.Deployment) { d.Running = false }, []string{"running: True", "running: false"}},
		"a setting":        {func(d *specs.Deployment) { d.Settings["log_level"] = "on" }, []string{"log_level: debug", `log_level: "on"`}},
		"one goes":         {func(d *specs.Deployment) { delete(d.Settings, "log_level") }, []string{"    # why: ticket 7\n    log_level: debug\n", ""}},
		"the last goes":    {func(d *specs.Deployment) { delete(d.Settings, "listener.max_connections") }, []string{"    # the pool's size\n    listener.max_connections: 200  # twice\n", ""}},
		"one comes":        {func(d *specs.Deployment) { d.Settings["max_logged_query_len"] = "0x10" }, []string{"log_level: debug\n", "log_level: debug\n    max_logged_query_len: \"0x10\"\n"}},
		"one comes first":  {func(d *specs.Deployment) { d.Settings["a"] = "1" }, []string{"    # why: ticket 7\n    log", "    # why: ticket 7\n    a: 1\n    log"}},
		"two things":       {func(d *specs.Deployment) { d.VolumeGB, d.Zone = 5, "eu-west-1a" }, []string{"gb: 20", "gb: 5", "zone: local", "zone: eu-west-1a"}},
		"all settings go":  {func(d *specs.Deployment) { d.Settings = nil }, []string{file[strings.Index(file, "settings:"):], "settings: {}   # of the server\n# the end\n"}},
		"line breaks come": {func(d *specs.Deployment) { d.Settings["log_level"] = "a\n b: c # d" }, []string{"log_level: debug", `log_level: "a\n b: c # d"`}},
	}
	for name, c := range tests {
		for _, newline := range []string{"\n", "\r\n"} {
			t.Run(fmt.Sprintf("%s %q", name, newline), func(t *testing.T) {
				t.Parallel()
				d := deployment(func(d *specs.Deployment) { d.Settings["listener.max_connections"] = "200" }, c.change)
				got, err := Encode(d, []byte(strings.ReplaceAll(file, "\n", newline)))
				want := strings.NewReplacer(c.edits...).Replace(file)
				if diff := cmp.Diff(strings.ReplaceAll(want, "\n", newline), string(got)); err != nil || diff != "" {
					t.Errorf("%v %s", err, diff)
				}
			})
		}
	}
}

// TestEncodeCopes: what cannot be changed in its place is written anew, and the
// comments stay.
func TestEncodeCopes(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"flow":           "# keep\n{name: orders, settings: {log_level: info}}\n",
		"folded":         "# keep\nname: orders\nowner: >-\n  two\n  lines\n",
		"literal":        "# keep\nname: orders\nowner: |\n  two\n  lines\nsettings: {}\n",
		"plain lines":    "# keep\nname: orders\nowner: two\n  lines\n",
		"no newline":     "# keep\nname: orders",
		"flow settings":  "# keep\nname: orders\nsettings: {log_level: info, a: b} # two\n",
		"empty settings": "# keep\nname: orders\nsettings: {} # none\n",
		"comments alone": "# keep\n",
		"document":       "%YAML 1.1\n---\n# keep\nname: orders\n...\n",
		"indented":       "# keep\n  name: orders\n  settings:\n       log_level: info\n",
		"question mark":  "# keep\n? name\n: orders\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Encode(deployment(), []byte(file))
			if err != nil || !strings.Contains(string(got), "# keep") {
				t.Fatalf("%v\n%s", err, got)
			}
			if d := cmp.Diff(deployment(), back(t, got)); d != "" {
				t.Errorf("%s\n%s", d, got)
			}
			if again, err := Encode(deployment(), got); err != nil || string(again) != string(got) {
				t.Errorf("a second export changes it again: %v\n%s", err, again)
			}
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	if got, err := Encode(deployment(func(d *specs.Deployment) { d.Owner = "\xff" }), nil); err == nil || !strings.Contains(err.Error(), "orders") {
		t.Errorf("got %s, %v", got, err)
	}
	if got, err := Encode(deployment(), []byte("name: [\n")); err == nil {
		t.Errorf("a file that cannot be read was written over: %s", got)
	}
}

// anyText draws what is hard to write: YAML's own characters, words and numbers
// that mean something else, white space, control characters, all of Unicode.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"", " ", "on", "Yes", "n", "null", "~", "true", "1_000", "0x10", "1.10", "1e3", "012", "08", ".inf", "+1", "-0", "1:30", "2026-11-22", "<<", "=",
			"!!str a", "&a", "*a", "- a", "a: b", "a #b", "#", "'", `"`, `\`, "a\nb", "\n", " a", "a ", "\ta", "\r\n", "\u0085", "\u2028", "\ufeff", "{}", "[]", "|", ">", "%a",
			"---", "...", "? a", "@a", "`a", "ü", "😀", "99999999999999999999", "0.1", "-1.50", "${HOME}",
		}),
		rapid.StringOf(rapid.SampledFrom([]rune(" \n\t\"'#:-{}[]\\ab1.0_é\u00a0"))),
		rapid.String(),
	)
}

func anyDeployment(t *rapid.T) *specs.Deployment {
	return deployment(func(d *specs.Deployment) {
		d.Name, d.Owner, d.Zone = anyText().Draw(t, "name"), anyText().Draw(t, "owner"), anyText().Draw(t, "zone")
		d.VolumeGB = rapid.IntRange(-1<<31, 1<<31-1).Draw(t, "volume_gb")
		d.Running, d.Protected = rapid.Bool().Draw(t, "running"), rapid.Bool().Draw(t, "protected")
		d.Settings = rapid.MapOf(rapid.OneOf(rapid.SampledFrom([]string{"log_level", "a.b", "null", "on"}), anyText()), anyText()).Draw(t, "settings")
	})
}

// TestRoundTrip: any deployment is read back as it was written, on an empty page
// and over the file of any other.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var file []byte
		for _, d := range []*specs.Deployment{anyDeployment(t), anyDeployment(t)} {
			data, err := Encode(d, file)
			if err != nil {
				t.Fatalf("%v", err)
			}
			if diff := cmp.Diff(d, back(t, data)); diff != "" {
				t.Fatalf("%s\n%s", diff, data)
			}
			file = append([]byte("# a comment\n"), data...)
		}
	})
}

func anyFleet(t *rapid.T) Tables {
	tables := Tables{specs.TableLimits: nil, specs.TableVersions: nil, specs.TableReviewers: nil}
	for _, name := range slices.Sorted(maps.Keys(rapid.MapOf(rapid.SampledFrom(names(limitColumns)), rapid.Bool()).Draw(t, "limits"))) {
		tables[specs.TableLimits] = append(tables[specs.TableLimits], specs.Row{"name": name, "value": fmt.Sprint(rapid.IntRange(0, 1000).Draw(t, "value"))})
	}
	for _, version := range rapid.SliceOfNDistinct(anyText(), 0, 4, rapid.ID).Draw(t, "versions") {
		tables[specs.TableVersions] = append(tables[specs.TableVersions], specs.Row{
			"version": version, "url": anyText().Draw(t, "url"), "sha256": "", "note": anyText().Draw(t, "note"),
		})
	}
	for _, person := range rapid.SliceOfNDistinct(anyText(), 0, 3, rapid.ID).Draw(t, "people") {
		tables[specs.TableReviewers] = append(tables[specs.TableReviewers], specs.Row{"branch": "main", "owner": "", "person": person, "required": "2"})
	}
	return tables
}

// TestFleetRoundTrip: rows that were written are merged as no change, whatever
// the file said before.
func TestFleetRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var file []byte
		for _, tables := range []Tables{anyFleet(t), anyFleet(t)} {
			data, err := EncodeFleet(tables, file)
			if err != nil {
				t.Fatalf("%v", err)
			}
			f, faults := Parse("fleet.yaml", data)
			if len(faults) > 0 {
				t.Fatalf("%v\n%s", faults, data)
			}
			m, faults := Merge(tables, []*File{f}, Options{Prune: true})
			if len(faults) > 0 || len(m.Changes) > 0 {
				t.Fatalf("%v %v\n%s", faults, m.Changes, data)
			}
			file = data
		}
	})
}
