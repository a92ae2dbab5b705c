package ledger

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

// Decode reads a State from the rows of Tables.
func Decode(tables map[string][]specs.Row) (*State, error) {
	s := NewState()
	for _, table := range Tables {
		for _, row := range tables[table] {
			if err := s.Add(table, row); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// NewState is a State of nothing.
func NewState() *State {
	return &State{
		Entries: map[string]*plan.Entry{}, Claims: map[string]Claim{}, Machines: map[string]plan.Machine{},
		Volumes: map[string]plan.Volume{}, Agents: map[string]plan.Agent{}, Deployments: map[string]Deployment{},
		Gaps: map[string]Gap{}, Certificates: map[string]plan.Certificate{}, Strays: map[string]Stray{},
	}
}

// Add reads one row. Rows come in the order of Tables: slots belong to entries.
func (s *State) Add(table string, row specs.Row) error {
	r := &reader{table: table, row: row}
	s.decode(r)
	return r.err
}

// addSlot keeps a deployment's slots in order, the newest generation first.
func (s *State) addSlot(slot plan.Slot) {
	e := s.Entries[slot.Deployment]
	if e == nil {
		return
	}
	e.Slots = append(e.Slots, slot)
	slices.SortFunc(e.Slots, func(a, b plan.Slot) int { return cmp.Compare(b.Generation, a.Generation) })
}

func (s *State) decode(r *reader) {
	switch r.table {
	case "world":
		s.World = r.text("identity")
	case "applied":
		s.Applied = Applied{Commit: r.text("commit_hash"), Head: r.text("head"), At: r.moment("applied_at")}
	case "findings":
		s.Findings = append(s.Findings, decodeFinding(r))
	case "entries":
		s.Entries[r.text("deployment")] = decodeEntry(r)
	case "slots":
		s.addSlot(decodeSlot(r))
	case "claims":
		s.Claims[r.text("deployment")] = Claim{Holder: r.text("holder"), Until: r.moment("until_at")}
	case "machines":
		s.Machines[r.text("id")] = decodeMachine(r)
	case "volumes":
		s.Volumes[r.text("id")] = decodeVolume(r)
	case "agents":
		s.Agents[r.text("machine")] = decodeAgent(r)
	case "deployments":
		s.Deployments[r.text("id")] = decodeDeployment(r)
	case "conditions":
		s.Conditions = append(s.Conditions, decodeCondition(r))
	case "gaps":
		s.Gaps[r.text("kind")] = Gap{Reason: r.text("reason"), Since: r.moment("since")}
	case "means":
		s.Means = decodeMeans(r)
	case "addresses":
		s.Addresses = append(s.Addresses, plan.Address{Name: r.text("name"), Type: r.text("type"), Value: r.text("value"),
			TTL: r.int("ttl"), Deployment: r.text("deployment")})
	case "certificates":
		s.Certificates[r.text("deployment")] = plan.Certificate{Fingerprint: r.text("fingerprint"), Names: r.text("names"),
			NotAfter: r.moment("not_after"), Renew: r.moment("renew"), Retry: r.moment("retry"), Error: r.text("error")}
	case "strays":
		s.Strays[r.text("id")] = Stray{Kind: r.text("kind"), Since: r.moment("since")}
	}
}

func decodeMeans(r *reader) plan.Means {
	return plan.Means{Domain: r.text("domain"), Authority: r.text("authority"),
		Agent: plan.AgentRelease{Version: r.text("agent_version"), URL: r.text("agent_url"), SHA256: r.text("agent_sha256")}}
}

func decodeFinding(r *reader) specs.Finding {
	return specs.Finding{
		Check: r.text("check_name"), Severity: specs.Severity(r.text("severity")), Table: r.text("table_name"),
		Key: r.text("key_name"), Column: r.text("column_name"), Message: r.text("message"), Advice: r.text("advice"),
	}
}

func decodeEntry(r *reader) *plan.Entry {
	return &plan.Entry{
		Deployment: r.text("deployment"), Name: r.text("name"), VolumeID: r.text("volume_id"),
		DeletedAt: r.moment("deleted_at"), DeleteAfter: r.moment("delete_after"), DeletedIn: r.text("deleted_in"),
	}
}

func decodeSlot(r *reader) plan.Slot {
	s := plan.Slot{
		SlotID: plan.SlotID{Deployment: r.text("deployment"), Ordinal: r.int("ordinal"), Generation: r.int64("generation")},
		Token:  r.text("token"), Index: r.int("launch_index"), Batch: r.int("batch"),
		Shape: plan.Shape{Zone: r.text("zone"), InstanceType: r.text("instance_type")},
		State: plan.SlotState(r.text("state")), MachineID: r.text("machine_id"), ClaimedAt: r.moment("claimed_at"),
	}
	if r.row["volume_type"] != nil {
		s.Shape.Volume = &plan.VolumeSpec{Type: r.text("volume_type"), GB: r.int("volume_gb"), IOPS: r.int("volume_iops"), MiBps: r.int("volume_mibps")}
	}
	return s
}

func decodeMachine(r *reader) plan.Machine {
	return plan.Machine{
		ID: r.text("id"), Token: r.text("token"), Index: r.int("launch_index"), State: plan.MachineState(r.text("state")),
		Zone: r.text("zone"), InstanceType: r.text("instance_type"), AgentAddress: r.text("agent_address"), Host: r.text("host"),
		IPv6: r.text("ipv6"), Trouble: r.text("trouble"),
	}
}

func decodeVolume(r *reader) plan.Volume {
	return plan.Volume{
		ID: r.text("id"), Deployment: r.text("deployment"), Ordinal: r.int("ordinal"), GB: r.int("gb"),
		AttachedTo: r.text("attached_to"), Busy: r.text("busy"), Token: r.text("token"), Index: r.int("launch_index"),
	}
}

func decodeAgent(r *reader) plan.Agent {
	a := plan.Agent{
		Reachable: r.flag("reachable"), Since: r.moment("since"), Error: r.text("error"), Enrolled: r.flag("enrolled"),
		Generation: r.int64("generation"), Database: plan.DatabaseState(r.text("database_state")),
		DatabaseDetail: r.text("database_detail"), DatabaseVersion: r.text("database_version"), PID: r.int("pid"),
		Host: r.text("host"), Port: r.int("port"), VolumeAttached: r.flag("volume_attached"), ListenerExpires: r.moment("listener_expires"),
		Version: r.text("version"),
	}
	if o := r.text("order_json"); o != "" {
		a.Order = &plan.Order{}
		r.fault("order_json", o, json.Unmarshal([]byte(o), a.Order))
	}
	return a
}

func decodeDeployment(r *reader) Deployment {
	return Deployment{
		Status: plan.Status{
			ID: r.text("id"), Name: r.text("name"), Phase: plan.Phase(r.text("phase")), Ready: r.flag("ready"), Role: r.text("role"),
			Host: r.text("host"), Port: r.int("port"), DoltVersion: r.text("dolt_version"), MachineID: r.text("machine_id"),
			VolumeID: r.text("volume_id"), Generation: r.int64("generation"),
		},
		Commit: r.text("commit_hash"),
	}
}

func decodeCondition(r *reader) Condition {
	return Condition{
		Deployment: r.text("deployment"),
		Condition:  plan.Condition{Type: r.text("type"), Status: r.flag("status"), Reason: r.text("reason"), Message: r.text("message")},
		Since:      r.moment("since"),
	}
}
