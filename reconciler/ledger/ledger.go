// Package ledger is the branch status as values: which place each machine fills,
// what was seen last, what every deployment's state is, and who is at work.
//
// It promises that Decode of what the Book writes gives back the same State, and
// that a Book stages a row only when it differs from the one that was published:
// a pass that changed nothing writes nothing.
//
// It does not read or write the repository; package reconciler publishes a
// Book's edits.
package ledger

import (
	"time"

	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

// Tables are the tables of the branch status that make up a State.
var Tables = []string{
	"world", "applied", "findings", "entries", "slots", "claims", "machines",
	"volumes", "agents", "deployments", "conditions", "gaps", "means", "addresses", "certificates", "strays",
}

// Shown are those of Tables that say how the fleet is, without what a plan is made of:
// a fraction of the rows.
var Shown = []string{"applied", "findings", "claims", "deployments", "conditions", "gaps"}

// A State is everything on the branch status at one commit.
type State struct {
	World       string // identity of the cloud the fleet lives in; empty: none yet
	Applied     Applied
	Findings    []specs.Finding // of Applied.Head, when it is not in force
	Entries     map[string]*plan.Entry
	Claims      map[string]Claim // by deployment
	Machines    map[string]plan.Machine
	Volumes     map[string]plan.Volume
	Agents      map[string]plan.Agent // by machine
	Deployments map[string]Deployment
	Conditions  []Condition
	Gaps        map[string]Gap // by kind: machines, volumes, names
	// Means are what the control plane that wrote last can do.
	Means        plan.Means
	Addresses    []plan.Address              // the fleet's own
	Certificates map[string]plan.Certificate // by deployment
	Strays       map[string]Stray            // by id
}

// A Stray is a machine or volume that carries the fleet's mark and is on no record.
type Stray struct {
	Kind  string // machine, volume
	Since time.Time
}

// Applied says which commit of main is in force.
type Applied struct {
	Commit string    // in force; empty: none ever was
	Head   string    // newest seen; other than Commit: it was refused
	At     time.Time // when Commit came into force
}

// A Claim says which control plane is at work on a deployment. After Until
// anyone may take over.
type Claim struct {
	Holder string
	Until  time.Time
}

// A Deployment is the published status of one deployment.
type Deployment struct {
	plan.Status
	Commit string // of main that last changed its row, once that is carried out
}

// A Condition is a fact about a deployment, or about the fleet when Deployment
// is empty.
type Condition struct {
	Deployment string
	plan.Condition
	Since time.Time
}

// A Gap is something that could not be seen whole.
type Gap struct {
	Reason string
	Since  time.Time
}

// FleetConditions are those that concern no single deployment.
func (s *State) FleetConditions() []Condition { return s.ConditionsOf("") }

// ConditionsOf are the conditions of one deployment.
func (s *State) ConditionsOf(deployment string) []Condition {
	var cs []Condition
	for _, c := range s.Conditions {
		if c.Deployment == deployment {
			cs = append(cs, c)
		}
	}
	return cs
}

// Scene is the fleet as it was seen last, under a desired state: what a forecast
// begins from.
func (s *State) Scene(now time.Time, desired *specs.Snapshot) plan.Scene {
	scene := plan.Scene{
		Now: now, Desired: desired, Entries: s.Entries, Agents: s.Agents, Means: s.Means, Addresses: s.Addresses, Certificates: s.Certificates,
		Gaps: plan.Gaps{Machines: s.Gaps["machines"].Reason, Volumes: s.Gaps["volumes"].Reason, Names: s.Gaps["names"].Reason},
	}
	for _, m := range s.Machines {
		scene.Machines = append(scene.Machines, m)
	}
	for _, v := range s.Volumes {
		scene.Volumes = append(scene.Volumes, v)
	}
	return scene
}

// Converged says that the state is that of a fleet which is as head wants it.
func (s *State) Converged(head string) bool {
	if s.Applied.Head != head || s.Applied.Commit != head || len(s.Claims) > 0 || len(s.Gaps) > 0 {
		return false
	}
	for _, c := range s.Conditions {
		if c.Deployment != "" && c.Status && (c.Type == "Waiting" || c.Type == "Held") {
			return false
		}
	}
	return true
}
