package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// deploy gives the agent its order when it is not the one it has.
func (d *decision) deploy(cur *Slot) {
	a := d.in.Agents[d.machine.ID]
	want := d.order(cur)
	if !d.certified(a, &want) {
		d.serving(a)
		return
	}
	cost, why := orderChange(a.Order, want)
	if why == "" && want.Certificate == "" {
		cost, why = d.renewal(a)
	}
	if why != "" {
		d.act(Action{Kind: DeployDatabase, MachineID: d.machine.ID, Slot: cur.SlotID, Order: &want, Disruption: cost,
			Summary: why + " on machine " + d.machine.ID})
	}
	d.serving(a)
}

func (d *decision) order(cur *Slot) Order {
	r := d.in.Row
	return Order{Generation: cur.Generation, Deployment: r.ID, Name: r.Name, DoltVersion: r.DoltVersion,
		DoltURL: d.in.Version.URL, DoltSHA256: d.in.Version.SHA256, Settings: maps.Clone(r.Settings)}
}

// orderChange tells what changes from one order to the next and what it costs.
func orderChange(have *Order, want Order) (Disruption, string) {
	if have == nil {
		return None, "deploy Dolt " + want.DoltVersion
	}
	var restart, other []string
	if have.DoltVersion != want.DoltVersion {
		restart = append(restart, fmt.Sprintf("Dolt %s → %s", have.DoltVersion, want.DoltVersion))
	}
	if have.Certificate != want.Certificate {
		restart = append(restart, certificateChange(want.Certificate))
	}
	restart = append(restart, settingChanges(have.Settings, want.Settings)...)
	if have.Name != want.Name {
		other = append(other, fmt.Sprintf("name %s → %s", have.Name, want.Name))
	}
	if have.DoltVersion == want.DoltVersion && (have.DoltURL != want.DoltURL || have.DoltSHA256 != want.DoltSHA256) {
		other = append(other, "where Dolt "+want.DoltVersion+" is fetched")
	}
	if have.Generation != want.Generation {
		other = append(other, fmt.Sprintf("generation %d → %d", have.Generation, want.Generation))
	}
	switch {
	case len(restart) > 0:
		return Restart, "restart with " + strings.Join(append(restart, other...), ", ")
	case len(other) > 0:
		return None, "update " + strings.Join(other, ", ") + " without a restart"
	}
	return None, ""
}

func settingChanges(have, want map[string]string) []string {
	names := slices.Sorted(maps.Keys(have))
	for n := range want {
		if _, ok := have[n]; !ok {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	var cs []string
	for _, n := range names {
		h, had := have[n]
		w, wants := want[n]
		switch {
		case had && wants && h == w:
		case had && wants:
			cs = append(cs, fmt.Sprintf("%s %s → %s", n, h, w))
		case wants:
			cs = append(cs, fmt.Sprintf("%s = %s", n, w))
		default:
			cs = append(cs, fmt.Sprintf("%s back to its default", n))
		}
	}
	return cs
}

// renewal orders a new listener certificate before the old one ends.
func (d *decision) renewal(a Agent) (Disruption, string) {
	if a.ListenerExpires.IsZero() {
		return None, ""
	}
	due := a.ListenerExpires.Add(-renewBefore)
	if d.in.Now.Before(due) {
		d.recheckAt(due)
		return None, ""
	}
	return Restart, "restart with a new certificate (the present one ends on " + a.ListenerExpires.UTC().Format(time.DateOnly) + ")"
}

// serving sets the phase from the database's own state.
func (d *decision) serving(a Agent) {
	changing := len(d.out.Actions) > 0
	switch a.Database {
	case DatabaseServing:
		if !changing && a.DatabaseVersion != "" && a.Order != nil && a.DatabaseVersion != a.Order.DoltVersion {
			d.waitf("Dolt %s runs and %s is ordered: the agent is changing over", a.DatabaseVersion, a.Order.DoltVersion)
		}
		d.phase = PhaseServing
	case DatabaseFailed:
		d.phase = PhaseFailing
		if !changing {
			d.waitf("the database does not run: %s; the agent tries again", a.DatabaseDetail)
		}
	default:
		if d.phase != PhaseCreating {
			d.phase = PhaseStarting
		}
		if a.Order != nil {
			d.out.Disrupting = true
			if !changing {
				d.waitf("the database on machine %s is %s", d.machine.ID, a.Database)
			}
		}
	}
}

// serveOn keeps the phase at serving while an older machine still serves and the
// next one is being made ready.
func (d *decision) serveOn() {
	for id, a := range d.in.Agents {
		if a.Reachable && a.Database == DatabaseServing && d.owns(id) {
			if d.phase == PhaseStarting || d.phase == PhaseCreating {
				d.phase = PhaseServing
			}
		}
	}
}

func (d *decision) owns(machineID string) bool {
	return slices.ContainsFunc(d.in.Machines, func(m Machine) bool { return m.ID == machineID && m.State == MachineRunning })
}
