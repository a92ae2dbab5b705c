package ledger_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 250_000_000, time.UTC)

// written plays the repository: it applies edits to tables by primary key.
type written map[string]map[string]specs.Row

func (w written) apply(edits []ledger.Edit) {
	for _, e := range edits {
		if w[e.Table] == nil {
			w[e.Table] = map[string]specs.Row{}
		}
		k := ledger.KeyText(e.Table, e.Row)
		if e.Delete {
			delete(w[e.Table], k)
		} else {
			w[e.Table][k] = maps.Clone(e.Row)
		}
	}
}

func (w written) tables() map[string][]specs.Row {
	all := map[string][]specs.Row{}
	for table, rows := range w {
		for _, row := range rows {
			all[table] = append(all[table], row)
		}
	}
	return all
}

// book is one that begins with what was written.
func (w written) book() *ledger.Book {
	b := ledger.NewBook()
	for table, rows := range w {
		for _, row := range rows {
			b.Add(table, row)
		}
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	entry := &plan.Entry{Deployment: "d1", Name: "orders", VolumeID: "vol-1", DeletedIn: "c1", DeletedAt: at, DeleteAfter: at.Add(time.Hour),
		Slots: []plan.Slot{
			{SlotID: plan.SlotID{Deployment: "d1", Generation: 2}, Token: "t2", Index: 3, Batch: 7, State: plan.SlotClaimed, ClaimedAt: at,
				Shape: plan.Shape{Zone: "z", InstanceType: "t3.small", Volume: &plan.VolumeSpec{Type: "gp3", GB: 10, IOPS: 3000, MiBps: 125}}},
			{SlotID: plan.SlotID{Deployment: "d1", Generation: 1}, Token: "t1", Batch: 1, State: plan.SlotVoid, MachineID: "m-1", ClaimedAt: at,
				Shape: plan.Shape{Zone: "z", InstanceType: "t3.small"}},
		}}
	machine := plan.Machine{ID: "m-1", Token: "t1", Index: 1, State: plan.MachineRunning, Zone: "z", InstanceType: "t3.small", AgentAddress: "a:1", Host: "h",
		IPv6: "::1", Trouble: "its host is to be retired"}
	volume := plan.Volume{ID: "vol-1", Deployment: "d1", GB: 10, AttachedTo: "m-1", Busy: "growing", Token: "t1", Index: 1}
	agent := plan.Agent{Reachable: true, Since: at, Error: "e", Enrolled: true, Generation: 2, Database: plan.DatabaseServing, DatabaseDetail: "d",
		DatabaseVersion: "2.2.0", PID: 9, Host: "h", Port: 1, VolumeAttached: true, ListenerExpires: at, Version: "0.4.0",
		Order: &plan.Order{Generation: 2, Deployment: "d1", Name: "orders", DoltVersion: "2.2.0", DoltURL: "https://x", DoltSHA256: "ab",
			Settings: map[string]string{"log_level": "info"}, Certificate: "ff"}}
	status := plan.Status{ID: "d1", Name: "orders", Phase: plan.PhaseServing, Ready: true, Role: "primary", Host: "h", Port: 1, DoltVersion: "2.2.0",
		MachineID: "m-1", VolumeID: "vol-1", Generation: 2, Conditions: []plan.Condition{{Type: "Waiting", Status: true, Reason: "R", Message: "m"}}}
	applied := ledger.Applied{Commit: "c1", Head: "c2", At: at}
	finding := specs.Finding{Check: "c", Severity: specs.Error, Table: "t", Key: "k", Column: "c", Message: "m", Advice: "a"}
	gaps := map[string]ledger.Gap{"machines": {Reason: "timeout", Since: at}}
	claim := ledger.Claim{Holder: "me", Until: at}
	means := plan.Means{Domain: "db.example.com", Authority: "https://ca", Agent: plan.AgentRelease{Version: "0.4.0", URL: "https://y", SHA256: "cd"}}
	addresses := []plan.Address{{Name: "orders.db.example.com", Type: "A", Value: "10.0.0.1", TTL: 15, Deployment: "d1"}}
	certificate := plan.Certificate{Fingerprint: "ff", Names: "orders.db.example.com", NotAfter: at, Renew: at, Retry: at, Error: "no"}
	stray := ledger.Stray{Kind: "machine", Since: at}

	b := ledger.NewBook()
	b.Set(ledger.Owner{Kind: "world"}, ledger.WorldRecords("here"))
	b.Set(ledger.Owner{Kind: "applied"}, ledger.AppliedRecords(applied, []specs.Finding{finding}))
	b.Set(ledger.Owner{Kind: "entry", ID: "d1"}, ledger.EntryRecords(entry))
	b.Set(ledger.Owner{Kind: "claim", ID: "d1"}, ledger.ClaimRecords("d1", claim))
	b.Set(ledger.Owner{Kind: "machine", ID: "m-1"}, ledger.MachineRecords(machine))
	b.Set(ledger.Owner{Kind: "volume", ID: "vol-1"}, ledger.VolumeRecords(volume))
	b.Set(ledger.Owner{Kind: "agent", ID: "m-1"}, ledger.AgentRecords("m-1", agent))
	b.Set(ledger.Owner{Kind: "status", ID: "d1"}, ledger.StatusRecords(status, "c1", map[string]time.Time{"Waiting": at}))
	b.Set(ledger.Owner{Kind: "gaps"}, ledger.GapRecords(gaps))
	b.Set(ledger.Owner{Kind: "means"}, ledger.MeansRecords(means))
	b.Set(ledger.Owner{Kind: "addresses", ID: "d1"}, ledger.AddressRecords(addresses))
	b.Set(ledger.Owner{Kind: "certificate", ID: "d1"}, ledger.CertificateRecords("d1", certificate))
	b.Set(ledger.Owner{Kind: "stray", ID: "m-9"}, ledger.StrayRecords("m-9", stray))
	w := written{}
	w.apply(b.Edits())

	got, err := ledger.Decode(w.tables())
	if err != nil {
		t.Fatal(err)
	}
	conditions := status.Conditions
	status.Conditions = nil
	want := &ledger.State{
		World: "here", Applied: applied, Findings: []specs.Finding{finding}, Entries: map[string]*plan.Entry{"d1": entry},
		Claims: map[string]ledger.Claim{"d1": claim}, Machines: map[string]plan.Machine{"m-1": machine},
		Volumes: map[string]plan.Volume{"vol-1": volume}, Agents: map[string]plan.Agent{"m-1": agent},
		Deployments: map[string]ledger.Deployment{"d1": {Status: status, Commit: "c1"}},
		Conditions:  []ledger.Condition{{Deployment: "d1", Condition: conditions[0], Since: at}}, Gaps: gaps,
		Means: means, Addresses: addresses, Certificates: map[string]plan.Certificate{"d1": certificate}, Strays: map[string]ledger.Stray{"m-9": stray},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("what was written reads differently (-want +got):\n%s", d)
	}

	again := w.book()
	again.Set(ledger.Owner{Kind: "entry", ID: "d1"}, ledger.EntryRecords(entry))
	again.Set(ledger.Owner{Kind: "addresses", ID: "d1"}, ledger.AddressRecords(addresses))
	again.Set(ledger.Owner{Kind: "certificate", ID: "d1"}, ledger.CertificateRecords("d1", certificate))
	again.Set(ledger.Owner{Kind: "agent", ID: "m-1"}, ledger.AgentRecords("m-1", agent))
	if es := again.Edits(); len(es) != 0 {
		t.Errorf("the same facts again are %d edits, want none: %v", len(es), es)
	}
}

func TestDecodeNamesTableAndColumn(t *testing.T) {
	t.Parallel()
	_, err := ledger.Decode(map[string][]specs.Row{"volumes": {{"id": "vol-1", "gb": "ten"}}})
	const want = `branch status, table volumes, column gb: cannot read "ten"`
	if err == nil || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
		t.Errorf("got %v, want it to begin with %s", err, want)
	}
}

// TestBookWritesWhatItHolds: whatever is set and published, the rows written are
// those last set for each owner.
func TestBookWritesWhatItHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, w, want := ledger.NewBook(), written{}, map[string]plan.Machine{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			id := rapid.SampledFrom([]string{"m-1", "m-2", "m-3"}).Draw(t, "machine")
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				b.Set(ledger.Owner{Kind: "machine", ID: id}, nil)
				delete(want, id)
			case 1:
				w.apply(b.Edits())
				b.Published()
			case 2:
				w.apply(b.Edits())
				b = w.book()
			default:
				m := plan.Machine{ID: id, State: rapid.SampledFrom([]plan.MachineState{plan.MachineRunning, plan.MachineStopped}).Draw(t, "state")}
				b.Set(ledger.Owner{Kind: "machine", ID: id}, ledger.MachineRecords(m))
				want[id] = m
			}
		}
		w.apply(b.Edits())
		s, err := ledger.Decode(w.tables())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, s.Machines); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
	})
}
