package plan

import (
	"fmt"
	"strings"
	"time"
)

// A Phase says in one word where a deployment is.
type Phase string

// The phases.
const (
	PhaseCreating  Phase = "creating"
	PhaseStarting  Phase = "starting"
	PhaseServing   Phase = "serving"
	PhaseReplacing Phase = "replacing"
	PhaseFailing   Phase = "failing"
	PhaseStopping  Phase = "stopping"
	PhaseStopped   Phase = "stopped"
	PhaseDeleting  Phase = "deleting"
	PhaseDeleted   Phase = "deleted" // the volume is kept until its retention ends
	PhaseUnknown   Phase = "unknown"
)

// A Status is what people and programs are told about a deployment.
type Status struct {
	ID          string
	Name        string
	Phase       Phase
	Ready       bool   // a database answers
	Role        string // primary; empty: none
	Host        string // its name once that is published, its machine's address before
	Port        int
	DoltVersion string // running now
	MachineID   string
	VolumeID    string
	Generation  int64
	Conditions  []Condition
}

func (d *decision) waitf(format string, args ...any) {
	d.out.Waits = append(d.out.Waits, Wait{Deployment: d.entry.Deployment, Name: d.name, Reason: fmt.Sprintf(format, args...)})
}

func (d *decision) status() Status {
	s := Status{ID: d.entry.Deployment, Name: d.name, Phase: d.phase, VolumeID: d.entry.VolumeID}
	if cur := d.current(); cur != nil {
		s.Generation, s.MachineID = cur.Generation, cur.MachineID
	}
	d.addDatabase(&s)
	return s
}

// addDatabase tells where the database answers: on the machine of the newest
// generation, or on an older one while that still serves.
func (d *decision) addDatabase(s *Status) {
	ms := d.older()
	if d.machine != nil {
		ms = append([]*Machine{d.machine}, ms...)
	}
	for _, m := range ms {
		a, ok := d.in.Agents[m.ID]
		if !ok || !a.Reachable || a.Database != DatabaseServing || m.State != MachineRunning {
			continue
		}
		s.Ready, s.Role, s.MachineID = true, "primary", m.ID
		s.Host, s.Port, s.DoltVersion = a.Host, a.Port, a.DatabaseVersion
		return
	}
	if d.machine != nil { // a client may keep the address of a database that is restarting
		if a := d.in.Agents[d.machine.ID]; a.Port != 0 {
			s.Host, s.Port = a.Host, a.Port
		}
	}
}

func (d *decision) addConditions(s *Status) {
	if len(d.out.Waits) > 0 {
		reasons := make([]string, len(d.out.Waits))
		for i, w := range d.out.Waits {
			reasons[i] = w.Reason
		}
		s.Conditions = append(s.Conditions, Condition{Type: "Waiting", Status: true, Reason: "Waiting", Message: strings.Join(reasons, "; ")})
	}
	if s.Phase == PhaseDeleted && d.entry.VolumeID != "" && !d.forget {
		s.Conditions = append(s.Conditions, d.retained())
	}
	s.Conditions = append(s.Conditions, d.notes...)
	if d.machine != nil {
		for _, c := range d.in.Agents[d.machine.ID].Conditions {
			if c.Status {
				s.Conditions = append(s.Conditions, c)
			}
		}
	}
}

// retained tells of the volume of a deployment whose row was deleted.
func (d *decision) retained() Condition {
	c := Condition{Type: "Retained", Status: true, Reason: "RowDeleted"}
	until, commit := d.entry.DeleteAfter.UTC().Format(time.DateTime), short(d.entry.DeletedIn)
	switch {
	case d.volume() != nil || d.in.Gaps.Volumes != "":
	case d.awaitsListing(d.entry.DeletedAt.Add(ListingLag)):
	default:
		c.Reason = "VolumeMissing"
		c.Message = fmt.Sprintf("volume %s was to be kept until %s and is not there any more: without it a revert of %s does not bring the database back",
			d.entry.VolumeID, until, commit)
		return c
	}
	c.Message = fmt.Sprintf("volume %s is kept until %s; a revert of %s brings the database back", d.entry.VolumeID, until, commit)
	return c
}
