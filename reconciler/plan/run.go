package plan

import (
	"fmt"
	"time"
)

// run takes the deployment towards serving: a machine, the volume on it, an
// agent that obeys, the order. Each step that is not done ends the decision, but
// what serves meanwhile serves on.
func (d *decision) run() {
	d.phase = d.firstPhase()
	d.noteTrouble()
	d.giveUp()
	cur := d.current()
	if cur == nil {
		d.launchFirst()
		return
	}
	if len(d.older()) > 0 {
		// While the cloud has no machine to take over, nobody is disrupted. One that
		// somebody saw may be missing from a listing that is not whole.
		d.phase, d.out.Disrupting = PhaseReplacing, d.machine != nil || cur.State == SlotBound
	}
	if d.ready(cur) {
		d.grow()
		d.deploy(cur)
		d.endOlder(cur)
		return
	}
	d.serveOn()
}

func (d *decision) ready(cur *Slot) bool {
	switch {
	case d.machine == nil:
		d.awaitMachine(cur)
	case d.machine.State == MachineRunning && d.machine.Trouble != "" && len(d.older()) == 0 && d.mayHelp():
		d.replace(cur, ": "+d.machine.Trouble)
	case !d.machineRuns():
	case len(d.older()) == 0 && !d.shaped(cur): // one replacement at a time: the one under way ends first
		d.replace(cur, "")
	case d.fenced(cur):
		d.replace(cur, ", which was told to stop for a machine that is gone")
	default:
		return d.agentReady(cur) && d.volumeHere(cur)
	}
	return false
}

// tokenHolds is how long a token may be asked for again: clouds honour one for a day
// after its machine's end, and one whose machine came and went unseen would launch
// another after that.
const tokenHolds = 23 * time.Hour

// giveUp leaves a launch that never came about when something else is asked for
// meanwhile: where a cloud has no such machine, to ask for another kind or zone must
// help. A machine that turns up late is ended like any of a void slot.
func (d *decision) giveUp() {
	cur := d.current()
	if cur == nil || cur.State != SlotClaimed || d.machine != nil || d.in.Gaps.Machines != "" {
		return
	}
	if d.asked(cur) {
		if ends := cur.ClaimedAt.Add(tokenHolds); d.in.Now.Before(ends) {
			d.recheckAt(ends)
			return
		}
	}
	if d.awaitsListing(cur.ClaimedAt.Add(ListingLag)) {
		return
	}
	cur.State = SlotVoid
	d.findMachine()
}

// asked says whether a slot's launch asks for what the row says.
func (d *decision) asked(s *Slot) bool {
	return d.shaped(s) && (s.Shape.Volume == nil || *s.Shape.Volume == d.volumeSpec())
}

// noteTrouble tells of machines that should be replaced, also while they wait for
// their turn. Of two, the newer is told of.
func (d *decision) noteTrouble() {
	for _, s := range d.entry.Slots {
		if m := d.machineOf(s); m != nil && m.Trouble != "" && m.State == MachineRunning {
			d.note("Trouble", "Replace", fmt.Sprintf("machine %s is to be replaced: %s", m.ID, m.Trouble))
		}
	}
}

// firstPhase tells a database that never was from one that is to come back.
func (d *decision) firstPhase() Phase {
	if d.entry.VolumeID == "" || d.neverOrdered() {
		return PhaseCreating
	}
	return PhaseStarting
}

// neverOrdered is true when the agent of the first machine says that it was never
// told anything. One that does not answer says nothing.
func (d *decision) neverOrdered() bool {
	if d.machine == nil || d.current().Generation != 1 {
		return false
	}
	a, ok := d.in.Agents[d.machine.ID]
	return ok && a.Reachable && a.Generation == 0
}

// launchFirst claims a machine where there is none.
func (d *decision) launchFirst() {
	if g := d.in.Gaps.Machines; g != "" {
		d.waitf("the list of machines is not whole (%s): none is made until it is", g)
		return
	}
	if !d.volumeKnown() {
		return
	}
	row := d.in.Row
	shape := Shape{Zone: row.Zone, InstanceType: row.InstanceType}
	with := "for volume " + d.entry.VolumeID
	if d.volume() == nil {
		spec := d.volumeSpec()
		shape.Volume = &spec
		with = fmt.Sprintf("with a new %d GiB %s volume", row.VolumeGB, row.VolumeType)
	}
	d.launch(d.claim(shape), None, fmt.Sprintf("launch a %s in %s %s", row.InstanceType, row.Zone, with))
}

func (d *decision) volumeSpec() VolumeSpec {
	row := d.in.Row
	return VolumeSpec{Type: row.VolumeType, GB: row.VolumeGB, IOPS: row.VolumeIOPS, MiBps: row.VolumeMiBps}
}

func (d *decision) launch(s Slot, cost Disruption, summary string) {
	d.act(Action{Kind: LaunchMachine, Slot: s.SlotID, Token: s.Token, Index: s.Index, Batch: s.Batch, Shape: s.Shape,
		Disruption: cost, Summary: summary})
}

// awaitMachine repeats a launch whose result is not known: a used token makes
// nothing new, so repeating it is how to find out.
func (d *decision) awaitMachine(cur *Slot) {
	switch {
	case d.in.Gaps.Machines != "":
		d.waitf("the list of machines is not whole (%s): its machine may be among those not listed", d.in.Gaps.Machines)
	case cur.State == SlotBound:
		d.waitf("machine %s was claimed at %s and is not listed yet", cur.MachineID, cur.ClaimedAt.UTC().Format(time.DateTime))
	default:
		d.launch(*cur, None, fmt.Sprintf("launch a %s in %s, asked for before without a known answer (same token: never a second one)",
			cur.Shape.InstanceType, cur.Shape.Zone))
	}
}

// machineRuns starts a stopped machine and waits for one on its way.
func (d *decision) machineRuns() bool {
	m := d.machine
	switch m.State {
	case MachineRunning:
		return true
	case MachineStopped:
		d.act(Action{Kind: StartMachine, MachineID: m.ID, Disruption: None, Summary: "start machine " + m.ID + ": it stopped"})
	case MachineStopping:
		d.waitf("machine %s is stopping; it is started again as soon as it has stopped", m.ID)
	default:
		d.waitf("machine %s is starting", m.ID)
	}
	return false
}

// fenced says whether the current machine obeyed a stop for a generation that
// has failed since: it takes no orders of its own generation any more.
func (d *decision) fenced(cur *Slot) bool {
	seen := d.in.Agents[d.machine.ID].Generation
	return len(d.older()) == 0 && seen > cur.Generation && seen <= d.lastGeneration()
}

// agentReady enrols an agent that is not yet, and waits for one that is silent.
func (d *decision) agentReady(cur *Slot) bool {
	m := d.machine
	a, asked := d.in.Agents[m.ID]
	switch {
	case !asked:
		d.waitf("the agent on machine %s has not answered yet", m.ID)
	case !a.Reachable:
		d.waitf("the agent on machine %s does not answer since %s: %s", m.ID, a.Since.UTC().Format(time.DateTime), a.Error)
	case !a.Enrolled:
		d.act(Action{Kind: EnrolAgent, MachineID: m.ID, Slot: cur.SlotID, Disruption: None, Summary: "enrol the agent on machine " + m.ID})
	case a.Generation > cur.Generation:
		d.waitf("the agent on machine %s has obeyed generation %d and the ledger says %d: another control plane is ahead, or the ledger was put back",
			m.ID, a.Generation, cur.Generation)
	default:
		return true
	}
	return false
}

// grow enlarges the volume in place.
func (d *decision) grow() {
	v, want := d.volume(), d.in.Row.VolumeGB
	switch {
	case v == nil || want == v.GB:
	case want < v.GB:
		d.waitf("refused: volume %s has %d GiB and cannot shrink to %d; set volume_gb to %d or more", v.ID, v.GB, want, v.GB)
	case v.Busy != "":
		d.waitf("volume %s cannot grow now: %s", v.ID, v.Busy)
	default:
		d.act(Action{Kind: GrowVolume, VolumeID: v.ID, VolumeGB: want, Disruption: None,
			Summary: fmt.Sprintf("grow volume %s from %d to %d GiB in place", v.ID, v.GB, want)})
	}
}
