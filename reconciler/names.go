package reconciler

import (
	"context"
	"slices"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

const (
	// namesEvery is how often the domain's records are listed, to notice what somebody
	// changed by hand. What this process changes it knows without that.
	namesEvery = time.Minute
	// namesPage is how many records make listings rarer by once that time: Route 53
	// lists 300 in one answer and gives five answers a second to a whole account.
	namesPage = 3000
	// namesTimeout is for the listing of a large domain, one page after the other.
	namesTimeout = 5 * time.Minute
)

// notListed is why names are a gap at the start, which is no trouble.
const notListed = "they have not been listed yet"

// names are the domain's address records as they were listed or written last.
type names struct {
	byName  map[string][]plan.Address
	byOwner map[string][]plan.Address
	last    time.Time // end of the last listing
	under   bool
	found   chan namesSight
	arrived *namesSight
	// since are the changes made while a listing is under way: it may not have them.
	since []plan.AddressChange
}

type namesSight struct {
	found []plan.Address
	gap   string
}

func newNames() names {
	return names{byName: map[string][]plan.Address{}, byOwner: map[string][]plan.Address{}, found: make(chan namesSight, 1)}
}

func (n *names) due() time.Time {
	return n.last.Add(namesEvery * time.Duration(1+len(n.byName)/namesPage))
}

// namesDue is when the next listing begins; zero: never, or when this one has ended.
func (r *Reconciler) namesDue() time.Time {
	if n := &r.world.names; r.cfg.Names != nil && !n.under {
		return n.due()
	}
	return time.Time{}
}

// lookNames lists the domain beside the loop when it is time, and takes in a
// listing that has ended.
func (r *Reconciler) lookNames(ctx context.Context, now time.Time) {
	n := &r.world.names
	if r.cfg.Names == nil {
		return
	}
	if n.last.IsZero() && !n.under {
		r.seeGap("names", notListed, now)
	}
	if !n.under && !now.Before(n.due()) {
		n.under, n.since = true, nil
		r.effects.running.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, namesTimeout)
			defer cancel()
			found, gap := r.cfg.Names.Addresses(ctx)
			n.found <- namesSight{found, gap}
		})
	}
	if n.arrived == nil || ctx.Err() != nil {
		return
	}
	seen := n.arrived
	n.arrived, n.under, n.last = nil, false, time.Now()
	r.seeGap("names", seen.gap, now)
	if seen.gap == "" {
		r.seeNames(plan.Published(seen.found, n.since))
	}
}

// seeNames takes in a whole listing.
func (r *Reconciler) seeNames(found []plan.Address) {
	n := &r.world.names
	before := n.byOwner
	n.byName, n.byOwner = map[string][]plan.Address{}, map[string][]plan.Address{}
	for _, a := range found {
		n.byName[a.Name] = append(n.byName[a.Name], a)
		n.byOwner[a.Deployment] = append(n.byOwner[a.Deployment], a)
	}
	if !slices.Equal(before[""], n.byOwner[""]) && r.desired.snapshot != nil {
		r.markAll() // somebody else's records may stand where any is wanted
	}
	for owner := range before {
		if _, ok := n.byOwner[owner]; !ok {
			r.stageNames(owner)
		}
	}
	for owner, as := range n.byOwner {
		if !slices.Equal(before[owner], as) {
			r.stageNames(owner)
		}
	}
}

// stageNames records a deployment's addresses and has it decided anew.
func (r *Reconciler) stageNames(owner string) {
	if owner != "" {
		r.book.Set(ledger.Owner{Kind: "addresses", ID: owner}, ledger.AddressRecords(r.world.names.byOwner[owner]))
		r.desk.mark(owner)
	}
}

func (r *Reconciler) restageNames() {
	for owner := range r.world.names.byOwner {
		r.stageNames(owner)
	}
	if r.world.names.last.IsZero() {
		return
	}
	for _, owner := range r.book.Owners("addresses") {
		r.stageNames(owner)
	}
}

// notePublished takes in changes that were made.
func (r *Reconciler) notePublished(changes []plan.AddressChange) {
	n := &r.world.names
	if n.under {
		n.since = append(n.since, changes...)
	}
	for _, c := range changes {
		change := []plan.AddressChange{c}
		n.byName[c.Name] = plan.Published(n.byName[c.Name], change)
		n.byOwner[c.Deployment] = plan.Published(n.byOwner[c.Deployment], change)
		r.stageNames(c.Deployment)
	}
}

// addNames gives a decision the records that concern it, and its certificate.
func (r *Reconciler) addNames(id string, in *plan.Input) {
	if r.means.Domain != "" {
		in.Addresses = slices.Clone(r.world.names.byOwner[id])
		if in.Row != nil {
			for _, a := range r.world.names.byName[in.Row.Name+"."+r.means.Domain] {
				if a.Deployment != id {
					in.Addresses = append(in.Addresses, a)
				}
			}
		}
	}
	if c, ok := r.world.certificates[id]; ok {
		in.Certificate = &c
	}
}
