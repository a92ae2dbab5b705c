package reconciler

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A world is the newest observation, indexed by what a decision asks for.
type world struct {
	machines map[string]plan.Machine // by id
	volumes  map[string]plan.Volume  // by id
	agents   map[string]*plan.Agent  // by machine id; as their clients keep them
	gaps     map[string]ledger.Gap   // by kind
	byLaunch map[launchKey]string    // machine id
	byOwner  map[string][]string     // volume ids by deployment
	restage  bool                    // the book was read anew: everything is staged again
	seen     bool                    // it was listed at least once
	listed   time.Time               // when the newest listing began
	names    names
	// certificates are the public authority's, by deployment.
	certificates map[string]plan.Certificate
	strays       map[string]ledger.Stray
}

type launchKey struct {
	token string
	index int
}

func newWorld() world {
	return world{
		machines: map[string]plan.Machine{}, volumes: map[string]plan.Volume{}, agents: map[string]*plan.Agent{},
		gaps: map[string]ledger.Gap{}, byLaunch: map[launchKey]string{}, byOwner: map[string][]string{},
		names: newNames(), certificates: map[string]plan.Certificate{}, strays: map[string]ledger.Stray{},
	}
}

// seeMachines takes in a listing. Under a gap, machines that are not in it stay as
// they were seen last.
func (r *Reconciler) seeMachines(inv plan.Inventory, now time.Time) {
	w := &r.world
	r.seeGap("machines", inv.Gaps.Machines, now)
	seen := map[string]bool{}
	for _, m := range inv.Machines {
		seen[m.ID] = true
		if old, ok := w.machines[m.ID]; ok && old == m && !w.restage {
			continue
		}
		r.seeMachine(m)
	}
	if inv.Gaps.Machines != "" {
		return
	}
	for id, m := range w.machines {
		if !seen[id] {
			r.desk.mark(r.ownerOf(m))
			delete(w.machines, id)
			delete(w.byLaunch, launchKey{m.Token, m.Index})
			r.book.Set(ledger.Owner{Kind: "machine", ID: id}, nil)
		}
	}
	sweep(r, "machine", w.machines)
}

func (r *Reconciler) seeMachine(m plan.Machine) {
	r.world.machines[m.ID] = m
	if m.Token != "" {
		r.world.byLaunch[launchKey{m.Token, m.Index}] = m.ID
	}
	r.book.Set(ledger.Owner{Kind: "machine", ID: m.ID}, ledger.MachineRecords(m))
	r.desk.mark(r.ownerOf(m))
}

// seeLaunched takes in the machine that a launch was answered with. Listings lag:
// one that was listed already is known better.
func (r *Reconciler) seeLaunched(m plan.Machine) {
	if _, listed := r.world.machines[m.ID]; !listed {
		r.seeMachine(m)
	}
}

// sweep takes published rows off the book that are not seen any more, after the
// book was read anew; from then on each goes as its thing does.
func sweep[T any](r *Reconciler, kind string, seen map[string]T) {
	if !r.world.restage {
		return
	}
	for _, id := range r.book.Owners(kind) {
		if _, ok := seen[id]; !ok {
			r.book.Set(ledger.Owner{Kind: kind, ID: id}, nil)
		}
	}
}

func (r *Reconciler) seeVolumes(inv plan.Inventory, now time.Time) {
	r.seeGap("volumes", cmp.Or(inv.Gaps.Volumes, r.lostRecord(inv)), now)
	seen := map[string]bool{}
	for _, v := range inv.Volumes {
		seen[v.ID] = true
		r.seeVolume(v)
	}
	if inv.Gaps.Volumes != "" {
		return
	}
	for id := range r.world.volumes {
		if !seen[id] {
			r.loseVolume(id)
		}
	}
	sweep(r, "volume", r.world.volumes)
}

func (r *Reconciler) seeVolume(v plan.Volume) {
	w := &r.world
	if v.Deployment = r.volumeOwner(v); v.Deployment != "" {
		v.Token, v.Index = "", 0 // the launch has told what it could
	}
	old, known := w.volumes[v.ID]
	if known && old == v && !w.restage {
		return
	}
	if known && old.Deployment != v.Deployment {
		r.loseVolume(v.ID)
	}
	w.volumes[v.ID] = v
	if !slices.Contains(w.byOwner[v.Deployment], v.ID) {
		w.byOwner[v.Deployment] = append(w.byOwner[v.Deployment], v.ID)
	}
	r.book.Set(ledger.Owner{Kind: "volume", ID: v.ID}, ledger.VolumeRecords(v))
	r.desk.mark(v.Deployment)
}

func (r *Reconciler) loseVolume(id string) {
	w := &r.world
	owner := w.volumes[id].Deployment
	r.desk.mark(owner)
	delete(w.volumes, id)
	w.byOwner[owner] = slices.DeleteFunc(w.byOwner[owner], func(x string) bool { return x == id })
	r.book.Set(ledger.Owner{Kind: "volume", ID: id}, nil)
}

// volumeOwner is the deployment that a volume is of: as its cloud says, as the
// ledger remembers, or the one whose machine it was made with. A volume is on the
// ledger before its database gets its first order, so what none of these tells
// never held data.
func (r *Reconciler) volumeOwner(v plan.Volume) string {
	if v.Deployment != "" {
		return v.Deployment
	}
	if owner := r.desk.volumes[v.ID]; owner != "" {
		return owner
	}
	if v.Token == "" {
		return ""
	}
	return r.desk.slots[launchKey{v.Token, v.Index}].deployment
}

// seeGap takes in what could not be listed. A gap opening or closing concerns
// every deployment.
func (r *Reconciler) seeGap(kind, reason string, now time.Time) {
	w := &r.world
	old, had := w.gaps[kind]
	switch {
	case reason == "":
		delete(w.gaps, kind)
	case had:
		w.gaps[kind] = ledger.Gap{Reason: reason, Since: old.Since}
	default:
		w.gaps[kind] = ledger.Gap{Reason: reason, Since: now}
		if reason != notListed {
			r.log.Warn("could not be listed whole; nothing is destroyed or made on its account", "kind", kind, "err", reason)
		}
	}
	r.metrics.gap(kind, reason != "")
	if reason != old.Reason || w.restage {
		r.book.Set(ledger.Owner{Kind: "gaps"}, ledger.GapRecords(w.gaps))
		if r.desired.snapshot != nil {
			r.markAll()
		}
	}
}

// seeAgents takes in the agents' reports, which are values: one that is equal to
// the last changes nothing.
func (r *Reconciler) seeAgents(reports map[string]*plan.Agent) {
	w := &r.world
	var soonest time.Time
	for id, a := range reports {
		if end := a.ListenerExpires; a.Order != nil && !end.IsZero() && (soonest.IsZero() || end.Before(soonest)) {
			soonest = end
		}
		if !a.Reachable {
			a = r.withAddress(id, a)
		}
		if old := w.agents[id]; old != nil && (old == a || sameAgent(*old, *a)) && !w.restage {
			continue
		}
		w.agents[id] = a
		delete(r.state.Agents, id) // what others had heard is old now
		r.book.Set(ledger.Owner{Kind: "agent", ID: id}, ledger.AgentRecords(id, *a))
		r.desk.mark(r.ownerOf(w.machines[id]))
	}
	for id := range w.agents {
		if _, ok := reports[id]; !ok {
			delete(w.agents, id)
			r.book.Set(ledger.Owner{Kind: "agent", ID: id}, nil)
			r.desk.mark(r.ownerOf(w.machines[id]))
		}
	}
	sweep(r, "agent", w.agents)
	r.metrics.certificatesEnd(soonest)
}

// withAddress keeps where the database was last reached: it comes back there, and
// clients that know the address should not lose it meanwhile.
func (r *Reconciler) withAddress(id string, a *plan.Agent) *plan.Agent {
	last := r.state.Agents[id]
	if seen := r.world.agents[id]; seen != nil {
		last = *seen
	}
	with := *a
	with.Host, with.Port = last.Host, last.Port
	return &with
}

func sameAgent(a, b plan.Agent) bool {
	if !sameOrder(a.Order, b.Order) || !slices.Equal(a.Conditions, b.Conditions) {
		return false
	}
	return a.Reachable == b.Reachable && a.Since.Equal(b.Since) && a.Error == b.Error && a.Enrolled == b.Enrolled &&
		a.Generation == b.Generation && a.Database == b.Database && a.DatabaseDetail == b.DatabaseDetail &&
		a.DatabaseVersion == b.DatabaseVersion && a.PID == b.PID && a.Host == b.Host && a.Port == b.Port &&
		a.VolumeAttached == b.VolumeAttached && a.ListenerExpires.Equal(b.ListenerExpires) && a.Version == b.Version
}

func sameOrder(a, b *plan.Order) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Generation == b.Generation && a.Deployment == b.Deployment && a.Name == b.Name &&
		a.DoltVersion == b.DoltVersion && a.DoltURL == b.DoltURL && a.DoltSHA256 == b.DoltSHA256 &&
		a.Certificate == b.Certificate && maps.Equal(a.Settings, b.Settings)
}

// ownerOf is the deployment whose slot a machine fills; empty: none on record, be it
// that the record was there once.
func (r *Reconciler) ownerOf(m plan.Machine) string {
	owner := r.desk.slots[launchKey{m.Token, m.Index}].deployment
	e := r.state.Entries[owner]
	if e == nil || !slices.ContainsFunc(e.Slots, func(s plan.Slot) bool { return s.Token == m.Token && s.Index == m.Index }) {
		return ""
	}
	return owner
}

// input gathers what concerns one deployment.
func (r *Reconciler) input(id string, now time.Time) plan.Input {
	in := plan.Input{
		Now: now, Listed: r.world.listed, Entry: r.state.Entries[id], Agents: map[string]plan.Agent{}, Means: r.means,
		Gaps: plan.Gaps{Machines: r.world.gaps["machines"].Reason, Volumes: r.world.gaps["volumes"].Reason, Names: r.world.gaps["names"].Reason},
	}
	if s := r.desired.snapshot; s != nil {
		if in.Row = s.Deployments[id]; in.Row != nil {
			in.Version = s.Versions[in.Row.DoltVersion]
		}
	}
	r.addNames(id, &in)
	if in.Entry != nil {
		for _, s := range in.Entry.Slots {
			key := launchKey{s.Token, s.Index}
			if at := time.Unix(0, r.desk.slots[key].bound); r.world.listed.Before(at.Add(plan.ListingLag)) { // in a later listing it says nothing
				if in.Bound == nil {
					in.Bound = map[plan.SlotID]time.Time{}
				}
				in.Bound[s.SlotID] = at
			}
			if mid, ok := r.world.byLaunch[key]; ok {
				in.Machines = append(in.Machines, r.world.machines[mid])
				if a := r.world.agents[mid]; a != nil {
					in.Agents[mid] = *a
				}
			}
		}
	}
	for _, vid := range r.world.byOwner[id] {
		in.Volumes = append(in.Volumes, r.world.volumes[vid])
	}
	return in
}
