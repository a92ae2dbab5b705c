package reconciler

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

const (
	// labelEvery is how often labels are looked at while nothing else is to be done:
	// they are for people, and a fleet that was just made is theirs to wait for.
	labelEvery = 30 * time.Second
	// labelLatest is when they are looked at all the same: one deployment that waits for
	// a person keeps a fleet from ever being at rest, and labels are what tells whose a
	// volume is should the record be lost.
	labelLatest = 5 * time.Minute
	// labelTimeout is for a few requests.
	labelTimeout = time.Minute
)

// writeLabels has the cloud write labels when nothing else is to do, or has been for
// long. Nothing rests on them, so a failure is told and forgotten.
func (r *Reconciler) writeLabels(ctx context.Context, now time.Time) {
	cloud, ok := r.cfg.Cloud.(Labeller)
	if !ok || r.labelling.Load() || r.desired.snapshot == nil {
		return
	}
	wait := labelEvery
	if len(r.desk.active) > 0 || len(r.desk.busy) > 0 {
		wait = labelLatest
	}
	if r.labelled.IsZero() {
		r.labelled = now.Add(-labelEvery) // a fleet at rest need not wait, one that begins does
	}
	if now.Sub(r.labelled) < wait {
		return
	}
	r.labelled = now
	labels := r.labels()
	r.labelling.Store(true)
	r.effects.running.Go(func() {
		defer r.labelling.Store(false)
		ctx, cancel := context.WithTimeout(ctx, labelTimeout)
		defer cancel()
		if left, err := cloud.Label(ctx, labels); err != nil && ctx.Err() == nil {
			r.log.Warn("machines and volumes could not be labelled for people; tried again", "left", left, "err", err)
		}
	})
}

// labels are whose each machine and volume is.
func (r *Reconciler) labels() []Label {
	var labels []Label
	for id, d := range r.desired.snapshot.Deployments {
		e := r.state.Entries[id]
		if e == nil {
			continue
		}
		l := Label{Deployment: id, Name: d.Name, Owner: d.Owner}
		for _, s := range e.Slots {
			if m, ok := r.world.byLaunch[launchKey{s.Token, s.Index}]; ok && r.world.machines[m].State != plan.MachineTerminated {
				l.Resources = append(l.Resources, m)
			}
		}
		if e.VolumeID != "" {
			l.Resources = append(l.Resources, e.VolumeID)
		}
		if len(l.Resources) > 0 {
			labels = append(labels, l)
		}
	}
	slices.SortFunc(labels, func(a, b Label) int { return strings.Compare(a.Deployment, b.Deployment) })
	return labels
}
