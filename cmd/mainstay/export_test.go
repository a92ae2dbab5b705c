package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/manifest"
)

const (
	firstID  = "00000000-0000-0000-0000-000000000001"
	secondID = "00000000-0000-0000-0000-000000000002"
)

func deploymentRow(id, name string) specs.Row {
	return specs.Row{
		"id": id, "name": name, "owner": "", "zone": "local", "instance_type": "t3.small", "volume_type": "gp3", "volume_gb": "10", "volume_iops": "0",
		"volume_mibps": "0", "dolt_version": "2.2.0", "standbys": "0", "certificate": "fleet", "running": "1", "protected": "0", "retention_days": "7",
	}
}

// layout lists the files below a directory, each with its first line.
func layout(t *testing.T, dir string) map[string]string {
	t.Helper()
	paths, err := yamlBelow(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		if f, faults := manifest.Parse(path, data); len(faults) == 0 && f.Deployment != nil {
			found[name] = f.Deployment.Values["id"].Text
		}
	}
	return found
}

// TestExportFiles is about which file is whose.
func TestExportFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		there map[string]string
		rows  []specs.Row
		prune bool
		want  map[string]string // file: id
		gone  int
	}{
		"new":         {nil, []specs.Row{deploymentRow(firstID, "a")}, false, map[string]string{"deployments/a.yaml": firstID}, 0},
		"renamed":     {map[string]string{"deployments/a.yaml": "id: " + firstID + "\nname: a\n"}, []specs.Row{deploymentRow(firstID, "b")}, false, map[string]string{"deployments/b.yaml": firstID}, 0},
		"by name":     {map[string]string{"deployments/x.yml": "name: a\n"}, []specs.Row{deploymentRow(firstID, "a")}, false, map[string]string{"deployments/a.yaml": firstID}, 0},
		"below":       {map[string]string{"deployments/shop/a.yaml": "name: a\n"}, []specs.Row{deploymentRow(firstID, "a")}, false, map[string]string{"deployments/shop/a.yaml": firstID}, 0},
		"other id":    {map[string]string{"deployments/a.yaml": "id: " + secondID + "\nname: a\n"}, []specs.Row{deploymentRow(firstID, "a")}, false, map[string]string{"deployments/a.yaml": firstID}, 0},
		"gone":        {map[string]string{"deployments/a.yaml": "id: " + secondID + "\nname: a\n"}, nil, false, map[string]string{"deployments/a.yaml": secondID}, 1},
		"gone, prune": {map[string]string{"deployments/a.yaml": "id: " + secondID + "\nname: a\n"}, nil, true, map[string]string{}, 1},
		"swapped": {
			map[string]string{"deployments/a.yaml": "id: " + firstID + "\nname: a\n", "deployments/b.yaml": "id: " + secondID + "\nname: b\n"},
			[]specs.Row{deploymentRow(firstID, "b"), deploymentRow(secondID, "a")}, true,
			map[string]string{"deployments/a.yaml": secondID, "deployments/b.yaml": firstID}, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for file, content := range c.there {
				path := filepath.Join(dir, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			tables := manifest.Tables{specs.TableDeployments: c.rows}
			e := &exporter{options: exportOptions{dir: dir, prune: c.prune}}
			if err := errors.Join(e.read(), e.plan(tables)); err != nil {
				t.Fatal(err)
			}
			if err := e.write(); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, layout(t, dir)); d != "" || len(e.doc.Gone) != c.gone {
				t.Errorf("%s gone: %v", d, e.doc.Gone)
			}
			again := &exporter{options: exportOptions{dir: dir, prune: c.prune, check: true}}
			if err := errors.Join(again.read(), again.plan(tables)); err != nil || len(again.writes)+len(again.removes) > 0 {
				t.Errorf("a second export has something to do: %v %v %v", again.doc, again.removes, err)
			}
		})
	}
}

// TestExportRefusesNamesOutside: a row that was pushed past the checks names no
// file elsewhere.
func TestExportRefusesNamesOutside(t *testing.T) {
	t.Parallel()
	e := &exporter{options: exportOptions{dir: t.TempDir()}}
	if err := e.plan(manifest.Tables{specs.TableDeployments: {deploymentRow(firstID, "../../x")}}); err == nil || len(e.writes) > 0 {
		t.Errorf("got %v, %v", err, e.writes)
	}
}

func TestManifestPaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, file := range []string{"fleet.yaml", "other.yaml", "deployments/a.yaml", "deployments/x/b.yml", "deployments/.hidden.yaml", "deployments/.git/c.yaml", "deployments/readme.md"} {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for arg, want := range map[string][]string{
		".": {"fleet.yaml", "deployments/a.yaml", "deployments/x/b.yml"}, "deployments": {"deployments/a.yaml", "deployments/x/b.yml"}, "other.yaml": {"other.yaml"},
	} {
		got, err := manifestPaths(filepath.Join(dir, arg))
		for i := range want {
			want[i] = filepath.Join(dir, want[i])
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v, want %v", arg, got, err, want)
		}
	}
}
