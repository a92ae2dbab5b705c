package manifest

import (
	"strings"
	"testing"
)

func TestParseFaults(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		file string
		want []string // beginnings of the faults, each with a word of advice behind " … "
	}{
		"good":              {"name: orders\nvolume_gb: 20\nrunning: true\nsettings: {log_level: debug}\n", nil},
		"empty":             {"", []string{"d.yaml:1:1: the file is empty … name"}},
		"comments":          {"# nothing\n", []string{"d.yaml:1:1: the file is empty … name"}},
		"no YAML":           {"name: orders\nowner: [\n", []string{"d.yaml:2:1: this is not YAML … indentation"}},
		"tabs":              {"name: orders\nsettings:\n\tlog_level: x\n", []string{"d.yaml:3:1: this is not YAML … indentation"}},
		"a list":            {"- name\n", []string{"d.yaml:1:1: the file is not a mapping … key: value"}},
		"no name":           {"owner: shop\n", []string{"d.yaml:1:1: the name is missing … name:"}},
		"unknown key":       {"name: orders\nvolum_gb: 20\n", []string{`d.yaml:2:1: there is no key "volum_gb" … volume_gb?`}},
		"strange key":       {"name: orders\nzzzzzzzzzzzzzzz: 20\n", []string{`d.yaml:2:1: there is no key "zzz … the keys are id, name`}},
		"twice":             {"name: orders\nowner: a\nowner: b\n", []string{"d.yaml:3:1: owner is here twice, and first on line 2 … delete"}},
		"two documents":     {"name: orders\n---\nname: catalog\n", []string{"d.yaml:2:1: the file holds a second document … of its own"}},
		"text for number":   {"name: orders\nvolume_gb: \"20\"\n", []string{`d.yaml:2:12: "20" is text and no number … without quotes`}},
		"word for number":   {"name: orders\nvolume_gb: big\n", []string{`d.yaml:2:12: "big" is not a whole number … 10`}},
		"hex for number":    {"name: orders\nvolume_gb: 0x10\n", []string{`d.yaml:2:12: "0x10" is not a whole number … digits`}},
		"huge number":       {"name: orders\nvolume_gb: 99999999999\n", []string{"d.yaml:2:12: 99999999999 is too large … smaller"}},
		"number for text":   {"name: orders\nowner: 12\n", []string{`d.yaml:2:8: 12 is not text, as YAML reads it … "12"`}},
		"word for truth":    {"name: orders\nrunning: yes\n", []string{`d.yaml:2:10: "yes" is neither true nor false … true or false`}},
		"no value":          {"name: orders\nowner:\n", []string{`d.yaml:2:7: the value is missing … ""`}},
		"mapping for text":  {"name: orders\nowner:\n  a: b\n", []string{"d.yaml:3:3: a single value is wanted here … text"}},
		"alias":             {"name: &n orders\nowner: *n\n", []string{"d.yaml:1:7: anchors … write the value", "d.yaml:2:8: anchors … write the value"}},
		"merge":             {"name: orders\n<<: {owner: a}\n", []string{"d.yaml:2:1: a key is a plain word … themselves"}},
		"tag":               {"name: !!binary aaaa\n", []string{"d.yaml:1:7: the tag !!binary is not read here … leave it out"}},
		"nested setting":    {"name: orders\nsettings:\n  listener:\n    back_log: 5\n", []string{"d.yaml:4:5: a setting is one value … dots"}},
		"strange number":    {"name: orders\nsettings:\n  a: 1_000\n  b: 1.10\n", []string{`d.yaml:3:6: YAML takes 1_000 … "1_000"`, `d.yaml:4:6: YAML takes 1.10 … "1.10"`}},
		"settings of null":  {"name: orders\nsettings:\n", []string{"d.yaml:2:10: settings is not a mapping … {}"}},
		"several":           {"name: orders\nowner: 1\nx: 2\nrunning: 3\n", []string{"d.yaml:2:8: 1", "d.yaml:3:1: there", "d.yaml:4:10: "}},
		"fleet":             {"limits: {max_destroyed: 5}\nversions: []\nreviewers: []\n", nil},
		"unknown limit":     {"limits:\n  max_destroy: 5\n", []string{`d.yaml:2:3: there is no key "max_destroy" … max_destroyed?`}},
		"unknown list":      {"limits: {}\nversion: []\n", []string{`d.yaml:2:1: there is no key "version" … versions?`}},
		"no list":           {"versions: {}\n", []string{"d.yaml:1:11: versions is not a list … []"}},
		"item is no row":    {"versions:\n  - 2.2.0\n", []string{"d.yaml:2:5: an item of versions is not a mapping … key: value"}},
		"item without key":  {"versions:\n  - url: x\n", []string{"d.yaml:2:5: the version is missing … version:"}},
		"a row twice":       {"reviewers:\n  - person: a@b\n  - person: a@b\n    branch: main\n", []string{"d.yaml:3:5: this row is here twice … delete"}},
		"name, then limits": {"name: orders\nlimits: {}\n", []string{`d.yaml:2:1: there is no key "limits" … keys are`}},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, faults := Parse("d.yaml", []byte(c.file))
			if len(faults) != len(c.want) {
				t.Fatalf("got %d faults, want %d: %v", len(faults), len(c.want), faults)
			}
			for i, want := range c.want {
				begin, advice, _ := strings.Cut(want, " … ")
				if got := faults[i].String(); !strings.HasPrefix(got, begin) || !strings.Contains(got, advice) {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
}

func TestParseReadsAsTheTableHasIt(t *testing.T) {
	t.Parallel()
	f, faults := Parse("d.yaml", []byte(`name: 'orders'
owner: 2026-11-22
volume_gb: 20
running: True
protected: false
settings:
  a: true
  b: 1.5
  c: "1.50"
  d: ON
  e: -7
  f: |
    two
    lines
  g: ""
  h: !!str 1_0
`))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	d := f.Deployment
	for column, want := range map[string]string{"name": "orders", "owner": "2026-11-22", "volume_gb": "20", "running": "1", "protected": "0"} {
		if got := d.text(column); got != want {
			t.Errorf("%s is %q, want %q", column, got, want)
		}
	}
	want := map[string]string{"a": "true", "b": "1.5", "c": "1.50", "d": "ON", "e": "-7", "f": "two\nlines\n", "g": "", "h": "1_0"}
	for _, s := range d.Settings {
		if got := s.text("value"); got != want[s.text("name")] {
			t.Errorf("%s is %q, want %q", s.text("name"), got, want[s.text("name")])
		}
	}
	if v := d.Values["volume_gb"]; v.Line != 3 || v.Column != 12 || len(d.Settings) != len(want) {
		t.Errorf("got %+v and %d settings", v, len(d.Settings))
	}
}

// TestWhichFile: a deployment may be called fleet, and fleet.yaml may be empty of lists.
func TestWhichFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path, data string
		fleet      bool
	}{
		{"fleet.yaml", "limits: {}\n", true}, {"fleet.yaml", "{}\n", true}, {"x.yaml", "versions: []\n", true},
		{"deployments/fleet.yaml", "name: fleet\n", false}, {"x.yaml", "owner: a\n", false},
	} {
		f, _ := Parse(c.path, []byte(c.data))
		if got := f.Fleet != nil; got != c.fleet || (f.Deployment != nil) == got {
			t.Errorf("%s %q: got %v", c.path, c.data, got)
		}
	}
}
