package specs

import "maps"

// Overlay returns a snapshot to which these changes can be applied without
// touching s, at a cost that follows the changes: it holds only what the changes
// and ValidateChanged of them need to see. It answers questions about these rows
// and is not the whole state.
//
// A change that takes away a version needs the whole fleet, because any
// deployment may name it; then Overlay is Clone.
func (s *Snapshot) Overlay(changes []RowChange) *Snapshot {
	for _, c := range changes {
		if c.Table == TableVersions && c.To == nil {
			return s.Clone()
		}
	}
	o := NewSnapshot()
	o.SchemaVersion, o.Limits = s.SchemaVersion, s.Limits
	o.Versions = maps.Clone(s.Versions)   // a handful of releases
	o.Approvals = maps.Clone(s.Approvals) // given by hand, one at a time
	o.Reviewers = maps.Clone(s.Reviewers) // people
	for _, c := range changes {
		switch c.Table {
		case TableDeployments:
			s.lend(o, c.Key)
			if name, ok := c.To["name"].(string); ok {
				for _, id := range s.names[name] {
					s.lend(o, id)
				}
			}
		case TableSettings:
			id, _ := splitSettingKey(c.Key)
			s.lend(o, id)
		}
		for _, owner := range ownersOf(c) {
			s.lendOwner(o, owner)
		}
		if faults, ok := s.faults[c.Table+"/"+c.Key]; ok {
			o.fault(c.Table, c.Key, faults)
		}
	}
	return o
}

// lend shows one deployment of s in o.
func (s *Snapshot) lend(o *Snapshot, id string) {
	if d := s.Deployments[id]; d != nil && o.Deployments[id] == nil {
		o.Deployments[id] = d
		o.names.add(d.Name, id)
	}
	if waiting, ok := s.orphans[id]; ok {
		o.orphans[id] = maps.Clone(waiting)
	}
}

// lendOwner tells o how many deployments of s an owner has that the changes name. All
// of them count, also those that o does not show: that is what a rule about the
// owner asks.
func (s *Snapshot) lendOwner(o *Snapshot, owner string) {
	if n := s.owners[owner]; n > 0 {
		o.owners[owner] = n
	}
}
