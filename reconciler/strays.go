package reconciler

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A Grace is how long machines and volumes that carry the fleet's mark and are on
// no record are left alone before they are removed. Zero: for ever.
type Grace struct {
	Machines time.Duration
	Volumes  time.Duration
}

// noteStrays tells of machines and volumes that carry the fleet's mark and belong
// to no deployment on record, and since when.
func (r *Reconciler) noteStrays(gaps plan.Gaps, now time.Time) {
	found := map[string]string{}
	for id, m := range r.world.machines {
		if r.ownerOf(m) == "" && m.State != plan.MachineTerminated {
			found[id] = "machine"
		}
	}
	for id, v := range r.world.volumes {
		if r.state.Entries[v.Deployment] == nil && (r.desired.snapshot == nil || r.desired.snapshot.Deployments[v.Deployment] == nil) {
			found[id] = "volume"
		}
	}
	known := r.world.strays
	for id, kind := range found {
		s, ok := known[id]
		if !ok {
			if s, ok = r.state.Strays[id]; !ok {
				s = ledger.Stray{Kind: kind, Since: now}
				if r.newborn {
					s.Kind = inherited + kind
				}
			}
			known[id] = s
		}
		r.book.Set(ledger.Owner{Kind: "stray", ID: id}, ledger.StrayRecords(id, s))
	}
	for id := range known {
		if _, ok := found[id]; !ok && gaps == (plan.Gaps{}) {
			delete(known, id)
			r.book.Set(ledger.Owner{Kind: "stray", ID: id}, nil)
		}
	}
	r.newborn = false
	r.fleet.set(straysCondition(known, r.cfg.Grace))
}

// inherited marks what was there before the record began: it is likelier that the
// branch status was lost than that somebody made it. It is never removed.
const inherited = "inherited "

// yieldBirth is for who finds that another process began the record: what was there
// before is what that one says. What this one saw may be what the other made meanwhile.
func (r *Reconciler) yieldBirth() {
	r.newborn = false
	for id, s := range r.world.strays {
		said, published := r.state.Strays[id]
		switch {
		case !strings.HasPrefix(s.Kind, inherited):
		case published: // by a third one perhaps, to which it is no more than a stray
			r.world.strays[id] = said
		default:
			delete(r.world.strays, id)
		}
	}
}

// lostRecord is why nothing may be made while there are machines or volumes that
// were there before the record began: their data may be that of deployments which
// would begin empty beside it. Empty: there are none.
func (r *Reconciler) lostRecord(inv plan.Inventory) string {
	var old []string
	for _, m := range inv.Machines {
		if m.State != plan.MachineTerminated && r.ownerOf(m) == "" && r.isInherited(m.ID) {
			old = append(old, m.ID)
		}
	}
	for _, v := range inv.Volumes {
		if !v.ByHand && r.volumeOwner(v) == "" && r.isInherited(v.ID) {
			old = append(old, v.ID)
		}
	}
	if len(old) == 0 {
		return ""
	}
	slices.Sort(old)
	return fmt.Sprintf("%d machines and volumes of the fleet (%s, …) were there before the record on the branch status began, which was likely lost: "+
		"restore it, or take the fleet's tag off them if they are of no use", len(old), old[0])
}

// isInherited says whether something was there before the record began, as this
// process saw it or another did.
func (r *Reconciler) isInherited(id string) bool {
	s, ok := r.world.strays[id]
	if !ok {
		s, ok = r.state.Strays[id]
	}
	return ok && strings.HasPrefix(s.Kind, inherited) || !ok && r.newborn
}

func straysCondition(found map[string]ledger.Stray, grace Grace) plan.Condition {
	c := plan.Condition{Type: "Strays", Status: true}
	if len(found) == 0 {
		return c
	}
	var names, old []string
	for id, s := range found {
		if kind, ok := strings.CutPrefix(s.Kind, inherited); ok {
			old = append(old, kind+" "+id)
		} else {
			names = append(names, s.Kind+" "+id)
		}
	}
	slices.Sort(names)
	slices.Sort(old)
	c.Reason = "NotOnRecord"
	var parts []string
	if len(old) > 0 {
		parts = append(parts, strings.Join(old, ", ")+": were there before the record on the branch status began and are on it nowhere; they are left alone, "+
			"as the record was likely lost: restore it")
	}
	if len(names) > 0 {
		parts = append(parts, strings.Join(names, ", ")+": no deployment on record has them; "+sayGraces(grace))
	}
	c.Message = strings.Join(parts, "; ")
	return c
}

func sayGraces(g Grace) string {
	if g == (Grace{}) {
		return "they are left alone"
	}
	return fmt.Sprintf("machines are removed after %s, volumes after %s, with a snapshot kept", sayGrace(g.Machines), sayGrace(g.Volumes))
}

func sayGrace(d time.Duration) string {
	if d == 0 {
		return "no time at all: they stay"
	}
	return d.String()
}

// strayTask names the work on a stray among that on deployments.
const strayTask = "stray:"

// clearStrays removes what was on no record for the whole of its grace. Nothing is
// removed under a gap, nor when it is more than one commit might destroy: then it
// is likelier that the record was lost.
func (r *Reconciler) clearStrays(ctx context.Context, now time.Time) {
	if r.cfg.Grace == (Grace{}) || r.desired.snapshot == nil || r.world.gaps["machines"].Reason != "" || r.world.gaps["volumes"].Reason != "" {
		return
	}
	fresh := 0
	for _, s := range r.world.strays {
		if !strings.HasPrefix(s.Kind, inherited) {
			fresh++
		}
	}
	if fresh == 0 || fresh > r.limits().MaxDestroyed {
		return
	}
	var outs []plan.Outcome
	for id, s := range r.world.strays {
		a, ok := r.removal(id, s, now)
		key := strayTask + id
		if _, busy := r.desk.busy[key]; !ok || busy {
			continue
		}
		if t := r.desk.retry[key]; t != nil && now.Before(t.at) {
			continue
		}
		outs = append(outs, plan.Outcome{Actions: []plan.Action{a}, Status: plan.Status{ID: key, Name: a.Name}})
	}
	r.dispatch(ctx, outs)
}

// removal is what removes a stray, when its time has come. Volumes that people made
// are never among them: one that is to be adopted waits for its proposal, and one
// that was restored for its row, for as long as people take.
func (r *Reconciler) removal(id string, s ledger.Stray, now time.Time) (plan.Action, bool) {
	a := plan.Action{Name: s.Kind + " " + id, Disruption: plan.None, Summary: fmt.Sprintf("remove %s %s: on no record since %s",
		s.Kind, id, s.Since.UTC().Format(time.DateTime))}
	agent := r.world.agents[id]
	switch {
	case s.Kind == "machine" && agent != nil && agent.Order != nil:
		return a, false // it serves somebody: a record that was put back to an older one does not know it
	case s.Kind == "machine" && r.cfg.Grace.Machines > 0 && now.Sub(s.Since) >= r.cfg.Grace.Machines:
		a.Kind, a.MachineID = plan.TerminateMachine, id
	case s.Kind == "volume" && r.world.volumes[id].ByHand:
		return a, false
	case s.Kind == "volume" && r.cfg.Grace.Volumes > 0 && now.Sub(s.Since) >= r.cfg.Grace.Volumes && r.world.volumes[id].AttachedTo == "":
		a.Kind, a.VolumeID = plan.DeleteVolume, id
	default:
		return a, false
	}
	return a, true
}
