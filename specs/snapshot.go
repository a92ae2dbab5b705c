package specs

import (
	"maps"
	"strings"
)

// SchemaVersion is the newest version of main's schema that this program knows.
const SchemaVersion = 2

// The tables of the desired state.
const (
	TableDeployments = "deployments"
	TableSettings    = "settings"
	TableLimits      = "limits"
	TableVersions    = "versions"
	TableApprovals   = "approvals"
	TableReviewers   = "reviewers"
	TableSchema      = "mainstay_schema"
)

// Tables lists the tables of the desired state in the order in which changes are listed.
func Tables() []string {
	return []string{TableApprovals, TableDeployments, TableLimits, TableSchema, TableReviewers, TableSettings, TableVersions}
}

// An Approval lets one commit go beyond a limit: a row of the table approvals.
type Approval struct {
	CommitHash string
	ApprovedBy string
	Reason     string
}

// A Snapshot is the desired state at one commit.
//
// What the maps point to is never changed: Apply puts new values in place of old
// ones. So a *Deployment may be kept, and two equal pointers mean no change. The
// maps are for reading; Put and Apply keep the indexes that belong to them.
type Snapshot struct {
	SchemaVersion int
	Deployments   map[string]*Deployment // by id
	Limits        Limits
	Versions      map[string]Version
	Approvals     map[string]Approval // by commit hash
	Reviewers     map[string]Reviewer // by Key

	names   nameIndex
	owners  ownerIndex
	orphans map[string]map[string]string // settings whose deployment has no row
	faults  map[string][]Finding         // rows that could not be read, by table/key
}

// NewSnapshot returns the desired state of nothing, with the default limits.
func NewSnapshot() *Snapshot {
	return &Snapshot{
		Deployments: map[string]*Deployment{},
		Limits:      DefaultLimits(),
		Versions:    map[string]Version{},
		Approvals:   map[string]Approval{},
		Reviewers:   map[string]Reviewer{},
		names:       nameIndex{},
		owners:      ownerIndex{},
		orphans:     map[string]map[string]string{},
		faults:      map[string][]Finding{},
	}
}

// Clone returns a copy that can be moved without moving s. Its cost follows the fleet.
func (s *Snapshot) Clone() *Snapshot {
	c := *s
	c.Deployments = maps.Clone(s.Deployments)
	c.Versions = maps.Clone(s.Versions)
	c.Approvals = maps.Clone(s.Approvals)
	c.Reviewers = maps.Clone(s.Reviewers)
	c.faults = maps.Clone(s.faults)
	c.names = maps.Clone(s.names)
	c.owners = maps.Clone(s.owners)
	c.orphans = make(map[string]map[string]string, len(s.orphans))
	for id, settings := range s.orphans {
		c.orphans[id] = maps.Clone(settings)
	}
	return &c
}

// ByName returns the deployment of that name, or nil.
func (s *Snapshot) ByName(name string) *Deployment {
	if ids := s.names[name]; len(ids) > 0 {
		return s.Deployments[ids[0]]
	}
	return nil
}

// NameOf gives a deployment's name for people, or the id where there is no name.
func (s *Snapshot) NameOf(id string) string {
	if d := s.Deployments[id]; d != nil && d.Name != "" {
		return d.Name
	}
	return id
}

// PutDeployment adds d or replaces the one with its id. The settings that d
// carries hold; where it carries none, those the snapshot already has are kept.
// The snapshot owns d from here on.
func (s *Snapshot) PutDeployment(d *Deployment) {
	if old := s.Deployments[d.ID]; old != nil {
		s.names.remove(old.Name, d.ID)
		s.owners.remove(old.Owner)
		if d.Settings == nil {
			d.Settings = old.Settings
		}
	}
	if waiting, ok := s.orphans[d.ID]; ok {
		d.Settings = merged(d.Settings, waiting)
		delete(s.orphans, d.ID)
	}
	s.names.add(d.Name, d.ID)
	s.owners.add(d.Owner)
	s.Deployments[d.ID] = d
}

// removeDeployment takes the row away. Settings that stay behind are orphans
// until their own removal comes, as it does when the foreign key held.
func (s *Snapshot) removeDeployment(id string) {
	d := s.Deployments[id]
	if d == nil {
		return
	}
	s.names.remove(d.Name, id)
	s.owners.remove(d.Owner)
	delete(s.Deployments, id)
	if len(d.Settings) > 0 {
		s.orphans[id] = maps.Clone(d.Settings)
	}
}

func merged(a, b map[string]string) map[string]string {
	if len(a) == 0 {
		return b
	}
	c := maps.Clone(a)
	maps.Copy(c, b)
	return c
}

// fault records that a row could not be read; no findings clear it.
func (s *Snapshot) fault(table, key string, findings []Finding) {
	if len(findings) == 0 {
		delete(s.faults, table+"/"+key)
		return
	}
	s.faults[table+"/"+key] = findings
}

// A nameIndex maps a name to the ids that carry it: one, unless rows were pushed
// past the UNIQUE key.
type nameIndex map[string][]string

func (x nameIndex) add(name, id string) {
	// A new slice each time, so that a cloned index can share the old ones.
	x[name] = append(append(make([]string, 0, len(x[name])+1), x[name]...), id)
}

func (x nameIndex) remove(name, id string) {
	var left []string
	for _, other := range x[name] {
		if other != id {
			left = append(left, other)
		}
	}
	if left == nil {
		delete(x, name)
		return
	}
	x[name] = left
}

// KeyOf joins the values of a key's columns.
func KeyOf(values ...string) string { return strings.Join(values, "/") }
