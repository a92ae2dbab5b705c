package manifest

import (
	"bytes"
	"maps"
	"testing"
	"unicode/utf8"

	"github.com/mainstaydb/mainstay/specs"
)

// FuzzParse: no bytes make Parse panic, and each fault has its place. What a file says is
// what it says when that is written, anew or over the file, and writing it once more
// changes nothing; so it is with another deployment, written over the file.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		wantNew, "name: orders", "# c\nname: a\nsettings: {}\n", "{name: a, settings: {b: c}}", "name: \"a\\u0085b\"\r\nowner: 'it''s'\r\n", "? name\n: a\n", "name: a\n---\n",
		"\xff\xfen\x00", "name: &a b\nx: *a\n", "- [", "\t", "name: >+\n a\n\n", "name: é\nowner: \"ü\" # ö\nvolume_gb: 1\n",
		"limits:\n  max_destroyed: 3\nversions:\n- version: 2.2.0\n  note: |\n    a\n", "limits: {}\nversions: []\nreviewers: []\n",
		"reviewers:\n  - person: a@b\n  - {person: b@c, owner: shop, required: 2} # two\nversions:\n  # kept\n  - version: 1.86.4\n    url: https://dolt.example\n    sha256: \"00\"\n",
		"name: a\nsettings:\n  a: true\n  b: 1.5\n  c: \"1.50\"\n  d: ON\n  e: -7\n  f: |\n    two\n    lines\n  g: \"\"\n  h: !!str 1_0\n  \"\": ~\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, faults := Parse("x.yaml", data)
		for _, fault := range faults {
			if fault.Line < 1 || fault.Column < 1 || fault.Message == "" || fault.Advice == "" {
				t.Errorf("a fault without a place or advice: %+v", fault)
			}
		}
		if file == nil && len(faults) == 0 {
			t.Fatal("nothing is read, and nothing is wrong")
		}
		switch {
		case len(faults) > 0:
		case file.Fleet != nil:
			fleetAgain(t, file, data)
		default:
			deploymentAgain(t, file, data)
		}
	})
}

// rowIn gives a deployment as a file says it, on top of the schema's defaults.
func rowIn(t *testing.T, f *File) *specs.Deployment {
	t.Helper()
	row := written(initials(deploymentColumns), f.Deployment.Row)
	d, findings := specs.DecodeDeployment(func(column string) (any, bool) { v, ok := row[column]; return v, ok })
	if len(findings) > 0 {
		t.Fatalf("what was read without a fault is no row: %v", findings)
	}
	d.Settings = map[string]string{}
	for _, s := range f.Deployment.Settings {
		d.Settings[s.text("name")] = s.text("value")
	}
	return d
}

func deploymentAgain(t *testing.T, file *File, data []byte) {
	t.Helper()
	said := rowIn(t, file)
	for _, d := range []*specs.Deployment{said, deployment()} {
		for _, over := range [][]byte{nil, data} {
			got := encoded(t, func(existing []byte) ([]byte, error) { return Encode(d, existing) }, over)
			f, faults := Parse("x.yaml", got)
			if len(faults) > 0 || f.Deployment == nil {
				t.Fatalf("cannot read what was written: %v\n%q\nover\n%q", faults, got, over)
			}
			read := rowIn(t, f)
			if settings := read.Settings; !maps.Equal(settings, d.Settings) || len(specs.Diff(alone(d), alone(read))) > 0 {
				t.Errorf("%+v is written as\n%q\nover\n%q\nand read as %+v", d, got, over, read)
			}
		}
	}
}

func alone(d *specs.Deployment) *specs.Snapshot {
	s := specs.NewSnapshot()
	s.PutDeployment(d)
	return s
}

// fleetAgain is deploymentAgain for the rows of the whole fleet.
func fleetAgain(t *testing.T, file *File, data []byte) {
	t.Helper()
	tables := Tables{}
	for table, rows := range file.Fleet.lists() {
		for _, row := range rows {
			tables[table] = append(tables[table], written(initials(columnsOf(table)), row))
		}
	}
	for _, over := range [][]byte{nil, data} {
		got := encoded(t, func(existing []byte) ([]byte, error) { return EncodeFleet(tables, existing) }, over)
		f, faults := Parse(FleetFile, got)
		if len(faults) > 0 || f.Fleet == nil {
			t.Fatalf("cannot read what was written: %v\n%q\nover\n%q", faults, got, over)
		}
		if m, faults := Merge(tables, []*File{f}, Options{Prune: true}); len(faults) > 0 || len(m.Changes) > 0 {
			t.Errorf("%v is written as\n%q\nover\n%q\nand reads as the changes %v, %v", tables, got, over, m.Changes, faults)
		}
	}
}

// encoded writes over a file, and once more over what was written, which changes nothing.
func encoded(t *testing.T, encode func([]byte) ([]byte, error), over []byte) []byte {
	t.Helper()
	got, err := encode(over)
	if err != nil {
		t.Fatalf("%v\nover\n%q", err, over)
	}
	if again, err := encode(got); err != nil || !bytes.Equal(again, got) {
		t.Errorf("written over itself, with %v,\n%q\nbecomes\n%q", err, got, again)
	}
	if !utf8.Valid(got) && utf8.Valid(over) {
		t.Errorf("no text was written over text:\n%q", got)
	}
	return got
}
