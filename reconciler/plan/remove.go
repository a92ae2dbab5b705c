package plan

import (
	"cmp"
	"fmt"
	"time"
)

// tearDown ends all machines and keeps the volume: the database first, so that
// it closes its files, then the machine.
func (d *decision) tearDown(cost Disruption, why string) {
	d.voidUnsettled()
	cur := d.current()
	if cur == nil {
		return
	}
	for _, m := range append(d.older(), d.machine) {
		if m == nil {
			d.waitf("machine %s is not listed yet; it is terminated when it is", cur.MachineID)
			continue
		}
		d.end(m, cur.Generation, cost, why)
	}
}

func (d *decision) end(m *Machine, generation int64, cost Disruption, why string) {
	a, asked := d.in.Agents[m.ID]
	if m.State == MachineRunning && !asked {
		d.waitf("the agent on machine %s has not answered yet; its database is stopped before the machine is ended (%s)", m.ID, why)
		return
	}
	if m.State == MachineRunning && a.Reachable && a.Enrolled && a.Generation <= generation &&
		(a.Order != nil || (a.Database != DatabaseAbsent && a.Database != "")) {
		d.stopDatabase(m, generation, cost, fmt.Sprintf("stop the database on machine %s (%s)", m.ID, why))
		return
	}
	if m.State != MachineRunning && !d.knowsState(m, why) {
		return
	}
	kept := ""
	if d.entry.VolumeID != "" {
		kept = "; volume " + d.entry.VolumeID + " is kept"
	}
	d.act(Action{Kind: TerminateMachine, MachineID: m.ID, Disruption: cost, Summary: fmt.Sprintf("terminate machine %s (%s)%s", m.ID, why, kept)})
}

// knowsState says whether it is known that a machine does not run. One that did not when it
// was last listed may have been started since, and its database with it.
func (d *decision) knowsState(m *Machine, why string) bool {
	if g := d.in.Gaps.Machines; g != "" {
		d.waitf("machine %s was %s when it was last listed, and machines cannot be listed whole now (%s); it is ended when they can (%s)", m.ID, m.State, g, why)
		return false
	}
	if d.awaitsListing(d.in.Now.Add(-ListingLag)) {
		d.waitf("machine %s was %s when machines were last listed, at %s; it is ended when they have been listed anew (%s)",
			m.ID, m.State, d.in.Listed.UTC().Format(time.TimeOnly), why)
		return false
	}
	return true
}

// remove takes down a deployment whose row was deleted, and in the end its volume.
func (d *decision) remove() {
	why := "its row was deleted in " + short(d.entry.DeletedIn)
	if g := cmp.Or(d.in.Gaps.Machines, d.in.Gaps.Volumes); g != "" && d.current() != nil {
		d.phase = PhaseDeleting
		d.waitf("what there is could not be listed whole (%s): nothing is destroyed until it is", g)
		return
	}
	d.tearDown(Destroy, why)
	d.phase = d.restPhase(PhaseDeleting, PhaseDeleted)
	if d.current() != nil || len(d.out.Actions) > 0 {
		return
	}
	v := d.volume()
	switch {
	case d.in.Gaps.Volumes != "" || d.in.Gaps.Machines != "":
		d.recheckAt(d.in.Now.Add(time.Minute)) // a gap closes by itself or never; a minute costs nothing here
	case v == nil && len(d.volumes()) == 0:
		d.forget = d.noMachines() && d.isOver()
	case v == nil:
		d.waitf("%d volumes claim to be its data and none is the one on record; none is deleted", len(d.volumes()))
	case d.in.Now.Before(d.entry.DeleteAfter):
		d.recheckAt(d.entry.DeleteAfter)
	case v.AttachedTo != "" || v.Busy != "":
		d.waitf("volume %s is past its retention and still in use (%s%s)", v.ID, v.AttachedTo, v.Busy)
	default:
		d.act(Action{Kind: DeleteVolume, VolumeID: v.ID, Disruption: Destroy,
			Summary: fmt.Sprintf("delete volume %s: %s and its retention ended on %s", v.ID, why, d.entry.DeleteAfter.UTC().Format(time.DateTime))})
	}
}

// isOver says whether a deleted deployment may be forgotten. Until its retention
// ends its volume may turn up, and the row may come back: its generations rise on.
// A launch that was given up may come about for longer.
func (d *decision) isOver() bool {
	over := d.entry.DeleteAfter
	for _, s := range d.entry.Slots {
		if kept := s.ClaimedAt.Add(voidKept); s.MachineID == "" && s.Token != "" && kept.After(over) {
			over = kept
		}
	}
	if d.in.Now.Before(over) {
		d.recheckAt(over)
		return false
	}
	return true
}

func (d *decision) noMachines() bool {
	for _, m := range d.in.Machines {
		if m.State != MachineTerminated {
			return false
		}
	}
	return true
}

func (d *decision) restPhase(going, gone Phase) Phase {
	if d.current() != nil || len(d.out.Actions) > 0 {
		return going
	}
	return gone
}

// short gives a commit as people quote it.
func short(commit string) string {
	if len(commit) > 8 {
		return commit[:8]
	}
	return commit
}
