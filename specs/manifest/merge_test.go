package manifest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/specs"
)

const (
	ordersID  = "00000000-0000-0000-0000-000000000001"
	catalogID = "00000000-0000-0000-0000-000000000002"
	newID     = "00000000-0000-0000-0000-00000000000f"
)

// base is a fleet of two deployments.
func base() Tables {
	row := func(id, name string) specs.Row {
		r := initials(deploymentColumns)
		r["id"], r["name"] = id, name
		return r
	}
	return Tables{
		specs.TableDeployments: {row(ordersID, "orders"), row(catalogID, "catalog")},
		specs.TableSettings: {
			settingRow(ordersID, "log_level", "debug"), settingRow(ordersID, "behavior.read_only", "true"), settingRow(catalogID, "log_level", "info"),
		},
		specs.TableLimits:    {{"name": "max_destroyed", "value": "3"}},
		specs.TableVersions:  {{"version": "1.86.4", "url": "", "sha256": "", "note": "old"}, {"version": "2.2.0", "url": "", "sha256": "", "note": ""}},
		specs.TableReviewers: {{"branch": "main", "owner": "", "person": "a@b", "required": "1"}},
	}
}

// told tells changes in short: table, key, and the cells.
func told(changes []specs.RowChange) string {
	var lines []string
	for _, c := range changes {
		switch {
		case c.From == nil:
			lines = append(lines, "+"+c.Table+" "+c.Key)
		case c.To == nil:
			lines = append(lines, "-"+c.Table+" "+c.Key)
		default:
			for _, cell := range specs.Cells(c, nil) {
				lines = append(lines, fmt.Sprintf("%s %s.%s=%v", c.Table, c.Key, cell.Column, cell.To))
			}
		}
	}
	return strings.Join(lines, "\n")
}

func TestMerge(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		files   []string // name, content, name, content, …
		prune   bool
		want    []string
		unnamed string
	}{
		"nothing":       {[]string{"o", "name: orders\n", "c", "name: catalog\n"}, false, nil, "map[]"},
		"by name":       {[]string{"o", "name: orders\nvolume_gb: 20\n"}, false, []string{"deployments " + ordersID + ".volume_gb=20"}, "map[deployments:1]"},
		"by id":         {[]string{"o", "id: " + ordersID + "\nname: sales\n"}, false, []string{"deployments " + ordersID + ".name=sales"}, "map[deployments:1]"},
		"new":           {[]string{"n", "name: new\nsettings: {a: 1}\n"}, false, []string{"+deployments " + newID, "+settings " + newID + "/a"}, "map[deployments:2]"},
		"new with id":   {[]string{"n", "id: " + newID + "\nname: new\n"}, false, []string{"+deployments " + newID}, "map[deployments:2]"},
		"name moves":    {[]string{"o", "id: " + ordersID + "\nname: sales\n", "n", "name: orders\n"}, false, []string{"deployments " + ordersID + ".name=sales", "+deployments " + newID}, "map[deployments:1]"},
		"settings":      {[]string{"o", "name: orders\nsettings: {log_level: info, b: x}\n"}, false, []string{"+settings " + ordersID + "/b", "settings " + ordersID + "/log_level.value=info"}, "map[deployments:1 settings:1]"},
		"prune":         {[]string{"o", "name: orders\n"}, true, []string{"-deployments " + catalogID, "-settings " + catalogID + "/log_level"}, "map[]"},
		"prune setting": {[]string{"o", "name: orders\nsettings: {log_level: debug}\n", "c", "name: catalog\n"}, true, []string{"-settings " + ordersID + "/behavior.read_only"}, "map[]"},
		"prune fleet": {
			[]string{"f", "limits: {}\nversions: [{version: 2.2.0}]\n"}, true, []string{"-limits max_destroyed", "-versions 1.86.4"}, "map[]",
		},
		"fleet": {
			[]string{"f", "limits: {max_disrupted: 2}\nversions: [{version: 2.2.0, note: new}]\nreviewers: [{person: a@b, required: 2}, {person: c@d}]\n"}, false,
			[]string{"+limits max_disrupted", "+reviewers main//c@d", "reviewers main//a@b.required=2", "versions 2.2.0.note=new"}, "map[limits:1 versions:1]",
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, faults := Merge(base(), parsed(t, c.files), Options{Prune: c.prune, NewID: func(string) string { return newID }})
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			lines := strings.Split(told(m.Changes), "\n")
			for _, want := range c.want {
				if !strings.Contains("\n"+told(m.Changes)+"\n", "\n"+want+"\n") {
					t.Errorf("want %s in\n%s", want, told(m.Changes))
				}
			}
			if len(m.Changes) > 0 && len(lines) != len(c.want) || fmt.Sprint(m.Unnamed) != c.unnamed {
				t.Errorf("got\n%s\nunnamed %v, want %s", told(m.Changes), m.Unnamed, c.unnamed)
			}
		})
	}
}

func parsed(t testing.TB, files []string) []*File {
	t.Helper()
	var all []*File
	for i := 0; i < len(files); i += 2 {
		f, faults := Parse(files[i], []byte(files[i+1]))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		all = append(all, f)
	}
	return all
}

func TestMergeFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"one name":    {[]string{"a", "name: x\n", "b", "owner: y\nname: x\n"}, "b:2:7: the deployment x is in a too"},
		"one id":      {[]string{"a", "name: x\nid: " + newID + "\n", "b", "name: y\nid: " + newID + "\n"}, "b:2:5: the deployment with the id " + newID + " is in a too"},
		"another id":  {[]string{"a", "name: orders\nid: " + newID + "\n"}, "a:2:5: the fleet has a deployment orders with the id " + ordersID},
		"one version": {[]string{"a", "versions: [{version: 1.2.3}]\n", "b", "versions:\n - version: 1.2.3\n"}, "b:2:4: the row 1.2.3 of versions is in a too"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, faults := Merge(base(), parsed(t, c.files), Options{NewID: func(string) string { return newID }})
			if len(faults) != 1 || !strings.HasPrefix(faults[0].String(), c.want) || faults[0].Advice == "" {
				t.Errorf("got %v, want %s", faults, c.want)
			}
		})
	}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	m, _ := Merge(base(), parsed(t, []string{"o.yaml", "name: orders\nsettings:\n  log_levl: x\n"}), Options{})
	for _, c := range []struct{ table, key, column, want string }{
		{specs.TableDeployments, "orders", "name", "o.yaml:1:7"},
		{specs.TableDeployments, "orders", "volume_gb", "o.yaml:1:1"}, // not written: the row
		{specs.TableSettings, "orders/log_levl", "name", "o.yaml:3:3"},
		{specs.TableSettings, "orders/log_levl", "value", "o.yaml:3:13"},
	} {
		if got, ok := m.Place(specs.Finding{Table: c.table, Key: c.key, Column: c.column}); !ok || got.String() != c.want {
			t.Errorf("%s %s.%s is at %s, want %s", c.table, c.key, c.column, got, c.want)
		}
	}
	if got, ok := m.Place(specs.Finding{Table: specs.TableDeployments, Key: "catalog"}); ok {
		t.Errorf("catalog is in no file, and found at %s", got)
	}
}

// TestStatements: references hold after every statement, and two may swap names.
func TestStatements(t *testing.T) {
	t.Parallel()
	files := parsed(t, []string{
		"o", "id: " + ordersID + "\nname: catalog\nowner: \"it's \\\\ \\n; DROP\"\n", "c", "id: " + catalogID + "\nname: orders\nsettings: {}\n",
		"n", "name: new\ndolt_version: 3.0.0\nsettings: {a: b}\n", "f", "versions: [{version: 3.0.0}, {version: 2.2.0}]\n",
	})
	m, faults := Merge(base(), files, Options{Prune: true, NewID: func(string) string { return newID }})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	got := Statements(m.Changes)
	at := -1
	for _, want := range []string{
		"INSERT INTO `versions` (`note`, `sha256`, `url`, `version`) VALUES\n  ('', '', '', '3.0.0');",
		"DELETE FROM `settings` WHERE `deployment` = '" + catalogID + "' AND `name` = 'log_level';",
		"UPDATE `deployments` SET `name` = 'renaming-" + ordersID + "' WHERE `id` = '" + ordersID + "';",
		"UPDATE `deployments` SET `name` = 'catalog', `owner` = 'it\\'s \\\\ \\n; DROP' WHERE `id` = '" + ordersID + "';",
		"UPDATE `deployments` SET `name` = 'orders' WHERE `id` = '" + catalogID + "';",
		"INSERT INTO `deployments` (", "INSERT INTO `settings` (", "DELETE FROM `versions` WHERE `version` = '1.86.4';",
	} {
		next := strings.Index(got, want)
		if next <= at {
			t.Errorf("want, after what comes before it: %s\nin\n%s", want, got)
		}
		at = next
	}
	if Statements(nil) != "" {
		t.Error("no changes need no statements")
	}
}
