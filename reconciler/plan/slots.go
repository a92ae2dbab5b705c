package plan

import "slices"

// settleSlots brings the ledger's slots up to what the cloud lists: a slot whose
// machine is seen is bound, one whose machine is gone is void.
func (d *decision) settleSlots() {
	for i := range d.entry.Slots {
		s := &d.entry.Slots[i]
		m := d.machineOf(*s)
		switch {
		case s.State == SlotVoid:
		case m != nil && m.State == MachineTerminated:
			s.State, s.MachineID = SlotVoid, m.ID
		case m != nil:
			s.State, s.MachineID = SlotBound, m.ID
		case s.State == SlotBound && d.in.Gaps.Machines == "":
			if !d.awaitsListing(d.listedBy(*s)) {
				s.State = SlotVoid
			}
		}
	}
	d.pruneSlots()
	d.findMachine()
}

func (d *decision) findMachine() {
	d.machine = nil
	if s := d.current(); s != nil {
		d.machine = d.machineOf(*s)
	}
}

// pruneSlots forgets void slots that no machine can turn up for any more. The
// newest slot stays, so that generations only rise.
func (d *decision) pruneSlots() {
	slices.SortStableFunc(d.entry.Slots, func(a, b Slot) int { return int(b.Generation - a.Generation) })
	kept := d.entry.Slots[:0]
	for i, s := range d.entry.Slots {
		old := s.State == SlotVoid && d.in.Now.Sub(s.ClaimedAt) > voidKept && d.machineOf(s) == nil
		if i == 0 || !old {
			kept = append(kept, s)
		}
	}
	d.entry.Slots = kept
}

func (d *decision) machineOf(s Slot) *Machine {
	for i := range d.in.Machines {
		if m := &d.in.Machines[i]; m.Token == s.Token && m.Index == s.Index && s.Token != "" {
			return m
		}
	}
	return nil
}

// current is the newest live slot; nil: none.
func (d *decision) current() *Slot {
	for i := range d.entry.Slots {
		if d.entry.Slots[i].State != SlotVoid {
			return &d.entry.Slots[i]
		}
	}
	return nil
}

// older are the live machines of older generations than the current slot's.
func (d *decision) older() []*Machine {
	cur := d.current()
	var ms []*Machine
	for _, s := range d.entry.Slots {
		if cur == nil || s.SlotID == cur.SlotID || s.State == SlotVoid {
			continue
		}
		if m := d.machineOf(s); m != nil {
			ms = append(ms, m)
		}
	}
	return ms
}

// claim adds the next generation's slot. The token is set when the fleet's
// launches are batched.
func (d *decision) claim(shape Shape) Slot {
	s := Slot{
		SlotID:    SlotID{Deployment: d.entry.Deployment, Ordinal: primary, Generation: d.lastGeneration() + 1},
		Shape:     shape,
		State:     SlotClaimed,
		ClaimedAt: d.in.Now,
	}
	d.entry.Slots = append([]Slot{s}, d.entry.Slots...)
	return s
}

// lastGeneration is the newest generation ever claimed; 0: none was.
func (d *decision) lastGeneration() int64 {
	var last int64
	for _, s := range d.entry.Slots {
		last = max(last, s.Generation)
	}
	return last
}

// endStrays ends machines whose slot is void: a launch that was given up and
// succeeded late, or a machine that a listing lost for a time.
func (d *decision) endStrays() {
	for _, s := range d.entry.Slots {
		m := d.machineOf(s)
		if s.State != SlotVoid || m == nil || m.State == MachineTerminated {
			continue
		}
		d.act(Action{
			Kind: TerminateMachine, MachineID: m.ID, Slot: s.SlotID, Disruption: None,
			Summary: "terminate machine " + m.ID + ": it belongs to a slot that was given up",
		})
	}
}

// voidUnsettled gives up slots for which no machine was seen. If one turns up
// later its token still tells that it is ours.
func (d *decision) voidUnsettled() {
	for i := range d.entry.Slots {
		if s := &d.entry.Slots[i]; s.State == SlotClaimed {
			s.State = SlotVoid
		}
	}
	d.findMachine()
}
