// Package specs holds the desired state of a fleet: what the rows on the
// branch main of the fleet's repository say should run.
//
// It promises typed values (Deployment, Limits, Version), a Snapshot of all of
// them at one commit that can be moved to another commit by row changes at a
// cost that follows the change and not the fleet, and Validate, which names
// every fault of a row with its column and what to do about it.
//
// It does not talk to a database, a cloud or a clock: it is values in, values
// out. Package specs/repo reads and writes the rows.
package specs

import "fmt"

// A Deployment is one managed database: one row of the table deployments with
// its rows of the table settings.
type Deployment struct {
	ID            string // generated UUID; never changes, is what resources are tagged with
	Name          string // unique; may change at any time
	Owner         string // person or team; free text
	Zone          string // placement, "local" in the local cloud
	InstanceType  string // size of the machine
	VolumeType    string // kind of disk: gp3, io2, …
	VolumeGB      int    // size of the data volume, GiB; only grows
	VolumeIOPS    int    // provisioned operations a second; 0: the type's default
	VolumeMiBps   int    // provisioned throughput, MiB/s; 0: the type's default
	DoltVersion   string // release of Dolt to run, such as "2.2.0"
	Standbys      int    // read replicas that can take over
	Certificate   string // who signs the SQL listener's certificate: "fleet" or "acme"
	Running       bool   // false: the machine goes, the volume stays
	Protected     bool   // true: the row may not be deleted nor its machine replaced by a delete
	RetentionDays int    // how long the volume outlives the row, days
	Settings      map[string]string
}

// Clone returns a copy that shares nothing with d.
func (d *Deployment) Clone() *Deployment {
	c := *d
	c.Settings = make(map[string]string, len(d.Settings))
	for k, v := range d.Settings {
		c.Settings[k] = v
	}
	return &c
}

// Limits are the fleet-wide budgets, the rows of the table limits.
type Limits struct {
	MaxDisrupted int // deployments that may be disrupted by us at one time
	MaxDestroyed int // deployments that one commit may destroy without an approval
}

// DefaultLimits hold where the table limits has no row: one disruption at a
// time, as a careful person would roll, and no more than three databases
// deleted by one commit, so that a slip in a WHERE clause stops early.
func DefaultLimits() Limits { return Limits{MaxDisrupted: 1, MaxDestroyed: 3} }

// A Version is a release of Dolt the fleet may run: a row of the table versions.
type Version struct {
	Version string
	URL     string // where an agent can fetch it; empty: it is on the machine image
	SHA256  string // hex; empty when URL is
}

// A Row is one row of any table. A value is nil for NULL, or the text that the
// MySQL text protocol would send for it.
type Row map[string]any

// A RowChange is what happened to one row between two commits. From is nil for
// an added row, To is nil for a removed one; both hold every column.
type RowChange struct {
	Table string
	Key   string // the primary key's values, joined by "/"
	From  Row
	To    Row
}

// Severity orders findings. An error stops a commit from being applied.
type Severity string

// The severities, worst first.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// A Finding is one thing that is wrong or remarkable about a row.
type Finding struct {
	Check    string   `json:"check"` // which check found it, such as "volume-shrink"
	Severity Severity `json:"severity"`
	Table    string   `json:"table"`
	Key      string   `json:"key"`    // as people know it: the deployment's name where there is one
	Column   string   `json:"column"` // empty: the row as a whole
	Message  string   `json:"message"`
	Advice   string   `json:"advice"` // what to do next
}

// String gives the finding as one line for people.
func (f Finding) String() string {
	place := f.Table
	if f.Key != "" {
		place += " " + f.Key
	}
	if f.Column != "" {
		place += "." + f.Column
	}
	s := fmt.Sprintf("%s: %s: %s", f.Severity, place, f.Message)
	if f.Advice != "" {
		s += "; " + f.Advice
	}
	return s
}
