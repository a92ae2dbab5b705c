package specs

import (
	"maps"
	"slices"
	"sort"
	"strconv"
)

// Diff lists the rows that differ between a and b, ordered by table and key, as
// the repository would list them between two commits.
func Diff(a, b *Snapshot) []RowChange {
	var changes []RowChange
	for id := range union(a.Deployments, b.Deployments) {
		from, to := a.Deployments[id], b.Deployments[id]
		if from == to {
			continue // shared and never changed in place: equal without a look
		}
		changes = appendChange(changes, TableDeployments, id, from.row(), to.row())
		changes = append(changes, diffSettings(id, a, b)...)
	}
	for id := range union(a.orphans, b.orphans) {
		if a.Deployments[id] == nil && b.Deployments[id] == nil {
			changes = append(changes, diffSettings(id, a, b)...)
		}
	}
	for name := range union(a.Versions, b.Versions) {
		changes = appendChange(changes, TableVersions, name, versionRow(a, name), versionRow(b, name))
	}
	for hash := range union(a.Approvals, b.Approvals) {
		changes = appendChange(changes, TableApprovals, hash, approvalRow(a, hash), approvalRow(b, hash))
	}
	for key := range union(a.Reviewers, b.Reviewers) {
		changes = appendChange(changes, TableReviewers, key, reviewerRow(a, key), reviewerRow(b, key))
	}
	changes = append(changes, diffLimits(a.Limits, b.Limits)...)
	SortChanges(changes)
	return changes
}

// SortChanges orders changes by table and key.
func SortChanges(changes []RowChange) {
	sort.Slice(changes, func(i, j int) bool {
		if changes[i].Table != changes[j].Table {
			return changes[i].Table < changes[j].Table
		}
		return changes[i].Key < changes[j].Key
	})
}

func union[V any](a, b map[string]V) map[string]struct{} {
	all := make(map[string]struct{}, len(a))
	for k := range a {
		all[k] = struct{}{}
	}
	for k := range b {
		all[k] = struct{}{}
	}
	return all
}

func appendChange(changes []RowChange, table, key string, from, to Row) []RowChange {
	if maps.Equal(from, to) && (from == nil) == (to == nil) {
		return changes
	}
	return append(changes, RowChange{Table: table, Key: key, From: from, To: to})
}

func diffSettings(id string, a, b *Snapshot) []RowChange {
	from, to := a.settingsOf(id), b.settingsOf(id)
	var changes []RowChange
	for name := range union(from, to) {
		changes = appendChange(changes, TableSettings, KeyOf(id, name), settingRow(id, name, from), settingRow(id, name, to))
	}
	return changes
}

// settingsOf are the settings whose rows name this deployment, be there one or not.
func (s *Snapshot) settingsOf(id string) map[string]string {
	if d := s.Deployments[id]; d != nil {
		return d.Settings
	}
	return s.orphans[id]
}

func diffLimits(a, b Limits) []RowChange {
	var changes []RowChange
	for _, name := range []string{"max_disrupted", "max_destroyed"} {
		changes = appendChange(changes, TableLimits, name, limitRow(a, name), limitRow(b, name))
	}
	return changes
}

// row gives the deployment as its row; nil gives nil.
func (d *Deployment) row() Row {
	if d == nil {
		return nil
	}
	return Row{
		"id": d.ID, "name": d.Name, "owner": d.Owner, "zone": d.Zone, "instance_type": d.InstanceType,
		"volume_type": d.VolumeType, "volume_gb": strconv.Itoa(d.VolumeGB), "volume_iops": strconv.Itoa(d.VolumeIOPS),
		"volume_mibps": strconv.Itoa(d.VolumeMiBps), "dolt_version": d.DoltVersion, "standbys": strconv.Itoa(d.Standbys),
		"certificate": d.Certificate, "running": bit(d.Running), "protected": bit(d.Protected),
		"retention_days": strconv.Itoa(d.RetentionDays),
	}
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func settingRow(id, name string, settings map[string]string) Row {
	value, ok := settings[name]
	if !ok {
		return nil
	}
	return Row{"deployment": id, "name": name, "value": value}
}

func limitRow(l Limits, name string) Row {
	return Row{"name": name, "value": strconv.Itoa(*l.field(name))}
}

func versionRow(s *Snapshot, version string) Row {
	v, ok := s.Versions[version]
	if !ok {
		return nil
	}
	return Row{"version": v.Version, "url": v.URL, "sha256": v.SHA256}
}

func approvalRow(s *Snapshot, hash string) Row {
	a, ok := s.Approvals[hash]
	if !ok {
		return nil
	}
	return Row{"commit_hash": a.CommitHash, "approved_by": a.ApprovedBy, "reason": a.Reason}
}

func reviewerRow(s *Snapshot, key string) Row {
	r, ok := s.Reviewers[key]
	if !ok {
		return nil
	}
	return Row{"branch": r.Branch, "owner": r.Owner, "person": r.Person, "required": strconv.Itoa(r.Required)}
}

// sortedKeys lists a map's keys in order, so that findings come in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
