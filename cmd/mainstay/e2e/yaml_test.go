package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/specs"
)

// A desk is a hub in a directory with no control plane: enough for rows.
type desk struct {
	t   *testing.T
	hub string
	env []string
	dir string // of the YAML
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	d := &desk{t: t, hub: "file://" + filepath.Join(dir, "hub"), dir: filepath.Join(dir, "fleet"), env: []string{"XDG_CACHE_HOME=" + filepath.Join(dir, "cache")}}
	if err := os.Mkdir(filepath.Join(dir, "hub"), 0o755); err != nil {
		t.Fatal(err)
	}
	d.do("init")
	return d
}

func (d *desk) run(args ...string) (stdout, stderr string, code int) {
	d.t.Helper()
	return runIn(d.t, "", d.env, append(args, "--hub", d.hub)...)
}

func (d *desk) do(args ...string) string {
	d.t.Helper()
	stdout, stderr, code := d.run(args...)
	if code != 0 {
		d.t.Fatalf("mainstay %s: exit %d: %s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// refused runs a command that must end with the code and say the words.
func (d *desk) refused(code int, words []string, args ...string) {
	d.t.Helper()
	_, stderr, got := d.run(args...)
	wantSentence(d.t, stderr, got, code, words)
}

func (d *desk) file(name string) string { return filepath.Join(d.dir, filepath.FromSlash(name)) }

func (d *desk) read(name string) string {
	d.t.Helper()
	data, err := os.ReadFile(d.file(name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(data)
}

// edit changes a file as a person with an editor does: old, new, old, new.
func (d *desk) edit(name string, edits ...string) {
	d.t.Helper()
	data := d.read(name)
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(data, edits[i]) {
			d.t.Fatalf("%s has no %q:\n%s", name, edits[i], data)
		}
		data = strings.Replace(data, edits[i], edits[i+1], 1)
	}
	write(d.t, d.file(name), data)
}

// rows are all rows that files can say, on a reference.
func (d *desk) rows(ref string) string {
	d.t.Helper()
	var all strings.Builder
	for _, table := range []string{"deployments", "settings", "limits", "versions", "reviewers"} {
		all.WriteString(d.do("sql", "-b", ref, "-o", "json", "SELECT * FROM "+table+" ORDER BY 1, 2"))
	}
	return all.String()
}

const deskRows = `INSERT INTO deployments (name, owner) VALUES ('orders', 'shop'), ('catalog', 'on');
INSERT INTO settings SELECT id, 'log_level', 'debug' FROM deployments WHERE name = 'orders';
INSERT INTO settings SELECT id, 'listener.max_connections', '200' FROM deployments WHERE name = 'orders';
INSERT INTO settings SELECT id, 'system_variables.init_connect', '0x10' FROM deployments WHERE name = 'catalog';
INSERT INTO limits VALUES ('max_destroyed', 5);
INSERT INTO reviewers (owner, person, required) VALUES ('shop', 'ada@example.org', 0)`

// TestYAML walks from rows to files and back: every row as it was, and a change
// made in an editor is reviewed on a branch.
func TestYAML(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.do("sql", "-m", "two", deskRows)
	d.do("export", d.dir)
	d.do("export", d.dir, "--check")

	// The same rows on an empty hub, with the same ids.
	other := newDesk(t)
	other.do("import", d.dir)
	if got, want := other.rows("main"), d.rows("main"); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}

	// An edit on a branch of its own, which import makes.
	d.edit("deployments/orders.yaml", "volume_gb: 10", "volume_gb: 40 # room for a year", "log_level: debug", "log_level: info")
	var doc struct {
		Commit, Branch string
		Changes        []specs.CellChange
		Findings       []specs.Finding
	}
	if err := json.Unmarshal([]byte(d.do("import", d.dir, "-b", "bigger", "-m", "room", "-o", "json")), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Commit == "" || doc.Branch != "bigger" || len(doc.Changes) != 2 || len(doc.Findings) != 0 || doc.Changes[0].To != "40" || doc.Changes[1].Key != "orders/log_level" {
		t.Errorf("got %+v", doc)
	}
	d.do("export", d.dir, "--at", "bigger", "--check")
	d.refused(3, []string{"mainstay export"}, "export", d.dir, "--check")
	if got := d.do("diff", "bigger"); !strings.Contains(got, "volume_gb: 10 -> 40") || strings.Contains(got, "catalog") {
		t.Errorf("the branch differs otherwise: %s", got)
	}
	if before := d.rows("main"); d.do("import", d.dir, "--dry-run") == "" || d.rows("main") != before {
		t.Error("--dry-run shows nothing, or changed something")
	}

	// A rename, by the file that has the id; the comment stays.
	d.edit("deployments/orders.yaml", "name: orders", "name: sales")
	d.do("import", d.file("deployments/orders.yaml"))
	d.do("export", d.dir)
	if got := d.read("deployments/sales.yaml"); !strings.Contains(got, "40 # room for a year") {
		t.Errorf("the comment is lost:\n%s", got)
	}
	if _, err := os.Stat(d.file("deployments/orders.yaml")); err == nil {
		t.Error("the file of the old name is still there")
	}
	if stdout, stderr, code := d.run("import", d.dir); code != 0 || stdout != "" || !strings.Contains(stderr, "nothing to change") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}

// TestYAMLPrune deletes rows and files that the other side does not name, and
// only when asked.
func TestYAMLPrune(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.do("sql", "-m", "two", deskRows)
	d.do("export", d.dir)
	d.edit("deployments/orders.yaml", "  log_level: debug\n", "")
	if err := os.Remove(d.file("deployments/catalog.yaml")); err != nil {
		t.Fatal(err)
	}
	before := d.rows("main")
	if _, stderr, code := d.run("import", d.dir); code != 0 || !strings.Contains(stderr, "1 row of deployments") || !strings.Contains(stderr, "1 row of settings") || d.rows("main") != before {
		t.Errorf("exit %d: %s", code, stderr)
	}
	d.refused(2, []string{"--prune", "directory"}, "import", "--prune", d.file("deployments/orders.yaml"))
	if got := d.do("import", d.dir, "--prune"); !strings.Contains(got, "- deployments catalog") || !strings.Contains(got, "- settings orders/log_level") {
		t.Errorf("got %s", got)
	}
	d.do("export", d.dir, "--check")

	d.do("sql", "-m", "gone", "DELETE FROM deployments WHERE name = 'orders'")
	if got := d.do("export", d.dir); !strings.Contains(got, "gone") || d.read("deployments/orders.yaml") == "" {
		t.Errorf("got %s", got)
	}
	d.do("export", d.dir, "--prune")
	if _, err := os.Stat(d.file("deployments/orders.yaml")); err == nil {
		t.Error("--prune left the file of a deployment that is gone")
	}
}

// TestYAMLRefused: every fault has its place, and nothing is changed.
func TestYAMLRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.do("sql", "-m", "two", deskRows)
	d.do("export", d.dir)
	before := d.rows("main")
	orders, good := d.file("deployments/orders.yaml"), d.read("deployments/orders.yaml")
	for _, c := range []struct {
		name  string
		edit  []string
		code  int
		words []string
	}{
		{"a slip in a key", []string{"volume_gb", "volum_gb"}, 1, []string{orders + ":7:1: ", "volume_gb?"}},
		{"a word for a number", []string{"volume_gb: 10", "volume_gb: big"}, 1, []string{orders + ":7:12: ", "whole number"}},
		{"a smaller volume", []string{"volume_gb: 10", "volume_gb: 9"}, 3, []string{orders + ":7:12: ", "cannot shrink", "1 error"}},
		{"what the schema refuses", []string{"volume_gb: 10", "volume_gb: 0"}, 3, []string{orders + ":7:12: ", "out of range", "2 errors"}},
		{"a setting there is not", []string{"log_level", "log_levl"}, 3, []string{orders + ":19:3: ", "log_level?"}},
		{"a name that is taken", []string{"name: orders", "name: catalog"}, 1, []string{"catalog.yaml too"}},
		{"another id", []string{"id: ", "id: 00000000-0000-0000-0000-000000000000 #"}, 1, []string{orders + ":1:5: ", "has a deployment orders"}},
	} {
		d.edit("deployments/orders.yaml", c.edit...)
		d.refused(c.code, c.words, "import", d.dir)
		if d.rows("main") != before {
			t.Fatalf("%s: something was changed", c.name)
		}
		write(t, orders, good)
	}

	// On a branch the database itself refuses; a branch made for it goes again.
	d.edit("deployments/orders.yaml", "volume_gb: 10", "volume_gb: 0")
	d.refused(3, []string{orders + ":7:12: ", "out of range"}, "import", d.dir, "-b", "bad")
	if got := d.do("branch"); strings.Contains(got, "bad") {
		t.Errorf("the branch was left: %s", got)
	}
	write(t, orders, "name: [\n")
	d.refused(1, []string{orders + ":1:", "not YAML"}, "export", d.dir)
	d.refused(2, []string{"no file or directory"}, "import", d.file("none"))
	d.refused(2, []string{"no YAML files"}, "import", t.TempDir())
	d.refused(2, []string{"status"}, "import", d.dir, "-b", "status")
}
