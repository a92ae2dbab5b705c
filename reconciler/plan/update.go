package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// UpdateFailed is the condition of an agent that could not be updated and went
// back to its former version.
const UpdateFailed = "AgentUpdateFailed"

// silenceCounts is how long an agent that is silent keeps others from being updated:
// one that went silent for an update is back within minutes, or is not because of it.
const silenceCounts = time.Hour

// updateAgents has agents of another version than the wanted one replace
// themselves, when nothing more important is to be done on their machines.
func (d *decision) updateAgents() {
	for i := range d.in.Machines {
		m := &d.in.Machines[i]
		a, asked := d.in.Agents[m.ID]
		if m.State != MachineRunning || !asked {
			continue
		}
		failed := slices.ContainsFunc(a.Conditions, func(c Condition) bool {
			return c.Type == UpdateFailed && c.Status && strings.HasPrefix(c.Message, "version "+d.in.Means.Agent.Version+" ")
		})
		silent := !a.Reachable && (a.Since.IsZero() || d.in.Now.Sub(a.Since) < silenceCounts)
		if silent && !a.Since.IsZero() {
			d.recheckAt(a.Since.Add(silenceCounts))
		}
		if silent || failed {
			d.out.Doubtful = true
		}
		want := d.in.Means.Agent
		if want.Version == "" || a.Version == "" || a.Version == want.Version || !a.Reachable || !a.Enrolled || failed || len(d.out.Actions) > 0 {
			continue
		}
		d.act(Action{Kind: UpdateAgent, MachineID: m.ID, Release: want, Disruption: None,
			Summary: fmt.Sprintf("update the agent on machine %s from %s to %s; its database runs on", m.ID, a.Version, want.Version)})
	}
}
