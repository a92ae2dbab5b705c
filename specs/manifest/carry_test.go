package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mainstaydb/mainstay/specs"
)

func toldConflicts(conflicts []Conflict) string {
	var lines []string
	for _, c := range conflicts {
		lines = append(lines, fmt.Sprintf("%s %s.%s %v|%v|%v", c.Table, c.Key, c.Column, c.Base, c.Ours, c.Theirs))
	}
	return strings.Join(lines, "\n")
}

// TestCarry: base() is what the rows are by now; its volumes have 10 GiB.
func TestCarry(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		old, files []string
		want       string // changes, as told tells them
		conflicts  string
	}{
		"a change":               {[]string{"o", "name: orders\nvolume_gb: 10\n"}, []string{"o", "name: orders\nvolume_gb: 20\n"}, "deployments " + ordersID + ".volume_gb=20", ""},
		"rows moved on":          {[]string{"o", "name: orders\nvolume_gb: 10\nowner: x\n"}, []string{"o", "name: orders\nvolume_gb: 20\nowner: x\n"}, "deployments " + ordersID + ".volume_gb=20", ""},
		"the same by now":        {[]string{"o", "name: orders\nvolume_gb: 5\n"}, []string{"o", "name: orders\nvolume_gb: 10\n"}, "", ""},
		"another by now":         {[]string{"o", "name: orders\nvolume_gb: 5\n"}, []string{"o", "name: orders\nvolume_gb: 20\n"}, "", "deployments orders.volume_gb 5|10|20"},
		"one of two cells":       {[]string{"o", "name: orders\nvolume_gb: 5\nowner: ''\n"}, []string{"o", "name: orders\nvolume_gb: 20\nowner: x\n"}, "", "deployments orders.volume_gb 5|10|20"},
		"written down at last":   {[]string{"o", "name: orders\n"}, []string{"o", "name: orders\nvolume_gb: 20\n"}, "deployments " + ordersID + ".volume_gb=20", ""},
		"left out":               {[]string{"o", "name: orders\nvolume_gb: 10\n"}, []string{"o", "name: orders\n"}, "", ""},
		"a new one":              {nil, []string{"n", "name: new\nsettings: {a: 1}\n"}, "+deployments " + newID + "\n+settings " + newID + "/a", ""},
		"a new one that is here": {nil, []string{"o", "name: orders\nvolume_gb: 10\n"}, "", ""},
		"two new ones":           {nil, []string{"o", "name: orders\nvolume_gb: 20\n"}, "", "deployments orders.volume_gb <nil>|10|20"},
		"deleted":                {[]string{"c", "name: catalog\n"}, nil, "-deployments " + catalogID + "\n-settings " + catalogID + "/log_level", ""},
		"deleted twice":          {[]string{"x", "name: gone\n"}, nil, "", ""},
		"deleted and changed":    {[]string{"c", "name: catalog\nvolume_gb: 5\n"}, nil, "-settings " + catalogID + "/log_level", "deployments catalog.volume_gb 5|10|<nil>"},
		"changed and deleted":    {[]string{"x", "name: gone\nvolume_gb: 5\n"}, []string{"x", "name: gone\nvolume_gb: 6\n"}, "", "deployments gone.volume_gb 5|<nil>|6"},
		"moved to another file":  {[]string{"o", "name: orders\n"}, []string{"p", "name: orders\n"}, "", ""},
		"renamed":                {[]string{"o", "id: " + ordersID + "\nname: orders\n"}, []string{"s", "id: " + ordersID + "\nname: sales\n"}, "deployments " + ordersID + ".name=sales", ""},
		"a setting":              {[]string{"o", "name: orders\nsettings: {log_level: debug, behavior.read_only: true}\n"}, []string{"o", "name: orders\nsettings: {log_level: info}\n"}, "-settings " + ordersID + "/behavior.read_only\nsettings " + ordersID + "/log_level.value=info", ""},
		"a setting of two":       {[]string{"o", "name: orders\nsettings: {log_level: warning}\n"}, []string{"o", "name: orders\nsettings: {log_level: info}\n"}, "", "settings orders/log_level.value warning|debug|info"},
		"the fleet":              {[]string{"f", "limits: {max_destroyed: 3}\n"}, []string{"f", "limits: {max_destroyed: 4, max_disrupted: 2}\n"}, "limits max_destroyed.value=4\n+limits max_disrupted", ""},
		"the fleet of two":       {[]string{"f", "limits: {max_destroyed: 2}\n"}, []string{"f", "limits: {max_destroyed: 4}\n"}, "", "limits max_destroyed.value 2|3|4"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours := base()
			if len(c.old) > 0 && c.old[0] == "c" || len(c.files) == 0 { // only the rows that are named
				ours[specs.TableDeployments], ours[specs.TableSettings] = ours[specs.TableDeployments][1:], ours[specs.TableSettings][2:]
			} else {
				ours[specs.TableDeployments], ours[specs.TableSettings] = ours[specs.TableDeployments][:1], ours[specs.TableSettings][:2]
			}
			if len(c.old) > 0 && c.old[0] == "x" || len(c.files) > 0 && c.files[0] == "n" {
				ours = Tables{}
			}
			carried, faults := Carry(ours, parsed(t, c.old), parsed(t, c.files), func(string) string { return newID })
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			if got := told(carried.Changes); got != c.want {
				t.Errorf("changes:\n%s\nwant:\n%s", got, c.want)
			}
			if got := toldConflicts(carried.Conflicts); got != c.conflicts {
				t.Errorf("conflicts:\n%s\nwant:\n%s", got, c.conflicts)
			}
		})
	}
}

// TestCarryIsThreeWay: for any values of a cell in the old file, the rows and the new
// file, the outcome is that of a three-way merge.
func TestCarryIsThreeWay(t *testing.T) {
	t.Parallel()
	tb := t
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.IntRange(1, 3)
		old, now, next := value.Draw(t, "old"), value.Draw(t, "now"), value.Draw(t, "next")
		row := maps.Clone(base()[specs.TableDeployments][0])
		row["volume_gb"] = fmt.Sprint(now)
		ours := Tables{specs.TableDeployments: {row}}
		say := func(n int) []*File { return parsed(tb, []string{"o", fmt.Sprintf("name: orders\nvolume_gb: %d\n", n)}) }
		c, faults := Carry(ours, say(old), say(next), func(string) string { return newID })
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		changes, conflict := next != old && now == old, next != old && now != old && now != next
		if (len(c.Changes) == 1) != changes || (len(c.Conflicts) == 1) != conflict {
			t.Errorf("from %d to %d on %d: %s; %s", old, next, now, told(c.Changes), toldConflicts(c.Conflicts))
		}
		if !slices.ContainsFunc(ours[specs.TableDeployments], func(r specs.Row) bool { return r["volume_gb"] == fmt.Sprint(now) }) {
			t.Error("the rows that were given were changed")
		}
	})
}
