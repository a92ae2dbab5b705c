package plan

import (
	"fmt"
	"time"
)

// shaped says whether the current machine is what the row asks for.
func (d *decision) shaped(cur *Slot) bool {
	return cur.Shape.InstanceType == d.in.Row.InstanceType && cur.Shape.Zone == d.in.Row.Zone
}

const (
	// troubleMost machines of a deployment are launched within troubleWithin before
	// trouble is no reason for another: what comes back on each new machine, as when it
	// is the volume that AWS's checks fail for, another one does not mend, and each
	// costs a restart. Six hours are enough for a person to have been told.
	troubleMost   = 3
	troubleWithin = 6 * time.Hour
)

// mayHelp says whether another machine may end the present one's trouble, and
// otherwise when it is tried again.
func (d *decision) mayHelp() bool {
	var recent []time.Time
	for _, s := range d.entry.Slots { // newest first
		if end := s.ClaimedAt.Add(troubleWithin); d.in.Now.Before(end) {
			recent = append(recent, end)
		}
	}
	if len(recent) < troubleMost {
		return true
	}
	again := recent[troubleMost-1]
	d.recheckAt(again)
	d.waitf("machine %s is in trouble (%s) and is the last of %d within %.0f hours: it is not replaced before %s; look for what they have in common",
		d.machine.ID, d.machine.Trouble, len(recent), troubleWithin.Hours(), again.UTC().Format(time.DateTime))
	return false
}

// replace claims the next generation's machine. The present one serves on until
// the new one is ready to take the volume, so that a lack of capacity costs
// nothing.
func (d *decision) replace(cur *Slot, why string) {
	row, m := d.in.Row, d.machine
	if g := d.in.Gaps.Machines; g != "" {
		d.waitf("the list of machines is not whole (%s): machine %s is not replaced until it is", g, m.ID)
		return
	}
	if !d.volumeKnown() {
		return
	}
	if d.volume() == nil {
		d.waitf("machine %s is replaced once its volume is listed", m.ID)
		return
	}
	if cur.Shape.Zone != row.Zone {
		d.waitf("refused: volume %s is in zone %s and cannot move to %s in place; set zone to %s", d.entry.VolumeID, cur.Shape.Zone, row.Zone, cur.Shape.Zone)
		return
	}
	s := d.claim(Shape{Zone: row.Zone, InstanceType: row.InstanceType})
	d.phase = PhaseReplacing
	d.launch(s, Replace, fmt.Sprintf("launch a %s in place of machine %s (%s)%s; volume %s moves over",
		row.InstanceType, m.ID, cur.Shape.InstanceType, why, d.entry.VolumeID))
}

// volumeHere brings the volume to the current machine: from a free state at
// once, from another machine only when nothing there can write any more.
func (d *decision) volumeHere(cur *Slot) bool {
	v := d.volume()
	switch {
	case v == nil:
		if d.volumeKnown() {
			d.waitf("the volume of machine %s is not listed yet", d.machine.ID)
		}
	case v.AttachedTo == d.machine.ID:
		return d.volumeSeen()
	case v.Busy != "":
		d.waitf("volume %s cannot be moved now: %s", v.ID, v.Busy)
	case v.AttachedTo == "":
		d.act(Action{Kind: AttachVolume, VolumeID: v.ID, MachineID: d.machine.ID, Disruption: None,
			Summary: fmt.Sprintf("attach volume %s to machine %s", v.ID, d.machine.ID)})
	default:
		d.release(v, cur)
	}
	return false
}

func (d *decision) volumeSeen() bool {
	if d.in.Agents[d.machine.ID].VolumeAttached {
		return true
	}
	d.waitf("machine %s does not see its volume %s yet", d.machine.ID, d.entry.VolumeID)
	return false
}

// release takes the volume from the machine that has it: database first, then
// the volume. A machine that cannot be asked is ended, which is the only sure
// way that it writes no more.
func (d *decision) release(v *Volume, cur *Slot) {
	from := v.AttachedTo
	m := d.olderByID(from)
	if ending := d.machineByID(from); m == nil && ending != nil {
		d.waitf("machine %s is ending and still has volume %s", from, v.ID)
		return
	}
	if m == nil {
		d.waitf("volume %s is attached to machine %s, which is not this deployment's; detach it by hand", v.ID, from)
		return
	}
	a := d.in.Agents[from]
	switch {
	case m.State == MachineStopping:
		d.waitf("machine %s is stopping and still has volume %s", from, v.ID)
	case m.State == MachineRunning && d.justSilent(from):
		d.waitf("the agent on machine %s, which has volume %s, does not answer just now: the machine is ended only if it stays silent", from, v.ID)
	case m.State != MachineRunning && !d.knowsState(m, "volume "+v.ID+" is to be free"):
	case m.State != MachineRunning || !a.Reachable || !a.Enrolled:
		d.act(Action{Kind: TerminateMachine, MachineID: from, Slot: SlotID{Deployment: d.entry.Deployment}, Disruption: Replace,
			Summary: fmt.Sprintf("terminate machine %s, which does not answer, so that volume %s is free", from, v.ID)})
	case a.Order != nil || a.Database != DatabaseAbsent:
		d.stopDatabase(m, cur.Generation, Replace, fmt.Sprintf("stop the database on machine %s to move volume %s to %s", from, v.ID, d.machine.ID))
	default:
		d.act(Action{Kind: DetachVolume, VolumeID: v.ID, MachineID: from, Disruption: None,
			Summary: fmt.Sprintf("detach volume %s from machine %s", v.ID, from)})
	}
}

// patience is how long an agent may be silent before its machine is ended for it: one
// that starts again, as after an update, or that a control plane which was started a
// moment ago has yet to reach, answers within seconds.
const patience = 20 * time.Second

// justSilent says whether an agent that does not answer may do so in a moment.
func (d *decision) justSilent(machineID string) bool {
	a, asked := d.in.Agents[machineID]
	if !asked {
		return true // its first report is decided on
	}
	end := a.Since.Add(patience)
	if a.Reachable || !d.in.Now.Before(end) {
		return false
	}
	d.recheckAt(end)
	return true
}

// stopDatabase orders a stop, or waits for one that was ordered.
func (d *decision) stopDatabase(m *Machine, generation int64, cost Disruption, summary string) {
	if a := d.in.Agents[m.ID]; a.Order == nil && a.Database == DatabaseStopping {
		d.waitf("the database on machine %s is stopping", m.ID)
		return
	}
	d.act(Action{Kind: StopDatabase, MachineID: m.ID, Generation: generation, Disruption: cost, Summary: summary})
}

func (d *decision) olderByID(id string) *Machine {
	for _, m := range d.older() {
		if m.ID == id {
			return m
		}
	}
	for i := range d.in.Machines { // a stray's machine, on its way out, may still hold the volume
		if d.in.Machines[i].ID == id && d.in.Machines[i].State != MachineTerminated {
			return &d.in.Machines[i]
		}
	}
	return nil
}

// endOlder ends the machines of earlier generations once it is known what became of
// the database here, so that its name moves over without waiting for their end.
func (d *decision) endOlder(cur *Slot) {
	a := d.in.Agents[d.machine.ID]
	if a.Order == nil || a.Generation != cur.Generation || (a.Database != DatabaseServing && a.Database != DatabaseFailed) {
		return
	}
	for _, m := range d.older() {
		d.act(Action{Kind: TerminateMachine, MachineID: m.ID, Disruption: None,
			Summary: fmt.Sprintf("terminate machine %s: generation %d has taken over", m.ID, cur.Generation)})
	}
}
