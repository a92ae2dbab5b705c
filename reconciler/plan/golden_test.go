package plan_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

var update = flag.Bool("update", false, "write the golden files anew")

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// orders is the row most cases are about.
func orders(change ...func(*specs.Deployment)) *specs.Deployment {
	d := &specs.Deployment{
		ID: "d1", Name: "orders", Zone: "local", InstanceType: "t3.small", VolumeType: "gp3", VolumeGB: 10,
		DoltVersion: "2.2.0", Certificate: "fleet", Running: true, RetentionDays: 7, Settings: map[string]string{"log_level": "info"},
	}
	for _, c := range change {
		c(d)
	}
	return d
}

func orderOf(d *specs.Deployment, generation int64) *plan.Order {
	return &plan.Order{Generation: generation, Deployment: d.ID, Name: d.Name, DoltVersion: d.DoltVersion, Settings: d.Settings}
}

// slot is a bound slot of generation g whose machine is m-g.
func slot(g int64, change ...func(*plan.Slot)) plan.Slot {
	s := plan.Slot{
		SlotID: plan.SlotID{Deployment: "d1", Generation: g}, Token: fmt.Sprintf("token-%d", g), Batch: 1,
		Shape: plan.Shape{Zone: "local", InstanceType: "t3.small"}, State: plan.SlotBound, MachineID: fmt.Sprintf("m-%d", g),
		ClaimedAt: now.Add(-time.Hour),
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

// void is a slot whose machine is gone.
func void(s *plan.Slot) { s.State = plan.SlotVoid }

func machine(g int64, s plan.MachineState) plan.Machine {
	return plan.Machine{ID: fmt.Sprintf("m-%d", g), Token: fmt.Sprintf("token-%d", g), State: s, Zone: "local", InstanceType: "t3.small"}
}

func serving(d *specs.Deployment, g int64) plan.Agent {
	return plan.Agent{Reachable: true, Enrolled: true, Generation: g, Order: orderOf(d, g), Database: plan.DatabaseServing,
		DatabaseVersion: d.DoltVersion, PID: 42, Host: "127.0.0.1", Port: 3306, VolumeAttached: true, ListenerExpires: now.AddDate(1, 0, 0)}
}

var idle = plan.Agent{Reachable: true, Enrolled: true, Database: plan.DatabaseAbsent}

// running is a healthy deployment, the start of most cases.
func running(change ...func(*plan.Input)) plan.Input {
	in := plan.Input{
		Now: now, Row: orders(),
		Entry:    &plan.Entry{Deployment: "d1", Name: "orders", VolumeID: "vol-1", Slots: []plan.Slot{slot(1)}},
		Machines: []plan.Machine{machine(1, plan.MachineRunning)},
		Volumes:  []plan.Volume{{ID: "vol-1", Deployment: "d1", GB: 10, AttachedTo: "m-1"}},
		Agents:   map[string]plan.Agent{"m-1": serving(orders(), 1)},
	}
	for _, c := range change {
		c(&in)
	}
	return in
}

func row(change func(*specs.Deployment)) func(*plan.Input) {
	return func(in *plan.Input) { in.Row = orders(change) }
}

func agent(id string, change func(*plan.Agent)) func(*plan.Input) {
	return func(in *plan.Input) {
		a := in.Agents[id]
		change(&a)
		in.Agents[id] = a
	}
}

func machineState(s plan.MachineState) func(*plan.Input) {
	return func(in *plan.Input) { in.Machines[0].State = s }
}

func deleted(in *plan.Input) {
	in.Row = nil
	in.Entry.DeletedIn, in.Entry.DeletedAt, in.Entry.DeleteAfter = "c0ffee0123", now.Add(-time.Hour), now.Add(7*24*time.Hour)
}

func gone(in *plan.Input) {
	in.Entry.Slots[0].State = plan.SlotVoid
	in.Machines, in.Agents, in.Volumes[0].AttachedTo = nil, nil, ""
}

// unlaunched is a new deployment whose launch was claimed an hour ago and made nothing.
func unlaunched(in *plan.Input) {
	in.Entry.VolumeID, in.Entry.Slots[0].State, in.Entry.Slots[0].MachineID = "", plan.SlotClaimed, ""
	in.Machines, in.Volumes, in.Agents = nil, nil, nil
}

// moving is a replacement: generation 2 is up and empty, generation 1 serves.
func moving(in *plan.Input) {
	in.Row = orders(func(d *specs.Deployment) { d.InstanceType = "t3.large" })
	s := slot(2)
	s.Shape.InstanceType = "t3.large"
	in.Entry.Slots = []plan.Slot{s, slot(1)}
	in.Machines = append(in.Machines, machine(2, plan.MachineRunning))
	in.Agents["m-2"] = idle
}

// inCloud puts a healthy deployment where names are kept, with its records.
func inCloud(in *plan.Input) {
	in.Means = plan.Means{Domain: "db.example.com", Authority: "https://acme.example/directory"}
	for i := range in.Machines {
		in.Machines[i].Host = fmt.Sprintf("10.0.0.%d", i+1)
	}
	agent("m-1", func(a *plan.Agent) { a.Host = "10.0.0.1" })(in)
	in.Addresses = []plan.Address{
		{Name: "m-1.db.example.com", Type: "A", Value: "10.0.0.1", TTL: 60, Deployment: "d1"},
		{Name: "orders.db.example.com", Type: "A", Value: "10.0.0.1", TTL: 15, Deployment: "d1"},
	}
}

func addresses(as ...plan.Address) func(*plan.Input) {
	return func(in *plan.Input) { in.Addresses = as }
}

func public(d *specs.Deployment) { d.Certificate = "acme" }

// certificate is of the public authority, got half its life ago and not due.
func certificate(change ...func(*plan.Certificate)) func(*plan.Input) {
	c := &plan.Certificate{Fingerprint: "c2", Names: "orders.db.example.com", NotAfter: now.AddDate(0, 0, 45), Renew: now.AddDate(0, 0, 15)}
	for _, f := range change {
		f(c)
	}
	return func(in *plan.Input) { in.Certificate = c }
}

// shows is the certificate that the database was ordered to show, and its end.
func shows(fingerprint string, days int) func(*plan.Input) {
	return agent("m-1", func(a *plan.Agent) {
		a.Order.Certificate, a.ListenerExpires = fingerprint, now.AddDate(0, 0, days)
	})
}

func firstOrder(in *plan.Input) {
	in.Agents["m-1"] = plan.Agent{Reachable: true, Enrolled: true, Database: plan.DatabaseAbsent, VolumeAttached: true, Host: "10.0.0.1"}
}

func release(have string, change ...func(*plan.Input)) plan.Input {
	return running(append([]func(*plan.Input){agent("m-1", func(a *plan.Agent) { a.Version = have }), func(in *plan.Input) {
		in.Means.Agent = plan.AgentRelease{Version: "0.5.0", URL: "https://example.com/agent", SHA256: "ab"}
	}}, change...)...)
}

func trouble(in *plan.Input) { in.Machines[0].Trouble = "its host is to be retired on 2026-03-09" }

// adopted is a new row whose volume people made, still where they had it.
func adopted(at string, change func(*plan.Input)) plan.Input {
	in := plan.Input{Now: now, Row: orders(), Volumes: []plan.Volume{{ID: "vol-1", Deployment: "d1", GB: 10, AttachedTo: at, ByHand: true}}}
	if change != nil {
		change(&in)
	}
	return in
}

// launched is the first machine, made for the volume and without it yet.
func launched(in *plan.Input) {
	in.Entry = &plan.Entry{Deployment: "d1", Name: "orders", VolumeID: "vol-1", Slots: []plan.Slot{slot(1)}}
	in.Machines = []plan.Machine{machine(1, plan.MachineRunning)}
	in.Agents = map[string]plan.Agent{"m-1": idle}
}

var cases = []struct {
	name string
	in   plan.Input
}{
	{"as-wanted", running()},
	{"new-row", plan.Input{Now: now, Row: orders()}},
	{"adopted/attached-to-stranger", adopted("i-not-ours", nil)},
	{"adopted/volume-free", adopted("", nil)},
	{"adopted/volumes-gap", adopted("i-not-ours", func(in *plan.Input) { in.Volumes, in.Gaps.Volumes = nil, "page 2: timeout" })},
	{"adopted/two-volumes", adopted("i-not-ours", func(in *plan.Input) {
		in.Volumes = append(in.Volumes, plan.Volume{ID: "vol-2", Deployment: "d1", GB: 10})
	})},
	{"adopted/machine-waits", adopted("i-not-ours", launched)},
	{"adopted/let-go", adopted("", launched)},
	{"new-row/machines-gap", plan.Input{Now: now, Row: orders(), Gaps: plan.Gaps{Machines: "page 2: timeout"}}},
	{"new-row/volumes-gap", plan.Input{Now: now, Row: orders(), Gaps: plan.Gaps{Volumes: "page 2: timeout"}}},
	{"launch/answer-lost", running(unlaunched)},
	{"launch/refused-and-type-changed", running(unlaunched, row(func(d *specs.Deployment) { d.InstanceType = "t3.large" }))},
	{"launch/refused-and-zone-changed", running(unlaunched, row(func(d *specs.Deployment) { d.Zone = "other" }))},
	{"launch/type-changed-at-once", running(unlaunched, row(func(d *specs.Deployment) { d.InstanceType = "t3.large" }), func(in *plan.Input) {
		in.Entry.Slots[0].ClaimedAt = now.Add(-10 * time.Second)
	})},
	{"launch/given-up-volume-late", running(unlaunched, func(in *plan.Input) {
		given := slot(1)
		given.State = plan.SlotVoid
		in.Entry.Slots = []plan.Slot{slot(2, func(s *plan.Slot) { s.State, s.MachineID = plan.SlotClaimed, "" }), given}
		in.Machines = []plan.Machine{machine(1, plan.MachineRunning)}
		in.Volumes = []plan.Volume{{ID: "vol-1", Deployment: "d1", GB: 10, AttachedTo: "m-1"}}
	})},
	{"launch/listing-lags", running(func(in *plan.Input) {
		in.Entry.Slots[0].ClaimedAt = now.Add(-10 * time.Second)
		in.Machines, in.Agents = nil, nil
	})},
	{"launch/pending", running(machineState(plan.MachinePending))},
	{"launch/agent-silent", running(func(in *plan.Input) { in.Agents = nil })},
	{"launch/agent-not-enrolled", running(func(in *plan.Input) { in.Agents["m-1"] = plan.Agent{Reachable: true} })},
	{"launch/first-order", running(func(in *plan.Input) {
		in.Agents["m-1"] = plan.Agent{Reachable: true, Enrolled: true, Database: plan.DatabaseAbsent, VolumeAttached: true}
	})},
	{"setting", running(row(func(d *specs.Deployment) { d.Settings = map[string]string{"log_level": "debug", "log_format": "json"} }))},
	{"version", running(agent("m-1", func(a *plan.Agent) { a.Order.DoltVersion, a.DatabaseVersion = "1.86.4", "1.86.4" }))},
	{"name", running(row(func(d *specs.Deployment) { d.Name = "sales" }))},
	{"volume-grows", running(row(func(d *specs.Deployment) { d.VolumeGB = 20 }))},
	{"volume-shrinks", running(row(func(d *specs.Deployment) { d.VolumeGB = 5 }))},
	{"zone", running(row(func(d *specs.Deployment) { d.Zone = "moon" }))},
	{"type", running(row(func(d *specs.Deployment) { d.InstanceType = "t3.large" }))},
	{"type/machines-gap", running(row(func(d *specs.Deployment) { d.InstanceType = "t3.large" }), func(in *plan.Input) { in.Gaps.Machines = "timeout" })},
	{"move/old-serves", running(moving)},
	{"move/old-ending", running(moving, func(in *plan.Input) { in.Machines[0].State = plan.MachineTerminated })},
	{"move/old-silent", running(moving, agent("m-1", func(a *plan.Agent) { a.Reachable = false }))},
	{"move/old-just-silent", running(moving, agent("m-1", func(a *plan.Agent) { a.Reachable, a.Since = false, now.Add(-time.Second) }))},
	{"move/old-not-asked", running(moving, func(in *plan.Input) { delete(in.Agents, "m-1") })},
	{"move/old-not-enrolled", running(moving, agent("m-1", func(a *plan.Agent) { *a = plan.Agent{Reachable: true} }))},
	{"move/new-not-enrolled", running(moving, agent("m-2", func(a *plan.Agent) { *a = plan.Agent{Reachable: true} }))},
	{"move/old-stopped", running(moving, agent("m-1", func(a *plan.Agent) { a.Order, a.Database = nil, plan.DatabaseAbsent }))},
	{"move/volume-free", running(moving, agent("m-1", func(a *plan.Agent) { a.Order, a.Database = nil, plan.DatabaseAbsent }),
		func(in *plan.Input) { in.Volumes[0].AttachedTo = "" })},
	{"move/volume-here", running(moving, agent("m-1", func(a *plan.Agent) { a.Order, a.Database = nil, plan.DatabaseAbsent }),
		agent("m-2", func(a *plan.Agent) { a.VolumeAttached = true }), func(in *plan.Input) { in.Volumes[0].AttachedTo = "m-2" })},
	{"move/type-changes-again", running(moving, row(func(d *specs.Deployment) { d.InstanceType = "t3.huge" }))},
	{"machine/stopped", running(machineState(plan.MachineStopped))},
	{"machine/terminated", running(machineState(plan.MachineTerminated), func(in *plan.Input) { in.Volumes[0].AttachedTo = "" })},
	{"machine/missing", running(func(in *plan.Input) { in.Machines, in.Volumes[0].AttachedTo = nil, "" })},
	{"machine/missing-under-gap", running(func(in *plan.Input) { in.Machines, in.Gaps.Machines = nil, "page 2: timeout" })},
	{"volume/lost", running(gone, func(in *plan.Input) { in.Volumes = nil })},
	{"volume/two", running(gone, func(in *plan.Input) {
		in.Entry.VolumeID = ""
		in.Volumes = append(in.Volumes, plan.Volume{ID: "vol-2", Deployment: "d1", GB: 10})
	})},
	{"volume/held-by-stranger", running(func(in *plan.Input) { in.Volumes[0].AttachedTo = "i-not-ours" })},
	{"database/failed", running(agent("m-1", func(a *plan.Agent) {
		a.Database, a.DatabaseDetail = plan.DatabaseFailed, "exit status 1: no space left on device"
		a.Conditions = []plan.Condition{{Type: "DiskFull", Status: true, Reason: "NoSpace", Message: "10 of 10 GiB are used"}}
	}))},
	{"certificate/due", running(agent("m-1", func(a *plan.Agent) { a.ListenerExpires = now.Add(10 * 24 * time.Hour) }))},
	{"agent/newer-generation", running(agent("m-1", func(a *plan.Agent) { a.Generation = 5 }))},
	{"stop/serving", running(row(func(d *specs.Deployment) { d.Running = false }))},
	{"stop/stopped", running(row(func(d *specs.Deployment) { d.Running = false }), agent("m-1", func(a *plan.Agent) { a.Order, a.Database = nil, plan.DatabaseAbsent }))},
	{"stop/unsettled-launch", running(row(func(d *specs.Deployment) { d.Running = false }), func(in *plan.Input) {
		in.Entry.Slots[0].State, in.Machines = plan.SlotClaimed, nil
	})},
	{"stop/gone", running(row(func(d *specs.Deployment) { d.Running = false }), gone)},
	{"start-again", running(gone)},
	{"stray/given-up-launch-succeeded", running(gone, func(in *plan.Input) { in.Machines = []plan.Machine{machine(1, plan.MachineRunning)} })},
	{"delete/serving", running(deleted)},
	{"delete/retained", running(deleted, gone)},
	{"delete/serving-under-gap", running(deleted, func(in *plan.Input) { in.Gaps.Machines = "page 2: timeout" })},
	{"delete/serving-under-volumes-gap", running(deleted, func(in *plan.Input) { in.Gaps.Volumes = "page 2: timeout" })},
	{"delete/unsettled-launch", running(deleted, unlaunched)},
	{"delete/unsettled-launch-long-ago", running(deleted, unlaunched, func(in *plan.Input) {
		in.Entry.Slots[0].ClaimedAt = now.Add(-25 * time.Hour)
	})},
	{"delete/volume-not-listed-yet", running(deleted, gone, func(in *plan.Input) {
		in.Volumes, in.Entry.DeletedAt = nil, now.Add(-10*time.Second)
	})},
	{"delete/retention-over", running(deleted, gone, func(in *plan.Input) { in.Entry.DeleteAfter = now })},
	{"delete/retention-over-under-gap", running(deleted, gone, func(in *plan.Input) { in.Entry.DeleteAfter, in.Gaps.Volumes = now, "denied" })},
	{"delete/done", running(deleted, gone, func(in *plan.Input) { in.Volumes = nil })},
	{"delete/not-asked", running(deleted, func(in *plan.Input) { in.Agents = nil })},
	{"delete/not-on-record", running(func(in *plan.Input) { in.Row = nil })},
	{"names/as-wanted", running(inCloud)},
	{"names/none-yet", running(inCloud, addresses())},
	{"names/gap", running(inCloud, addresses(), func(in *plan.Input) { in.Gaps.Names = "page 2: timeout" })},
	{"names/changed-by-hand", running(inCloud, func(in *plan.Input) { in.Addresses[1].Value = "10.9.9.9" })},
	{"names/taken", running(inCloud, func(in *plan.Input) { in.Addresses[1].Deployment = "" })},
	{"names/renamed", running(inCloud, row(func(d *specs.Deployment) { d.Name = "sales" }))},
	{"names/ipv6", running(inCloud, func(in *plan.Input) { in.Machines[0].IPv6 = "2001:db8::1" })},
	{"names/database-away", running(inCloud, agent("m-1", func(a *plan.Agent) { a.Database = plan.DatabaseStarting }))},
	{"names/first-order", running(inCloud, addresses(), firstOrder)},
	{"names/stopped", running(inCloud, row(func(d *specs.Deployment) { d.Running = false }), gone)},
	{"names/deleted", running(inCloud, deleted, gone, func(in *plan.Input) { in.Volumes = nil })},
	{"names/deleted-unlisted", running(inCloud, addresses(), deleted, gone, func(in *plan.Input) {
		in.Volumes, in.Entry.VolumeID, in.Entry.DeleteAfter, in.Gaps.Names = nil, "", now, "they have not been listed yet"
	})},
	{"names/machines-gap", running(inCloud, gone, row(func(d *specs.Deployment) { d.Running = false }), func(in *plan.Input) { in.Gaps.Machines = "timeout" })},
	{"names/moved", running(moving, inCloud, agent("m-1", func(a *plan.Agent) { a.Order, a.Database = nil, plan.DatabaseAbsent }),
		func(in *plan.Input) { in.Volumes[0].AttachedTo = "m-2" },
		func(in *plan.Input) { a := serving(in.Row, 2); a.Host = "10.0.0.2"; in.Agents["m-2"] = a })},
	{"acme/as-wanted", running(inCloud, row(public), certificate(), shows("c2", 45))},
	{"acme/not-looked-up", running(inCloud, row(public), firstOrder)},
	{"acme/first", running(inCloud, row(public), firstOrder, certificate(func(c *plan.Certificate) { *c = plan.Certificate{} }))},
	{"acme/first-refused", running(inCloud, row(public), firstOrder, certificate(func(c *plan.Certificate) {
		*c = plan.Certificate{Error: "the authority does not answer", Retry: now.Add(time.Hour)}
	}))},
	{"acme/fleet-for-now", running(inCloud, row(public), certificate(func(c *plan.Certificate) {
		*c = plan.Certificate{Error: "the authority is away", Retry: now.Add(time.Hour)}
	}))},
	{"acme/first-ready", running(inCloud, row(public), firstOrder, certificate())},
	{"acme/from-fleet", running(inCloud, row(public), certificate())},
	{"acme/to-fleet", running(inCloud, shows("c2", 45))},
	{"acme/no-authority", running(inCloud, row(public), func(in *plan.Input) { in.Means.Authority = "" })},
	{"acme/renew-due", running(inCloud, row(public), shows("c2", 20), certificate(func(c *plan.Certificate) { c.Renew = now }))},
	{"acme/renew-refused", running(inCloud, row(public), shows("c2", 20), certificate(func(c *plan.Certificate) {
		c.Renew, c.Error, c.Retry = now, "at most 5 of this set in 7 days", now.Add(time.Hour)
	}))},
	{"acme/renewed-waits", running(inCloud, row(public), certificate(), shows("c1", 20))},
	{"acme/renewed-with-restart", running(inCloud, row(public), certificate(), shows("c1", 20), func(in *plan.Input) {
		in.Row.Settings = map[string]string{"log_level": "debug"}
	})},
	{"acme/renewed-near-end", running(inCloud, row(public), certificate(), shows("c1", 9))},
	{"acme/renamed", running(inCloud, row(func(d *specs.Deployment) { d.Certificate, d.Name = "acme", "sales" }), certificate(), shows("c2", 45))},
	{"trouble", running(trouble)},
	{"trouble/again", running(trouble, func(in *plan.Input) {
		in.Entry.Slots = append(in.Entry.Slots, slot(0, void), slot(-1, void), slot(-2, void))
	})},
	{"trouble/gap", running(trouble, func(in *plan.Input) { in.Gaps.Machines = "timeout" })},
	{"trouble/silent", running(trouble, agent("m-1", func(a *plan.Agent) { a.Reachable = false }))},
	{"update/older", release("0.4.0")},
	{"update/same", release("0.5.0")},
	{"update/silent", release("0.4.0", agent("m-1", func(a *plan.Agent) { a.Reachable = false }))},
	{"update/failed", release("0.4.0", agent("m-1", func(a *plan.Agent) {
		a.Conditions = []plan.Condition{{Type: plan.UpdateFailed, Status: true, Reason: "WentBack", Message: "version 0.5.0 of the agent is not used on this machine: it did not start; version 0.4.0 runs"}}
	}))},
	{"update/candidate-failed", release("0.4.0", agent("m-1", func(a *plan.Agent) {
		a.Conditions = []plan.Condition{{Type: plan.UpdateFailed, Status: true, Reason: "TakenBack", Message: "version 0.5.0-rc1 of the agent is not used on this machine: it did not start; version 0.4.0 runs"}}
	}))},
	{"update/back", release("0.5.0", agent("m-1", func(a *plan.Agent) {
		a.Conditions = []plan.Condition{{Type: plan.UpdateFailed, Status: true, Reason: "TakenBack", Message: "version 0.6.0 of the agent is not used on this machine: it did not start; version 0.5.0 runs"}}
	}))},
	{"version/from-url", running(func(in *plan.Input) {
		in.Version = specs.Version{Version: "2.2.0", URL: "https://example.com/dolt", SHA256: "ab"}
	})},
	{"undelete", running(deleted, gone, row(func(*specs.Deployment) {}))},
}

func TestDeployment(t *testing.T) {
	t.Parallel()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := describe(plan.Deployment(c.in))
			golden(t, strings.ReplaceAll(c.name, "/", "--"), got)
		})
	}
}

// TestForecast plays the same scenes to their end.
func TestForecast(t *testing.T) {
	t.Parallel()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := specs.NewSnapshot()
			if c.in.Row != nil {
				s.PutDeployment(c.in.Row)
			}
			p := plan.Forecast(plan.Scene{Now: now, Desired: s, Entries: entries(c.in.Entry), Machines: c.in.Machines,
				Volumes: c.in.Volumes, Agents: c.in.Agents, Gaps: c.in.Gaps, Means: c.in.Means, Addresses: c.in.Addresses,
				Certificates: certificates(c.in)})
			golden(t, "forecast--"+strings.ReplaceAll(c.name, "/", "--"), describeActions(p.Actions)+describeWaits(p.Waits))
		})
	}
}

func entries(e *plan.Entry) map[string]*plan.Entry {
	if e == nil {
		return nil
	}
	return map[string]*plan.Entry{e.Deployment: e}
}

func certificates(in plan.Input) map[string]plan.Certificate {
	if in.Certificate == nil {
		return nil
	}
	return map[string]plan.Certificate{"d1": *in.Certificate}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("the decision changed (-want +got; go test -update accepts it):\n%s", d)
	}
}

func describe(o plan.Outcome) string {
	var b strings.Builder
	b.WriteString(describeActions(o.Actions) + describeWaits(o.Waits))
	s := o.Status
	fmt.Fprintf(&b, "status  %s ready=%v", s.Phase, s.Ready)
	if s.Ready {
		fmt.Fprintf(&b, " on %s at %s:%d, Dolt %s", s.MachineID, s.Host, s.Port, s.DoltVersion)
	} else if s.Host != "" {
		fmt.Fprintf(&b, " and to be found at %s:%d", s.Host, s.Port)
	}
	b.WriteString("\n")
	for _, c := range s.Conditions {
		if c.Type != "Waiting" {
			fmt.Fprintf(&b, "        %s (%s): %s\n", c.Type, c.Reason, c.Message)
		}
	}
	if o.Entry == nil {
		b.WriteString("ledger  nothing\n")
	} else {
		describeEntry(&b, o.Entry)
	}
	if !o.Recheck.IsZero() {
		fmt.Fprintf(&b, "recheck %s\n", o.Recheck.Format(time.DateTime))
	}
	if o.Disrupting {
		b.WriteString("counts as disrupted\n")
	}
	if o.Doubtful {
		b.WriteString("counts as an agent in doubt\n")
	}
	return b.String()
}

func describeEntry(b *strings.Builder, e *plan.Entry) {
	fmt.Fprintf(b, "ledger  volume %q", e.VolumeID)
	if e.DeletedIn != "" {
		fmt.Fprintf(b, ", deleted in %s, kept until %s", e.DeletedIn, e.DeleteAfter.Format(time.DateTime))
	}
	b.WriteString("\n")
	for _, s := range e.Slots {
		v := "existing volume"
		if s.Shape.Volume != nil {
			v = fmt.Sprintf("new %d GiB %s", s.Shape.Volume.GB, s.Shape.Volume.Type)
		}
		fmt.Fprintf(b, "        slot %d %s %s %s\n", s.Generation, s.State, s.Shape.InstanceType, v)
	}
}

func describeActions(as []plan.Action) string {
	var b strings.Builder
	for _, a := range as {
		fmt.Fprintf(&b, "%-7s %s: %s\n", a.Disruption, a.Kind, a.Summary)
	}
	return b.String()
}

func describeWaits(ws []plan.Wait) string {
	var b strings.Builder
	for _, w := range ws {
		fmt.Fprintf(&b, "wait    %s\n", w.Reason)
	}
	return b.String()
}
