package plan_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

// A fleet is a small world that does what it is told, or not: it loses answers,
// machines die in it, listings have gaps and agents go silent.
type fleet struct {
	now      time.Time
	rows     map[string]*specs.Deployment
	entries  map[string]*plan.Entry
	machines []plan.Machine
	volumes  []plan.Volume
	agents   map[string]plan.Agent
	gaps     plan.Gaps
	names    []plan.Address
	certs    map[string]plan.Certificate
	written  map[string]bool // volumes that hold data
	made     map[string]bool // launches that made a machine, by token and index
}

func newFleet() *fleet {
	return &fleet{now: now, rows: map[string]*specs.Deployment{}, entries: map[string]*plan.Entry{},
		agents: map[string]plan.Agent{}, certs: map[string]plan.Certificate{}, written: map[string]bool{}, made: map[string]bool{}}
}

func (f *fleet) input(id string) plan.Input {
	in := plan.Input{Now: f.now, Row: f.rows[id], Entry: f.entries[id], Gaps: f.gaps, Agents: map[string]plan.Agent{},
		Means: plan.Means{Domain: "db.example.com", Authority: "https://acme.example/directory"}}
	for _, a := range f.names {
		if f.gaps.Names == "" && (a.Deployment == id || in.Row != nil && a.Name == in.Row.Name+".db.example.com") {
			in.Addresses = append(in.Addresses, a)
		}
	}
	if c := f.certs[id]; true {
		in.Certificate = &c
	}
	if in.Entry != nil && f.gaps.Machines == "" {
		for _, s := range in.Entry.Slots {
			for _, m := range f.machines {
				if m.Token == s.Token && m.Index == s.Index {
					in.Machines = append(in.Machines, m)
				}
			}
		}
	}
	for _, m := range in.Machines {
		if a, ok := f.agents[m.ID]; ok {
			in.Agents[m.ID] = a
		}
	}
	if f.gaps.Volumes == "" {
		for _, v := range f.volumes {
			if v.Deployment == id {
				in.Volumes = append(in.Volumes, v)
			}
		}
	}
	return in
}

func (f *fleet) ids() []string {
	var ids []string
	for id := range f.rows {
		ids = append(ids, id)
	}
	for id := range f.entries {
		if f.rows[id] == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// pass plans everything, puts it on the ledger, and carries out each action unless
// skip says that this one does not happen.
func (f *fleet) pass(t *rapid.T, skip func() bool) (did int) {
	var outs []plan.Outcome
	for _, id := range f.ids() {
		in := f.input(id)
		before := fmt.Sprintf("%+v %+v", in, in.Entry)
		out := plan.Deployment(in)
		if after := fmt.Sprintf("%+v %+v", in, in.Entry); before != after {
			t.Fatalf("the input was changed:\n%s\n%s", before, after)
		}
		f.checkOrder(t, in, out)
		f.checkGaps(t, out)
		outs = append(outs, out)
	}
	destroyed := map[string]int{}
	for _, out := range plan.Fleet(plan.FleetInput{Limits: specs.Limits{MaxDisrupted: 100, MaxDestroyed: 100}, Outcomes: outs, Destroyed: destroyed}) {
		f.entries[out.Status.ID] = out.Entry
		if out.Entry == nil {
			delete(f.entries, out.Status.ID)
		}
		for _, a := range out.Actions {
			did++
			if !skip() {
				f.do(t, a)
			}
			f.check(t)
		}
	}
	return did
}

// checkOrder: the order of what is observed does not matter.
func (f *fleet) checkOrder(t *rapid.T, in plan.Input, out plan.Outcome) {
	in.Machines, in.Volumes = slices.Clone(in.Machines), slices.Clone(in.Volumes)
	slices.Reverse(in.Machines)
	slices.Reverse(in.Volumes)
	if d := cmp.Diff(describe(out), describe(plan.Deployment(in))); d != "" {
		t.Fatalf("another order of machines gives another decision:\n%s", d)
	}
}

// checkGaps: what could not be listed whole is not made again and not destroyed.
func (f *fleet) checkGaps(t *rapid.T, out plan.Outcome) {
	for _, a := range out.Actions {
		fresh := a.Kind == plan.LaunchMachine && a.Token == ""
		if f.gaps.Machines != "" && fresh {
			t.Fatalf("a new machine under a gap in machines: %s", a.Summary)
		}
		if (f.gaps.Machines != "" || f.gaps.Volumes != "") && a.Disruption == plan.Destroy {
			t.Fatalf("%s under a gap", a.Summary)
		}
		if f.gaps.Volumes != "" && (a.Kind == plan.DeleteVolume || (fresh && a.Shape.Volume != nil)) {
			t.Fatalf("%s under a gap in volumes: %s", a.Kind, a.Summary)
		}
	}
}

// check: never two live machines for a slot, never more than one to spare, a
// volume with data neither lost nor doubled.
func (f *fleet) check(t *rapid.T) {
	live, slots, volumes := map[string]int{}, map[string]int{}, map[string]int{}
	for _, m := range f.machines {
		if m.State == plan.MachineTerminated {
			continue
		}
		for id, e := range f.entries {
			for _, s := range e.Slots {
				if s.Token == m.Token && s.Index == m.Index {
					live[id]++
					slots[fmt.Sprint(s.SlotID)]++
				}
			}
		}
	}
	for s, n := range slots {
		if n > 1 {
			t.Fatalf("%d machines fill slot %s", n, s)
		}
	}
	for id, n := range live {
		if n > 3 { // one, one taking over, and one given up that is on its way out
			t.Fatalf("%d machines live for %s", n, id)
		}
	}
	for _, v := range f.volumes {
		volumes[v.Deployment]++
	}
	for id, n := range volumes {
		if n > 1 {
			t.Fatalf("%s has %d volumes: an empty one was made beside its data", id, n)
		}
	}
	for v := range f.written {
		if !slices.ContainsFunc(f.volumes, func(x plan.Volume) bool { return x.ID == v }) {
			t.Fatalf("volume %s is gone with its data", v)
		}
	}
}

func (f *fleet) do(t *rapid.T, a plan.Action) {
	switch a.Kind {
	case plan.LaunchMachine:
		f.launch(a)
	case plan.StartMachine:
		f.machine(a.MachineID, func(m *plan.Machine) { m.State = plan.MachineRunning })
		f.agent(a.MachineID, func(g *plan.Agent) { g.Reachable = true })
	case plan.TerminateMachine:
		f.terminate(a.MachineID)
	case plan.AttachVolume:
		f.volume(a.VolumeID, func(v *plan.Volume) {
			if v.AttachedTo != "" && v.AttachedTo != a.MachineID {
				t.Fatalf("volume %s attached to %s and %s", v.ID, v.AttachedTo, a.MachineID)
			}
			v.AttachedTo = a.MachineID
		})
		f.agent(a.MachineID, func(g *plan.Agent) { g.VolumeAttached = true })
	case plan.DetachVolume:
		f.volume(a.VolumeID, func(v *plan.Volume) {
			if g := f.agents[v.AttachedTo]; g.Database == plan.DatabaseServing {
				t.Fatalf("volume %s detached while %s writes", v.ID, v.AttachedTo)
			}
			f.agent(v.AttachedTo, func(g *plan.Agent) { g.VolumeAttached = false })
			v.AttachedTo = ""
		})
	case plan.GrowVolume:
		f.volume(a.VolumeID, func(v *plan.Volume) { v.GB = a.VolumeGB })
	case plan.DeleteVolume:
		e := f.entries[a.Deployment]
		if f.rows[a.Deployment] != nil || e == nil || f.now.Before(e.DeleteAfter) {
			t.Fatalf("volume %s deleted before its time", a.VolumeID)
		}
		f.volumes = slices.DeleteFunc(f.volumes, func(v plan.Volume) bool { return v.ID == a.VolumeID })
		delete(f.written, a.VolumeID)
	case plan.EnrolAgent:
		f.checkEnrol(t, a)
		f.agent(a.MachineID, func(g *plan.Agent) { g.Enrolled = true })
	case plan.DeployDatabase:
		f.deploy(t, a)
	case plan.PublishNames:
		f.publish(t, a)
	case plan.ObtainCert:
		f.certs[a.Deployment] = plan.Certificate{Fingerprint: "c-" + a.Names[0], Names: a.Names[0], NotAfter: f.now.AddDate(0, 3, 0), Renew: f.now.AddDate(0, 2, 0)}
	case plan.StopDatabase:
		f.agent(a.MachineID, func(g *plan.Agent) {
			g.Order, g.Database, g.Generation = nil, plan.DatabaseAbsent, max(g.Generation, a.Generation)
		})
	}
}

// checkEnrol: only the machine of the newest live slot is given an identity, when
// the ledger has bound it, and never one that obeyed a newer generation.
func (f *fleet) checkEnrol(t *rapid.T, a plan.Action) {
	e := f.entries[a.Deployment]
	at := slices.IndexFunc(e.Slots, func(s plan.Slot) bool { return s.State != plan.SlotVoid })
	if at < 0 || e.Slots[at].SlotID != a.Slot || e.Slots[at].State != plan.SlotBound || e.Slots[at].MachineID != a.MachineID {
		t.Fatalf("%s for slot %+v, and the ledger has %+v", a.Summary, a.Slot, e.Slots)
	}
	if seen := f.agents[a.MachineID].Generation; seen > a.Slot.Generation {
		t.Fatalf("%s in generation %d after it obeyed %d", a.Summary, a.Slot.Generation, seen)
	}
}

// publish changes records, each of which must be as the plan saw it and nobody else's.
func (f *fleet) publish(t *rapid.T, a plan.Action) {
	if f.gaps.Names != "" {
		t.Fatalf("names are changed under a gap: %s", a.Summary)
	}
	for _, c := range a.Addresses {
		for _, have := range f.names {
			if have.Name == c.Name && have.Deployment != c.Deployment && c.To != "" {
				t.Fatalf("%s is %s's and %s takes it", c.Name, have.Deployment, c.Deployment)
			}
		}
	}
	f.names = plan.Published(f.names, a.Addresses)
}

func (f *fleet) launch(a plan.Action) {
	key := fmt.Sprintf("%s/%d", a.Token, a.Index)
	if f.made[key] {
		return
	}
	f.made[key] = true
	id := fmt.Sprintf("m-%d", len(f.machines)+1)
	host := fmt.Sprintf("10.0.0.%d", len(f.machines)+1)
	f.machines = append(f.machines, plan.Machine{ID: id, Token: a.Token, Index: a.Index, State: plan.MachineRunning,
		Zone: a.Shape.Zone, InstanceType: a.Shape.InstanceType, Host: host})
	f.agents[id] = plan.Agent{Reachable: true, Database: plan.DatabaseAbsent, VolumeAttached: a.Shape.Volume != nil, Host: host, Port: 3306}
	if v := a.Shape.Volume; v != nil {
		f.volumes = append(f.volumes, plan.Volume{ID: "vol-of-" + id, Deployment: a.Deployment, GB: v.GB, AttachedTo: id})
	}
}

func (f *fleet) deploy(t *rapid.T, a plan.Action) {
	g := f.agents[a.MachineID]
	if a.Order.Generation < g.Generation {
		t.Fatalf("order of generation %d after %d", a.Order.Generation, g.Generation)
	}
	f.agent(a.MachineID, func(g *plan.Agent) {
		g.Order, g.Generation, g.Database, g.DatabaseVersion = a.Order, a.Order.Generation, plan.DatabaseServing, a.Order.DoltVersion
	})
	for _, v := range f.volumes {
		if v.AttachedTo == a.MachineID {
			f.written[v.ID] = true
		}
	}
}

func (f *fleet) terminate(id string) {
	f.machine(id, func(m *plan.Machine) { m.State = plan.MachineTerminated })
	delete(f.agents, id)
	for i := range f.volumes {
		if f.volumes[i].AttachedTo == id {
			f.volumes[i].AttachedTo = ""
		}
	}
}

func (f *fleet) machine(id string, change func(*plan.Machine)) {
	for i := range f.machines {
		if f.machines[i].ID == id {
			change(&f.machines[i])
		}
	}
}

func (f *fleet) volume(id string, change func(*plan.Volume)) {
	for i := range f.volumes {
		if f.volumes[i].ID == id {
			change(&f.volumes[i])
		}
	}
}

func (f *fleet) agent(id string, change func(*plan.Agent)) {
	if g, ok := f.agents[id]; ok {
		change(&g)
		f.agents[id] = g
	}
}

// disturb lets one thing happen that nobody planned.
func (f *fleet) disturb(t *rapid.T) {
	ids := []string{"d1", "d2"}
	id := rapid.SampledFrom(ids).Draw(t, "deployment")
	switch rapid.IntRange(0, 14).Draw(t, "event") {
	case 0, 1:
		f.rows[id] = orders(func(d *specs.Deployment) {
			d.ID, d.Name = id, "name-"+id
			d.InstanceType = rapid.SampledFrom([]string{"t3.small", "t3.large"}).Draw(t, "type")
			d.Running = rapid.Bool().Draw(t, "running")
			d.Certificate = rapid.SampledFrom([]string{"fleet", "acme"}).Draw(t, "certificate")
			d.Name = rapid.SampledFrom([]string{"name-" + id, "new-" + id}).Draw(t, "name")
		})
		if e := f.entries[id]; e != nil {
			c := *e
			c.DeletedIn = ""
			f.entries[id] = &c
		}
	case 2:
		e := f.entries[id]
		if e != nil && f.rows[id] != nil && !e.DeleteAfter.IsZero() {
			return // deleted again before its return was settled: a person is asked, and this test has none
		}
		if e != nil && f.rows[id] != nil {
			c := *e
			c.DeletedIn, c.DeletedAt, c.DeleteAfter = "commit", f.now, f.now.Add(24*time.Hour)
			f.entries[id] = &c
		}
		delete(f.rows, id)
	case 3:
		f.now = f.now.Add(time.Duration(rapid.IntRange(1, 200000).Draw(t, "seconds")) * time.Second)
	case 4:
		f.gaps.Machines = rapid.SampledFrom([]string{"", "timeout"}).Draw(t, "gap")
	case 5:
		f.gaps.Volumes = rapid.SampledFrom([]string{"", "timeout"}).Draw(t, "gap")
	case 6:
		f.gaps.Names = rapid.SampledFrom([]string{"", "timeout"}).Draw(t, "gap")
	case 7: // somebody changes a record by hand, or deletes it
		if len(f.names) > 0 {
			n := rapid.IntRange(0, len(f.names)-1).Draw(t, "record")
			if f.names = slices.Clone(f.names); rapid.Bool().Draw(t, "deleted") {
				f.names = slices.Delete(f.names, n, n+1)
			} else {
				f.names[n].Value = "192.0.2.66"
			}
		}
	case 8: // the authority loses or refuses
		f.certs[id] = plan.Certificate{Error: "it does not answer", Retry: f.now.Add(time.Minute)}
	default:
		f.disturbMachine(t)
	}
}

func (f *fleet) disturbMachine(t *rapid.T) {
	if len(f.machines) == 0 {
		return
	}
	m := f.machines[rapid.IntRange(0, len(f.machines)-1).Draw(t, "machine")]
	if m.State == plan.MachineTerminated {
		return
	}
	switch rapid.IntRange(0, 4).Draw(t, "fault") {
	case 0:
		f.terminate(m.ID)
	case 1:
		f.machine(m.ID, func(m *plan.Machine) { m.State = plan.MachineStopped })
		f.agent(m.ID, func(g *plan.Agent) { g.Reachable, g.Database = false, plan.DatabaseAbsent })
	case 2:
		f.agent(m.ID, func(g *plan.Agent) { g.Database, g.DatabaseDetail = plan.DatabaseFailed, "killed" })
	case 3:
		f.agent(m.ID, func(g *plan.Agent) { g.Reachable = !g.Reachable })
	case 4:
		f.machine(m.ID, func(m *plan.Machine) { m.Trouble = "its host is to be retired" })
	}
}

// calm ends all disturbances: gaps close, agents answer, databases run.
func (f *fleet) calm() {
	f.gaps = plan.Gaps{}
	f.now = f.now.Add(time.Hour)
	for _, m := range f.machines {
		if m.State != plan.MachineRunning {
			continue
		}
		f.agent(m.ID, func(g *plan.Agent) {
			g.Reachable = true
			if g.Order != nil {
				g.Database, g.DatabaseVersion = plan.DatabaseServing, g.Order.DoltVersion
			}
		})
	}
}

// TestSafetyAndConvergence disturbs a fleet at random, with answers lost, checks
// the invariants after every action, and then that a fleet left in peace becomes
// as wanted and stays so without a single further action.
func TestSafetyAndConvergence(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := newFleet()
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			f.disturb(t)
			lossy := rapid.Bool().Draw(t, "lossy")
			f.pass(t, func() bool { return lossy && rapid.IntRange(0, 2).Draw(t, "lost") == 0 })
		}
		f.now = f.now.Add(6 * time.Hour) // machines in trouble are not replaced more often than so
		for range 30 {
			f.calm()
			if f.pass(t, func() bool { return false }) == 0 {
				break
			}
		}
		if n := f.pass(t, func() bool { return false }); n != 0 {
			t.Fatalf("a fleet in peace still has %d actions:\n%s", n, f.describe())
		}
		f.checkWanted(t)
	})
}

func (f *fleet) describe() (all string) {
	for _, id := range f.ids() {
		all += id + "\n" + describe(plan.Deployment(f.input(id)))
	}
	return all + fmt.Sprintf("%+v\n%+v\n", f.machines, f.agents)
}

func (f *fleet) checkWanted(t *rapid.T) {
	for id, r := range f.rows {
		out := plan.Deployment(f.input(id))
		if out.Status.Ready != r.Running {
			t.Fatalf("%s: wanted running=%v and is %v:\n%s", id, r.Running, out.Status.Ready, describe(out))
		}
		if r.Running && len(out.Waits) > 0 {
			t.Fatalf("%s still waits:\n%s", id, describe(out))
		}
		f.checkNames(t, id, r, out)
	}
	for _, m := range f.machines {
		if m.State != plan.MachineTerminated && !f.wanted(m) {
			t.Fatalf("machine %s is left over", m.ID)
		}
	}
}

// checkNames: each database is where its name leads, with the certificate that its row
// asks for, and nothing is left of what was.
func (f *fleet) checkNames(t *rapid.T, id string, r *specs.Deployment, out plan.Outcome) {
	name := r.Name + ".db.example.com"
	want := 0
	if r.Running {
		want = 2 // its own and its machine's
		if out.Status.Host != name {
			t.Fatalf("%s is told to be at %s, want %s", id, out.Status.Host, name)
		}
		order := f.agents[out.Status.MachineID].Order
		if r.Certificate == "acme" && order.Certificate != "c-"+name || r.Certificate == "fleet" && order.Certificate != "" {
			t.Fatalf("%s shows %q and its row says %s", id, order.Certificate, r.Certificate)
		}
	}
	n := 0
	for _, a := range f.names {
		if a.Deployment == id {
			n++
		}
	}
	if n != want {
		t.Fatalf("%s has %d records, want %d: %v", id, n, want, f.names)
	}
}

func (f *fleet) wanted(m plan.Machine) bool {
	for id, e := range f.entries {
		if f.rows[id] == nil || !f.rows[id].Running {
			continue
		}
		if slices.ContainsFunc(e.Slots, func(s plan.Slot) bool { return s.Token == m.Token && s.Index == m.Index }) {
			return true
		}
	}
	return false
}
