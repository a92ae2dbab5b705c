package plan

import (
	"slices"
	"time"
)

// noteVolume remembers the data volume once it is seen, so that its absence can
// be told from its never having been. Until one is remembered no database had any: of
// several that were made the one that came with the present machine is as good as any,
// and is where it is needed.
func (d *decision) noteVolume() {
	if d.entry.VolumeID != "" {
		return
	}
	vs := d.volumes()
	own := d.broughtVolume(vs)
	switch {
	case own != "" && !slices.ContainsFunc(vs, func(v Volume) bool { return v.ByHand }):
		d.entry.VolumeID = own
	case len(vs) == 1 && !d.bringsVolume() && !d.onGivenUp(vs[0]):
		d.entry.VolumeID = vs[0].ID
	}
}

// broughtVolume is the volume that was made with the present machine; empty: none, or it
// is not listed yet.
func (d *decision) broughtVolume(vs []Volume) string {
	if cur := d.current(); cur == nil || cur.Shape.Volume == nil || d.machine == nil {
		return ""
	}
	for _, v := range vs {
		if v.AttachedTo == d.machine.ID {
			return v.ID
		}
	}
	return ""
}

// bringsVolume says whether a machine is on its way with a volume of its own: another
// volume cannot be attached to it too.
func (d *decision) bringsVolume() bool {
	cur := d.current()
	return cur != nil && cur.Shape.Volume != nil && (d.machine == nil || d.in.Listed.Before(d.listedBy(*cur)))
}

// onGivenUp says whether a volume came with a machine that was given up and still lives:
// it is empty. Once that has ended it is as good as any other empty one.
func (d *decision) onGivenUp(v Volume) bool {
	return v.AttachedTo != "" && slices.ContainsFunc(d.entry.Slots, func(s Slot) bool {
		m := d.machineOf(s)
		return s.State == SlotVoid && m != nil && m.State != MachineTerminated && m.ID == v.AttachedTo
	})
}

func (d *decision) volumes() []Volume {
	var vs []Volume
	for _, v := range d.in.Volumes {
		if d.isData(v) {
			vs = append(vs, v)
		}
	}
	return vs
}

func (d *decision) isData(v Volume) bool {
	return v.Deployment == d.entry.Deployment && v.Ordinal == primary
}

// volume is the deployment's data volume; nil: not listed.
func (d *decision) volume() *Volume {
	for i, v := range d.in.Volumes {
		if v.ID == d.entry.VolumeID && d.isData(v) {
			return &d.in.Volumes[i]
		}
	}
	return nil
}

// volumeReady says whether the question "is there data?" has a certain answer.
// When it has not, the reason is waited for.
func (d *decision) volumeKnown() bool {
	vs := d.volumes()
	switch {
	case d.in.Gaps.Volumes != "":
		d.waitf("the list of volumes is not whole (%s): its data volume may exist; nothing is made until the list is whole", d.in.Gaps.Volumes)
	case d.entry.VolumeID == "" && len(vs) > 1:
		d.waitf("%d volumes (%s, %s, …) claim to be its data; remove the tag from all but one", len(vs), vs[0].ID, vs[1].ID)
	case d.entry.VolumeID != "" && d.volume() == nil:
		d.waitf("its data volume %s is not there any more; an empty one is not made in its place. Restore the volume, or delete "+
			"the row and add it anew to begin empty", d.entry.VolumeID)
	default:
		return !d.volumeUnlisted()
	}
	return false
}

// volumeUnlisted says whether a volume was made with a machine and may be missing from
// a whole listing as yet. A second one would be as good, and nobody could tell which of
// the two to take.
func (d *decision) volumeUnlisted() bool {
	if d.entry.VolumeID != "" || len(d.volumes()) > 0 {
		return false
	}
	for _, s := range d.entry.Slots {
		listed := d.listedBy(s)
		if s.MachineID != "" && s.Shape.Volume != nil && d.awaitsListing(listed) {
			d.waitf("machine %s was made with a volume, which is not listed yet; none is made in its place before a listing after %s",
				s.MachineID, listed.UTC().Format(time.TimeOnly))
			return true
		}
	}
	return false
}
