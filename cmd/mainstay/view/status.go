// Package view turns what the hub's branches say into what people and programs
// are shown: the status of a fleet, a plan, changes, history.
//
// It is pure: values in, documents and text out. The documents' JSON fields are a
// contract with scripts; the text is not.
package view

import (
	"cmp"
	"slices"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

// A Status is what status -o json prints.
type Status struct {
	Commit      string          `json:"commit"` // of main, in force; empty: none yet
	Head        string          `json:"head"`   // of main, newest
	Converged   bool            `json:"converged"`
	Findings    []specs.Finding `json:"findings,omitempty"`   // why head is not in force
	Conditions  []Condition     `json:"conditions,omitempty"` // of the fleet
	Deployments []Deployment    `json:"deployments"`

	judged string // of main, the newest that the control plane has looked at
}

// A Deployment is one database in a Status.
type Deployment struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Ready       bool        `json:"ready"`
	Phase       string      `json:"phase"`
	Role        string      `json:"role"`
	Host        string      `json:"host"`
	Port        int         `json:"port"`
	DoltVersion string      `json:"dolt_version"`
	MachineID   string      `json:"machine_id"`
	VolumeID    string      `json:"volume_id"`
	Generation  int64       `json:"generation"`
	Commit      string      `json:"commit"`
	Conditions  []Condition `json:"conditions"`
}

// A Condition is a fact that people should know of.
type Condition struct {
	Type    string    `json:"type"`
	Status  bool      `json:"status"`
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Since   time.Time `json:"since"`
}

// New is the phase of a row that no control plane has seen yet.
const New = "new"

// NewStatus joins the desired state at main's head with the ledger. A row without
// an entry is there as new; an entry without a row is there until it is forgotten.
func NewStatus(head string, desired *specs.Snapshot, state *ledger.State) Status {
	s := Status{
		Commit:     state.Applied.Commit,
		Head:       head,
		Findings:   state.Findings,
		Conditions: fleetConditions(state),
		Converged:  state.Converged(head),
		judged:     state.Applied.Head,
	}
	s.Deployments = make([]Deployment, 0, len(state.Deployments))
	for id, d := range state.Deployments {
		doc := newDeployment(d, state)
		if row := desired.Deployments[id]; row != nil && s.Commit == head {
			doc.Name = row.Name // a rename is true at once
		}
		s.Deployments = append(s.Deployments, doc)
	}
	for id, row := range desired.Deployments {
		if _, seen := state.Deployments[id]; !seen {
			s.Converged = false
			s.Deployments = append(s.Deployments, Deployment{ID: id, Name: row.Name, Phase: New, Conditions: []Condition{}})
		}
	}
	slices.SortFunc(s.Deployments, func(a, b Deployment) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return s
}

func newDeployment(d ledger.Deployment, state *ledger.State) Deployment {
	return Deployment{
		ID: d.ID, Name: d.Name, Ready: d.Ready, Phase: string(d.Phase), Role: d.Role, Host: d.Host, Port: d.Port,
		DoltVersion: d.DoltVersion, MachineID: d.MachineID, VolumeID: d.VolumeID, Generation: d.Generation,
		Commit: d.Commit, Conditions: conditions(state.ConditionsOf(d.ID)),
	}
}

// fleetConditions are those on the ledger, and one for each kind of resource that
// could not be listed whole.
func fleetConditions(state *ledger.State) []Condition {
	cs := conditions(state.FleetConditions())
	for _, kind := range []string{"machines", "volumes"} {
		if gap, ok := state.Gaps[kind]; ok {
			cs = append(cs, Condition{
				Type: "Gap", Status: true, Reason: "Unseen", Since: gap.Since,
				Message: "the list of " + kind + " is not whole, so nothing that misses from it counts as gone: " + gap.Reason,
			})
		}
	}
	return cs
}

func conditions(from []ledger.Condition) []Condition {
	cs := make([]Condition, 0, len(from))
	for _, c := range from {
		cs = append(cs, Condition{Type: c.Type, Status: c.Status, Reason: c.Reason, Message: c.Message, Since: c.Since})
	}
	slices.SortFunc(cs, func(a, b Condition) int { return cmp.Compare(a.Type, b.Type) })
	return cs
}

// Only leaves the deployment of that name or id, and says whether there is one.
func (s Status) Only(name string) (Status, bool) {
	for _, d := range s.Deployments {
		if d.Name == name || d.ID == name {
			s.Deployments = []Deployment{d}
			return s, true
		}
	}
	return s, false
}

// Refused says whether the control plane has looked at main and not applied it.
func (s Status) Refused() bool {
	return len(s.Findings) > 0 && s.judged == s.Head && s.Commit != s.Head
}

// Serving counts the deployments that answer.
func (s Status) Serving() int {
	n := 0
	for _, d := range s.Deployments {
		if d.Ready {
			n++
		}
	}
	return n
}

// busy says whether a phase is on its way to another one.
func busy(phase string) bool {
	switch plan.Phase(phase) {
	case plan.PhaseServing, plan.PhaseStopped, plan.PhaseDeleted, plan.PhaseFailing, plan.PhaseUnknown:
		return false
	}
	return true
}
