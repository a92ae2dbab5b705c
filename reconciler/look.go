package reconciler

import (
	"context"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

const (
	// lookTimeout bounds one listing: a cloud that needs longer than this for all of
	// its pages is better treated as one that did not answer.
	lookTimeout = 30 * time.Second
	// lookInline is how long a pass waits for a listing. The local cloud's takes a few
	// milliseconds; one that takes longer is taken in by a later pass, and agents are
	// attended to meanwhile.
	lookInline = 50 * time.Millisecond
	// lookShare bounds what looking costs while much is happening: after a look there
	// are at least so many times its length without one. With a few machines that is a
	// millisecond; with thousands in a cloud it keeps the listing from being all that
	// is done.
	lookShare = 4
	// lookHurry is how much sooner is looked while somebody's database is away and
	// comes back by several steps, each of which a listing has to show.
	lookHurry = 3
	// lookPage is how many machines and volumes make listings rarer by once the time
	// between them: a cloud gives a thousand in one answer, and counts answers.
	lookPage = 1000
)

// A look is when the cloud was listed last, what that took, and one under way.
type look struct {
	last    time.Time // its end
	began   time.Time
	took    time.Duration
	asked   bool        // something happened since it began
	under   bool        // one is under way
	found   chan sight  // what it found
	arrived *sight      // taken from found, not taken in yet
	results []result    // of actions that ended before it began
	pace    func() pace // how often
}

// A sight is what a look found.
type sight struct{ inv plan.Inventory }

// A pace is how often the cloud is looked at: every so often, and after something
// happened no sooner than least.
type pace struct{ every, least time.Duration }

// due is when to look next.
func (l *look) due() time.Time {
	p := l.pace()
	if l.asked {
		return l.last.Add(max(min(lookShare*l.took, p.every), p.least))
	}
	return l.last.Add(p.every)
}

func (l *look) isDue(now time.Time) bool { return !l.under && !now.Before(l.due()) }

// lookDue is when the next listing begins; zero while one is under way, whose end
// is told.
func (r *Reconciler) lookDue() time.Time {
	if r.look.under {
		return time.Time{}
	}
	return r.look.due()
}

// lookPace follows the size of what is listed.
func (r *Reconciler) lookPace() pace {
	pages := 1 + time.Duration((len(r.world.machines)+len(r.world.volumes))/lookPage)
	p := pace{every: r.cfg.Look * pages, least: r.cfg.LookLeast * pages}
	for _, t := range r.desk.busy {
		if t.rough {
			p.least /= lookHurry
			break
		}
	}
	return p
}

// lookAround begins a listing when one is due, and takes in what one found.
func (r *Reconciler) lookAround(ctx context.Context, now time.Time) {
	if r.look.isDue(now) {
		r.beginLook(ctx, now)
	}
	if r.look.arrived == nil {
		return
	}
	inv := r.look.arrived.inv
	r.look.arrived, r.look.under, r.look.last = nil, false, time.Now()
	r.look.took = r.look.last.Sub(r.look.began)
	if ctx.Err() != nil {
		return // ended while listing: what is missing is missing for that reason
	}
	r.collect(r.look.results) // only now: what an action did must be seen before the next is decided
	r.look.results = nil
	r.metrics.listed(inv.Gaps)
	r.seeMachines(inv, now)
	r.seeVolumes(inv, now)
	r.world.seen, r.world.listed = true, r.look.began
	r.noteStrays(inv.Gaps, now)
	r.cfg.Agents.Track(inv.Machines)
}

func (r *Reconciler) beginLook(ctx context.Context, now time.Time) {
	l := &r.look
	l.began, l.under, l.asked = now, true, false
	l.results = append(l.results, r.effects.take(true)...)
	r.effects.running.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		l.found <- sight{r.cfg.Cloud.Observe(ctx)}
	})
	timer := time.NewTimer(lookInline)
	defer timer.Stop()
	select {
	case s := <-l.found:
		l.arrived = &s
	case <-timer.C:
	}
}

// restage stages everything that was seen anew, for a book that was read anew.
func (r *Reconciler) restage(now time.Time) {
	w := &r.world
	if !w.seen {
		return // the first look does it
	}
	for _, m := range w.machines {
		r.seeMachine(m)
	}
	for _, v := range w.volumes {
		r.seeVolume(v)
	}
	if w.gaps["machines"].Reason == "" {
		sweep(r, "machine", w.machines)
	}
	if w.gaps["volumes"].Reason == "" {
		sweep(r, "volume", w.volumes)
	}
	r.book.Set(ledger.Owner{Kind: "gaps"}, ledger.GapRecords(w.gaps))
	r.restageNames()
	r.noteStrays(plan.Gaps{Machines: w.gaps["machines"].Reason, Volumes: w.gaps["volumes"].Reason}, now)
}
