package ledger_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/specstest"
)

// layout is the columns of the tables of branch status, those of the key first.
var layout = specstest.Layout{
	"world": {"id", "identity"}, "applied": {"id", "commit_hash", "head", "applied_at"},
	"findings": {"commit_hash", "n", "check_name", "severity", "table_name", "key_name", "column_name", "message", "advice"},
	"entries":  {"deployment", "name", "volume_id", "deleted_at", "delete_after", "deleted_in"},
	"slots": {"deployment", "ordinal", "generation", "token", "launch_index", "batch", "zone", "instance_type", "state", "machine_id", "claimed_at",
		"volume_type", "volume_gb", "volume_iops", "volume_mibps"},
	"claims":   {"deployment", "holder", "until_at"},
	"machines": {"id", "token", "launch_index", "state", "zone", "instance_type", "agent_address", "host", "ipv6", "trouble"},
	"volumes":  {"id", "deployment", "ordinal", "gb", "attached_to", "busy", "token", "launch_index"},
	"agents": {"machine", "reachable", "enrolled", "generation", "database_state", "volume_attached", "host", "port", "database_version", "order_json", "since",
		"error", "database_detail", "pid", "listener_expires", "version"},
	"deployments":  {"id", "name", "phase", "ready", "role", "host", "port", "dolt_version", "machine_id", "volume_id", "generation", "commit_hash"},
	"conditions":   {"deployment", "type", "status", "reason", "message", "since"},
	"gaps":         {"kind", "reason", "since"},
	"means":        {"id", "domain", "authority", "agent_version", "agent_url", "agent_sha256"},
	"addresses":    {"name", "type", "value", "ttl", "deployment"},
	"certificates": {"deployment", "fingerprint", "names", "not_after", "renew", "retry", "error"},
	"strays":       {"id", "kind", "since"},
}

// status is a ledger on which something is under way.
const status = `world|1|here
applied|1|c1|c2|2026-03-01 12:00:00.250000
findings|c2|0|name-syntax|error|deployments|Bad|name|it is bad|make it good
entries|00000000-0000-0000-0000-000000000001|orders|vol-1|~|~|
entries|00000000-0000-0000-0000-000000000009|old|vol-9|2026-02-01 12:00:00|2026-02-08 12:00:00|c0
slots|00000000-0000-0000-0000-000000000001|0|2|t2|0|1|local|t3.small|claimed||2026-03-01 12:00:00|~|~|~|~
slots|00000000-0000-0000-0000-000000000001|0|1|t1|3|7|local|t3.small|bound|m-1|2026-03-01 11:00:00|gp3|10|3000|125
claims|00000000-0000-0000-0000-000000000001|me|2026-03-01 12:01:00
machines|m-1|t1|3|running|local|t3.small|127.0.0.1:1|127.0.0.1||its host is to be retired
volumes|vol-1|00000000-0000-0000-0000-000000000001|0|10|m-1||t1|3
volumes|vol-9|00000000-0000-0000-0000-000000000009|0|10|||t9|0
agents|m-1|1|1|1|serving|1|127.0.0.1|3306|2.2.0|{"Generation":1,"Deployment":"00000000-0000-0000-0000-000000000001","DoltVersion":"2.2.0"}|2026-03-01 11:00:00
deployments|00000000-0000-0000-0000-000000000001|orders|replacing|1|primary|127.0.0.1|3306|2.2.0|m-1|vol-1|2|c1
conditions|00000000-0000-0000-0000-000000000001|Waiting|1|Waiting|for a machine|2026-03-01 12:00:00
gaps|names|throttled|2026-03-01 12:00:00
means|1|db.example.com|https://ca|0.4.0|https://agent|00ff
addresses|orders.db.example.com|A|127.0.0.1|15|00000000-0000-0000-0000-000000000001
certificates|00000000-0000-0000-0000-000000000002|ff|search.db.example.com|2026-06-01 12:00:00|2026-05-01 12:00:00|~|
strays|m-9|machine|2026-03-01 12:00:00
`

// seeds are ledgers that somebody wrote by hand, or a newer program.
func seeds() []string {
	all := []string{"", status}
	for _, change := range []struct{ old, new string }{
		{"|10|", "|ten|"}, {"|10|", "|-10|"}, {"|0|2|", "|0|9223372036854775807|"}, {"|0|2|", "|0|1|"}, {"2026", "10000"}, {"2026-03-01 12:00:00", "0000-01-01 00:00:00"},
		{"{", "["}, {`"2.2.0"}`, `"\u0000"}`}, {"bound", "unknown"}, {"claimed", "void"}, {"entries|00", "entries|11"}, {"gaps|names", "gaps|machines"}, {"gaps|names", "gaps|volumes"},
		{"running", "stopped"}, {"running", "terminated"}, {"|serving|", "|failed|"}, {"agents|m-1|1|1|1", "agents|m-1|1|1|7"}, {"|vol-1|", "||"}, {"m-1", ""}, {"|gp3", ""},
	} {
		all = append(all, strings.ReplaceAll(status, change.old, change.new))
	}
	return all
}

// tablesOf reads a ledger as the repository gives it: a table has one row of a key.
func tablesOf(text string) map[string][]specs.Row {
	w := written{}
	for _, r := range layout.Records(text) {
		w.apply([]ledger.Edit{{Table: r.Table, Row: r.Row}})
	}
	return w.tables()
}

// FuzzDecode: whatever the rows of branch status are, they are a state, or the error
// says where they are not. What is written of a state is that state again, and writing
// it once more writes nothing.
func FuzzDecode(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // a database holds no such text
		}
		state, err := ledger.Decode(tablesOf(text))
		if err != nil {
			if !strings.Contains(err.Error(), "branch status, table ") || !strings.Contains(err.Error(), ", column ") {
				t.Fatalf("the error does not say where: %v", err)
			}
			return
		}
		w := written{}
		book := ledger.NewBook()
		keep(book, state)
		w.apply(book.Edits())
		again, err := ledger.Decode(w.tables())
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if d := cmp.Diff(state, again, anyOrder...); d != "" {
			t.Fatalf("what was written reads differently (-was +is):\n%s", d)
		}
		book = w.book()
		if keep(book, again); len(book.Edits()) > 0 {
			t.Fatalf("the same state again is edits: %v", book.Edits())
		}
	})
}

// FuzzForecast: a plan can be made from every state that can be read, the same one
// each time; and whatever was written on the ledger, it makes no empty volume in place
// of one that is on record, and destroys nothing under a gap.
func FuzzForecast(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed, specstest.Fleet)
		f.Add(seed, strings.ReplaceAll(specstest.Fleet, "#20", "#5"))
		f.Add(seed, "")
	}
	f.Fuzz(func(t *testing.T, text, main string) {
		state, err := ledger.Decode(tablesOf(text))
		if err != nil {
			return
		}
		desired := specstest.Snapshot(main)
		preview := plan.Forecast(state.Scene(at, desired))
		if again := plan.Forecast(state.Scene(at, desired)); again.Hash() != preview.Hash() {
			t.Fatalf("two plans of one state: %v and %v", preview.Actions, again.Actions)
		}
		gap := state.Gaps["machines"].Reason + state.Gaps["volumes"].Reason
		for _, a := range preview.Actions {
			if e := state.Entries[a.Deployment]; a.Kind == plan.LaunchMachine && a.Shape.Volume != nil && e != nil && e.VolumeID != "" && a.Token == "" {
				t.Fatalf("a new volume in place of %s: %+v", e.VolumeID, a)
			}
			if gap != "" && a.Disruption == plan.Destroy {
				t.Fatalf("under a gap (%s): %+v", gap, a)
			}
		}
	})
}

// anyOrder: rows of a table have no order, and no settings are settings of none.
var anyOrder = []cmp.Option{
	cmpopts.SortSlices(func(a, b specs.Finding) bool { return a.String() < b.String() }),
	cmpopts.SortSlices(func(a, b ledger.Condition) bool { return a.Deployment+"\x00"+a.Type < b.Deployment+"\x00"+b.Type }),
	cmpopts.SortSlices(func(a, b plan.Address) bool { return a.Name+"\x00"+a.Type < b.Name+"\x00"+b.Type }),
	cmpopts.EquateEmpty(),
}

// keep puts a whole state into a book.
func keep(b *ledger.Book, s *ledger.State) {
	b.Set(ledger.Owner{Kind: "world"}, ledger.WorldRecords(s.World))
	b.Set(ledger.Owner{Kind: "applied"}, ledger.AppliedRecords(s.Applied, s.Findings))
	b.Set(ledger.Owner{Kind: "gaps"}, ledger.GapRecords(s.Gaps))
	b.Set(ledger.Owner{Kind: "means"}, ledger.MeansRecords(s.Means))
	for id, e := range s.Entries {
		b.Set(ledger.Owner{Kind: "entry", ID: id}, ledger.EntryRecords(e))
	}
	for id, c := range s.Claims {
		b.Set(ledger.Owner{Kind: "claim", ID: id}, ledger.ClaimRecords(id, c))
	}
	for id, m := range s.Machines {
		b.Set(ledger.Owner{Kind: "machine", ID: id}, ledger.MachineRecords(m))
	}
	for id, v := range s.Volumes {
		b.Set(ledger.Owner{Kind: "volume", ID: id}, ledger.VolumeRecords(v))
	}
	for id, a := range s.Agents {
		b.Set(ledger.Owner{Kind: "agent", ID: id}, ledger.AgentRecords(id, a))
	}
	for id, c := range s.Certificates {
		b.Set(ledger.Owner{Kind: "certificate", ID: id}, ledger.CertificateRecords(id, c))
	}
	for id, stray := range s.Strays {
		b.Set(ledger.Owner{Kind: "stray", ID: id}, ledger.StrayRecords(id, stray))
	}
	keepStatus(b, s)
}

func keepStatus(b *ledger.Book, s *ledger.State) {
	conditions, since := map[string][]plan.Condition{}, map[string]map[string]time.Time{}
	for _, c := range s.Conditions {
		if since[c.Deployment] == nil {
			since[c.Deployment] = map[string]time.Time{}
		}
		conditions[c.Deployment] = append(conditions[c.Deployment], c.Condition)
		since[c.Deployment][c.Type] = c.Since
	}
	b.Set(ledger.Owner{Kind: "fleet"}, ledger.ConditionRecords("", conditions[""], since[""]))
	delete(conditions, "")
	for id, cs := range conditions { // those of deployments that are not there
		b.Set(ledger.Owner{Kind: "status", ID: id}, ledger.ConditionRecords(id, cs, since[id]))
	}
	for id, d := range s.Deployments {
		d.Conditions = conditions[id]
		b.Set(ledger.Owner{Kind: "status", ID: id}, ledger.StatusRecords(d.Status, d.Commit, since[id]))
	}
	addresses := map[string][]plan.Address{}
	for _, a := range s.Addresses {
		addresses[a.Deployment] = append(addresses[a.Deployment], a)
	}
	for id, as := range addresses {
		b.Set(ledger.Owner{Kind: "addresses", ID: id}, ledger.AddressRecords(as))
	}
}
