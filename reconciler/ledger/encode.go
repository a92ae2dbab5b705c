package ledger

import (
	"encoding/json"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

// A Record is one row with the table it belongs to.
type Record struct {
	Table string
	Row   specs.Row
}

// keys are the primary keys of Tables.
var keys = map[string][]string{
	"world": {"id"}, "applied": {"id"}, "findings": {"commit_hash", "n"}, "entries": {"deployment"},
	"slots": {"deployment", "ordinal", "generation"}, "claims": {"deployment"}, "machines": {"id"},
	"volumes": {"id"}, "agents": {"machine"}, "deployments": {"id"}, "conditions": {"deployment", "type"}, "gaps": {"kind"},
	"plans": {"commit_hash"}, "means": {"id"}, "addresses": {"name", "type"}, "certificates": {"deployment"}, "strays": {"id"},
}

// WorldRecords give the identity of the cloud.
func WorldRecords(identity string) []Record {
	return []Record{{"world", specs.Row{"id": "1", "identity": text(identity)}}}
}

// AppliedRecords give the commit in force, and why a newer one is not.
func AppliedRecords(a Applied, refused []specs.Finding) []Record {
	rs := []Record{{"applied", specs.Row{"id": "1", "commit_hash": text(a.Commit), "head": text(a.Head), "applied_at": moment(a.At)}}}
	for i, f := range refused {
		rs = append(rs, Record{"findings", specs.Row{
			"commit_hash": text(a.Head), "n": number(i), "check_name": text(f.Check), "severity": text(string(f.Severity)),
			"table_name": text(f.Table), "key_name": words(f.Key, longestKey), "column_name": text(f.Column), "message": prose(f.Message), "advice": prose(f.Advice),
		}})
	}
	return rs
}

// PlanRecords give what a commit was about to do when it came into force, by the
// hash of the plan, and the hash that its proposal had shown. They are history:
// written once and not part of a State.
func PlanRecords(commit, does, shown, plan string, at time.Time) []Record {
	return []Record{{"plans", specs.Row{
		"commit_hash": text(commit), "plan_hash": text(does), "expected": text(shown), "preview": text(plan), "planned_at": moment(at),
	}}}
}

// EntryRecords give what is remembered about a deployment; nil: nothing.
func EntryRecords(e *plan.Entry) []Record {
	if e == nil {
		return nil
	}
	rs := []Record{{"entries", specs.Row{
		"deployment": text(e.Deployment), "name": text(e.Name), "volume_id": text(e.VolumeID),
		"deleted_at": moment(e.DeletedAt), "delete_after": moment(e.DeleteAfter), "deleted_in": text(e.DeletedIn),
	}}}
	for _, s := range e.Slots {
		rs = append(rs, Record{"slots", slotRow(s)})
	}
	return rs
}

func slotRow(s plan.Slot) specs.Row {
	row := specs.Row{
		"deployment": text(s.Deployment), "ordinal": number(s.Ordinal), "generation": number(s.Generation),
		"token": text(s.Token), "launch_index": number(s.Index), "batch": number(s.Batch),
		"zone": text(s.Shape.Zone), "instance_type": text(s.Shape.InstanceType),
		"volume_type": nil, "volume_gb": nil, "volume_iops": nil, "volume_mibps": nil,
		"state": text(string(s.State)), "machine_id": text(s.MachineID), "claimed_at": moment(s.ClaimedAt),
	}
	if v := s.Shape.Volume; v != nil {
		row["volume_type"], row["volume_gb"] = text(v.Type), number(v.GB)
		row["volume_iops"], row["volume_mibps"] = number(v.IOPS), number(v.MiBps)
	}
	return row
}

// ClaimRecords give who is at work on a deployment.
func ClaimRecords(deployment string, c Claim) []Record {
	return []Record{{"claims", specs.Row{"deployment": text(deployment), "holder": text(c.Holder), "until_at": moment(c.Until)}}}
}

// MachineRecords give a machine as it was listed.
func MachineRecords(m plan.Machine) []Record {
	return []Record{{"machines", specs.Row{
		"id": text(m.ID), "token": text(m.Token), "launch_index": number(m.Index), "state": text(string(m.State)), "zone": text(m.Zone),
		"instance_type": text(m.InstanceType), "agent_address": text(m.AgentAddress), "host": text(m.Host),
		"ipv6": text(m.IPv6), "trouble": words(m.Trouble, longestTrouble),
	}}}
}

// VolumeRecords give a volume as it was listed.
func VolumeRecords(v plan.Volume) []Record {
	return []Record{{"volumes", specs.Row{
		"id": text(v.ID), "deployment": text(v.Deployment), "ordinal": number(v.Ordinal), "gb": number(v.GB),
		"attached_to": text(v.AttachedTo), "busy": prose(v.Busy), "token": text(v.Token), "launch_index": number(v.Index),
	}}}
}

// AgentRecords give an agent's last report.
func AgentRecords(machine string, a plan.Agent) []Record {
	var order any
	if a.Order != nil {
		b, err := json.Marshal(a.Order)
		if err != nil {
			panic("ledger: an order is plain data and always marshals: " + err.Error())
		}
		order = string(b)
	}
	return []Record{{"agents", specs.Row{
		"machine": text(machine), "reachable": flag(a.Reachable), "since": moment(a.Since), "error": prose(a.Error),
		"enrolled": flag(a.Enrolled), "generation": number(a.Generation), "order_json": order,
		"database_state": text(string(a.Database)), "database_detail": prose(a.DatabaseDetail), "database_version": text(a.DatabaseVersion),
		"pid": number(a.PID), "host": text(a.Host), "port": number(a.Port), "volume_attached": flag(a.VolumeAttached),
		"listener_expires": moment(a.ListenerExpires), "version": text(a.Version),
	}}}
}

// StatusRecords give a deployment's status with its conditions. Since is when a
// condition began, by type.
func StatusRecords(s plan.Status, commit string, since map[string]time.Time) []Record {
	rs := []Record{{"deployments", specs.Row{
		"id": text(s.ID), "name": text(s.Name), "phase": text(string(s.Phase)), "ready": flag(s.Ready), "role": text(s.Role),
		"host": text(s.Host), "port": number(s.Port), "dolt_version": text(s.DoltVersion), "machine_id": text(s.MachineID),
		"volume_id": text(s.VolumeID), "generation": number(s.Generation), "commit_hash": text(commit),
	}}}
	return append(rs, ConditionRecords(s.ID, s.Conditions, since)...)
}

// ConditionRecords give conditions; those of one type are joined into one row.
func ConditionRecords(deployment string, cs []plan.Condition, since map[string]time.Time) []Record {
	var rs []Record
	byType := map[string]specs.Row{}
	for _, c := range cs {
		if row, ok := byType[c.Type]; ok {
			row["message"] = prose(row["message"].(string) + "; " + c.Message)
			continue
		}
		row := specs.Row{
			"deployment": text(deployment), "type": text(c.Type), "status": flag(c.Status), "reason": text(c.Reason),
			"message": prose(c.Message), "since": moment(since[c.Type]),
		}
		byType[c.Type] = row
		rs = append(rs, Record{"conditions", row})
	}
	return rs
}

// GapRecords give what could not be seen whole, by kind.
func GapRecords(gaps map[string]Gap) []Record {
	var rs []Record
	for kind, g := range gaps {
		rs = append(rs, Record{"gaps", specs.Row{"kind": text(kind), "reason": prose(g.Reason), "since": moment(g.Since)}})
	}
	return rs
}

// MeansRecords give what a control plane can do.
func MeansRecords(m plan.Means) []Record {
	return []Record{{"means", specs.Row{
		"id": "1", "domain": text(m.Domain), "authority": text(m.Authority),
		"agent_version": text(m.Agent.Version), "agent_url": text(m.Agent.URL), "agent_sha256": text(m.Agent.SHA256),
	}}}
}

// AddressRecords give the address records of one deployment.
func AddressRecords(as []plan.Address) []Record {
	var rs []Record
	for _, a := range as {
		rs = append(rs, Record{"addresses", specs.Row{
			"name": text(a.Name), "type": text(a.Type), "value": text(a.Value), "ttl": number(a.TTL), "deployment": text(a.Deployment),
		}})
	}
	return rs
}

// CertificateRecords give what there is of a public authority's.
func CertificateRecords(deployment string, c plan.Certificate) []Record {
	return []Record{{"certificates", specs.Row{
		"deployment": text(deployment), "fingerprint": text(c.Fingerprint), "names": text(c.Names), "not_after": moment(c.NotAfter),
		"renew": moment(c.Renew), "retry": moment(c.Retry), "error": prose(c.Error),
	}}}
}

// StrayRecords give a thing that is on no record.
func StrayRecords(id string, s Stray) []Record {
	return []Record{{"strays", specs.Row{"id": text(id), "kind": text(s.Kind), "since": moment(s.Since)}}}
}
