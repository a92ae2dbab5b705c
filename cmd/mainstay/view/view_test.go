package view_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

var now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func desired(names ...string) *specs.Snapshot {
	s := specs.NewSnapshot()
	for _, name := range names {
		s.PutDeployment(&specs.Deployment{ID: "id-" + name, Name: name})
	}
	return s
}

func state(commit, head string, deployments ...plan.Status) *ledger.State {
	s := &ledger.State{Applied: ledger.Applied{Commit: commit, Head: head}, Deployments: map[string]ledger.Deployment{}}
	for _, d := range deployments {
		s.Deployments[d.ID] = ledger.Deployment{Status: d, Commit: commit}
	}
	return s
}

func serving(name string) plan.Status {
	return plan.Status{
		ID: "id-" + name, Name: name, Phase: plan.PhaseServing, Ready: true, Role: "primary", Host: "127.0.0.1", Port: 20001,
		DoltVersion: "2.2.0", MachineID: "m-1", VolumeID: "vol-1", Generation: 1,
	}
}

func TestStatusText(t *testing.T) {
	t.Parallel()
	waiting := state("aaaaaaaaaa", "aaaaaaaaaa", serving("orders"))
	waiting.Conditions = []ledger.Condition{{
		Deployment: "id-orders", Since: now.Add(-90 * time.Second),
		Condition: plan.Condition{Type: "Waiting", Status: true, Message: "waits for its turn"},
	}}
	refused := state("aaaaaaaaaa", "bbbbbbbbbb", serving("orders"))
	refused.Findings = []specs.Finding{{Severity: specs.Error, Table: "deployments", Key: "orders", Column: "volume_gb", Message: "too small", Advice: "use more"}}
	gap := state("aaaaaaaaaa", "aaaaaaaaaa", serving("orders"))
	gap.Gaps = map[string]ledger.Gap{"volumes": {Reason: "permission denied", Since: now}}
	for name, c := range map[string]struct {
		head  string
		rows  *specs.Snapshot
		state *ledger.State
		want  string
	}{
		"converged": {"aaaaaaaaaa", desired("orders"), state("aaaaaaaaaa", "aaaaaaaaaa", serving("orders")), `
main aaaaaaaa in force, converged: 1 of 1 database serving

NAME    PHASE    ADDRESS          DOLT
orders  serving  127.0.0.1:20001  2.2.0
`},
		"a row nobody has seen": {"bbbbbbbbbb", desired("orders", "new-one"), state("aaaaaaaaaa", "aaaaaaaaaa", serving("orders")), `
main aaaaaaaa in force; bbbbbbbb is not seen by a control plane yet

NAME     PHASE    ADDRESS          DOLT
new-one  new      -                -
orders   serving  127.0.0.1:20001  2.2.0

new-one: no control plane has seen this row yet
`},
		"a wait": {"aaaaaaaaaa", desired("orders"), waiting, `
main aaaaaaaa in force, working: 1 of 1 database serving

NAME    PHASE    ADDRESS          DOLT
orders  serving  127.0.0.1:20001  2.2.0

orders: Waiting: waits for its turn (for 1 min)
`},
		"a refused commit": {"bbbbbbbbbb", desired("orders"), refused, `
! main bbbbbbbb is refused; aaaaaaaa stays in force
  error: deployments orders.volume_gb: too small; use more

NAME    PHASE    ADDRESS          DOLT
orders  serving  127.0.0.1:20001  2.2.0
`},
		"a gap": {"aaaaaaaaaa", desired("orders"), gap, `
main aaaaaaaa in force, working: 1 of 1 database serving
! Gap: the list of volumes is not whole, so nothing that misses from it counts as gone: permission denied

NAME    PHASE    ADDRESS          DOLT
orders  serving  127.0.0.1:20001  2.2.0
`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			if err := (view.StatusText{Now: now}).Write(&b, view.NewStatus(c.head, c.rows, c.state)); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(strings.TrimPrefix(c.want, "\n"), b.String()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestRenameShowsAtOnce(t *testing.T) {
	t.Parallel()
	rows := desired()
	rows.PutDeployment(&specs.Deployment{ID: "id-orders", Name: "commandes"})
	s := view.NewStatus("aaaaaaaaaa", rows, state("aaaaaaaaaa", "aaaaaaaaaa", serving("orders")))
	if _, ok := s.Only("commandes"); !ok {
		t.Errorf("got %+v, want the new name", s.Deployments)
	}
	if _, ok := s.Only("id-orders"); !ok {
		t.Error("an id must find it too")
	}
}

func TestChangeLines(t *testing.T) {
	t.Parallel()
	cell := func(table, key, column string, from, to any) specs.CellChange {
		return specs.CellChange{Table: table, Key: key, Column: column, From: from, To: to}
	}
	got := view.ChangeLines(render.Style{}, []specs.CellChange{
		cell("deployments", "orders", "volume_gb", "10", "20"),
		cell("deployments", "orders", "owner", "", "shop\n"),
		cell("settings", "orders/log_level", "deployment", nil, "id-orders"),
		cell("settings", "orders/log_level", "name", nil, "log_level"),
		cell("settings", "orders/log_level", "value", nil, "debug"),
		cell("limits", "max_disrupted", "name", "max_disrupted", nil),
		cell("limits", "max_disrupted", "value", "2", nil),
	})
	want := []string{
		"~ deployments orders.volume_gb: 10 -> 20",
		`~ deployments orders.owner: '' -> shop\n`,
		"+ settings orders/log_level  value=debug",
		"- limits max_disrupted  name=max_disrupted value=2",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestPlanText(t *testing.T) {
	t.Parallel()
	p := view.Plan{}
	p.SetPreview(plan.Preview{
		Actions: []plan.Action{
			{Name: "orders", Kind: plan.GrowVolume, Summary: "grow", Disruption: plan.None},
			{Name: "orders", Kind: plan.DeployDatabase, Summary: "restart", Disruption: plan.Restart},
			{Name: "web", Kind: plan.DeployDatabase, Summary: "rename", Disruption: plan.None},
		},
		Waits: []plan.Wait{{Name: "old", Reason: "for its turn"}},
	})
	var b bytes.Buffer
	if err := view.WritePlan(&b, render.Style{}, p); err != nil {
		t.Fatal(err)
	}
	want := "orders  none     grow\norders  restart  restart\nweb     none     rename\nold     waits    for its turn\n\n" +
		"2 databases touched: 1 restarted, 1 undisturbed (plan " + p.Hash + ")\n"
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
	if len(p.Hash) != 12 {
		t.Errorf("the hash is %q", p.Hash)
	}
	if p.Refused() {
		t.Error("nothing refuses it")
	}
}

func TestEmptyListsAreListsInJSON(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := render.JSON(&b, view.NewStatus("a", desired(), state("a", "a"))); err != nil {
		t.Fatal(err)
	}
	p := view.Plan{}
	p.SetPreview(plan.Preview{})
	if err := render.JSON(&b, p); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "null") {
		t.Errorf("a list is null:\n%s", b.String())
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 59 * time.Second: "59 s", 61 * time.Second: "1 min", 90 * time.Minute: "1 h", 49 * time.Hour: "2 d 1 h",
	} {
		if got := view.Age(d); got != want {
			t.Errorf("Age(%s) = %q, want %q", d, got, want)
		}
	}
}
