package reconciler_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/sim"
	"github.com/mainstaydb/mainstay/specs"
)

// How long calls are on their way. Agents have ten seconds for an answer and EC2 more,
// so that some answers come too late.
var (
	toHub       = sim.Way{Least: 5 * time.Millisecond, Most: 400 * time.Millisecond}
	toCloud     = sim.Way{Least: time.Millisecond, Most: 20 * time.Millisecond} // EC2's own time comes on top
	toEC2       = sim.Way{Least: 20 * time.Millisecond, Most: 3 * time.Second}
	toAgents    = sim.Way{Least: 2 * time.Millisecond, Most: 12 * time.Second}
	toNames     = sim.Way{Least: 20 * time.Millisecond, Most: 5 * time.Second}
	toAuthority = sim.Way{Least: time.Second, Most: time.Minute}
)

// lateFor is how long the request of a process that stood still may take once it wakes:
// its own time for it was over long ago, and the request is sent all the same.
const lateFor = time.Minute

// through carries out an effect with a moment before and one after it. A process that
// was paused does what it was about to do, however late it is.
func through[T any](ctx context.Context, g *gate, w sim.Way, what string, effect func(context.Context) (T, error)) (T, error) {
	var none T
	late, err := g.moment(ctx, w, "before "+what)
	if err != nil {
		return none, err
	}
	if late {
		var cancel func()
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), lateFor)
		defer cancel()
	}
	value, err := effect(ctx)
	if _, lost := g.moment(ctx, w, "after "+what); lost != nil {
		return none, lost
	}
	return value, err
}

func thrown(ctx context.Context, g *gate, w sim.Way, what string, effect func(context.Context) error) error {
	_, err := through(ctx, g, w, what, func(ctx context.Context) (struct{}, error) { return struct{}{}, effect(ctx) })
	return err
}

// A gatedStore is the hub as a control plane reaches it, whose clock may be another than
// those of the others who write there.
type gatedStore struct {
	reconciler.Store
	gate *gate
}

func (s gatedStore) Fetch(ctx context.Context) (reconciler.Heads, error) {
	if err := s.gate.look(ctx, toHub, "fetch"); err != nil {
		return reconciler.Heads{}, err
	}
	if err := s.gate.plane.reachHub(ctx); err != nil {
		return reconciler.Heads{}, err
	}
	return s.Store.Fetch(ctx)
}

// lostShare is how many of the pushes to a hub that goes out of reach arrive all the
// same.
const lostShare = 0.5

func (s gatedStore) Publish(ctx context.Context, base string, edits []ledger.Edit, message string) (string, error) {
	p := s.gate.plane
	return through(ctx, s.gate, toHub, "publish", func(ctx context.Context) (string, error) {
		unreachable := p.reachHub(ctx)
		if unreachable != nil && !p.s.delays.Chance(p.holder+" push", lostShare) {
			return "", unreachable
		}
		commit, err := s.Store.Publish(ctx, base, shifted(edits, p.clock), message)
		if unreachable != nil {
			return "", unreachable
		}
		return commit, err
	})
}

func (s gatedStore) EachRow(ctx context.Context, commit string, names []string, do func(table string, row specs.Row) error) error {
	if s.gate.plane.clock == 0 {
		return s.Store.EachRow(ctx, commit, names, do)
	}
	return s.Store.EachRow(ctx, commit, names, func(table string, row specs.Row) error {
		return do(table, later(row, -s.gate.plane.clock))
	})
}

// shifted are edits in which all times are later. Instead of a clock that is ahead, a
// control plane has a world that is behind: what it reads of times seems older to it,
// and what it writes seems to others to be from a time to come.
func shifted(edits []ledger.Edit, by time.Duration) []ledger.Edit {
	if by == 0 {
		return edits
	}
	moved := slices.Clone(edits)
	for n := range moved {
		moved[n].Row = later(moved[n].Row, by)
	}
	return moved
}

func later(row specs.Row, by time.Duration) specs.Row {
	const layout = "2006-01-02 15:04:05.000000" // of a DATETIME(6)
	moved := specs.Row{}
	for column, v := range row {
		if text, ok := v.(string); ok && len(text) == len(layout) {
			if t, err := time.Parse(layout, text); err == nil {
				v = t.Add(by).Format(layout)
			}
		}
		moved[column] = v
	}
	return moved
}

type gatedCloud struct {
	*ec2.Cloud
	gate *gate
}

func (c gatedCloud) Observe(ctx context.Context) plan.Inventory {
	if err := c.gate.look(ctx, toCloud, "observe"); err != nil {
		return plan.Inventory{Gaps: plan.Gaps{Machines: err.Error(), Volumes: err.Error()}}
	}
	return c.Cloud.Observe(ctx)
}

func (c gatedCloud) Launch(ctx context.Context, batch []plan.Action) ([]plan.Machine, error) {
	return through(ctx, c.gate, toCloud, "launch "+batch[0].Token, func(ctx context.Context) ([]plan.Machine, error) { return c.Cloud.Launch(ctx, batch) })
}

func (c gatedCloud) StartMachine(ctx context.Context, id string) error {
	return thrown(ctx, c.gate, toCloud, "start "+id, func(ctx context.Context) error { return c.Cloud.StartMachine(ctx, id) })
}

func (c gatedCloud) TerminateMachine(ctx context.Context, id string) error {
	return thrown(ctx, c.gate, toCloud, "terminate "+id, func(ctx context.Context) error {
		c.gate.plane.s.witness.destroys(id)
		if since, reached := c.gate.plane.agents.ReachedSince(id); reached {
			c.gate.plane.s.witness.ends(id, since)
		}
		return c.Cloud.TerminateMachine(ctx, id)
	})
}

func (c gatedCloud) AttachVolume(ctx context.Context, volume, machine string) error {
	return thrown(ctx, c.gate, toCloud, "attach "+volume, func(ctx context.Context) error { return c.Cloud.AttachVolume(ctx, volume, machine) })
}

func (c gatedCloud) DetachVolume(ctx context.Context, volume, machine string) error {
	return thrown(ctx, c.gate, toCloud, "detach "+volume, func(ctx context.Context) error { return c.Cloud.DetachVolume(ctx, volume, machine) })
}

func (c gatedCloud) GrowVolume(ctx context.Context, volume string, gb int) error {
	return thrown(ctx, c.gate, toCloud, "grow "+volume, func(ctx context.Context) error { return c.Cloud.GrowVolume(ctx, volume, gb) })
}

func (c gatedCloud) DeleteVolume(ctx context.Context, volume string) error {
	return thrown(ctx, c.gate, toCloud, "delete "+volume, func(ctx context.Context) error { return c.Cloud.DeleteVolume(ctx, volume) })
}

type gatedAgents struct {
	*sim.Agents
	gate *gate
}

func (a gatedAgents) Reports() map[string]*plan.Agent {
	reports := a.Agents.Reports()
	for _, r := range reports { // made anew each time
		r.Since = r.Since.Add(-a.gate.plane.clock)
	}
	return reports
}

func (a gatedAgents) Enrol(ctx context.Context, id string) error {
	return thrown(ctx, a.gate, toAgents, "enrol "+id, func(ctx context.Context) error { return a.Agents.Enrol(ctx, id) })
}

func (a gatedAgents) Deploy(ctx context.Context, id string, order plan.Order) error {
	return thrown(ctx, a.gate, toAgents, "deploy "+id, func(ctx context.Context) error { return a.Agents.Deploy(ctx, id, order) })
}

func (a gatedAgents) Stop(ctx context.Context, id string, generation int64) error {
	return thrown(ctx, a.gate, toAgents, "stop "+id, func(ctx context.Context) error {
		a.gate.plane.s.witness.destroys(id)
		return a.Agents.Stop(ctx, id, generation)
	})
}

type gatedNames struct {
	*sim.Names
	gate *gate
}

func (n gatedNames) Addresses(ctx context.Context) ([]plan.Address, string) {
	if err := n.gate.look(ctx, toNames, "addresses"); err != nil {
		return nil, err.Error()
	}
	return n.Names.Addresses(ctx)
}

func (n gatedNames) Apply(ctx context.Context, changes []plan.AddressChange) []error {
	errs, err := through(ctx, n.gate, toNames, "names", func(ctx context.Context) ([]error, error) { return n.Names.Apply(ctx, changes), nil })
	if err != nil {
		errs = make([]error, len(changes))
		for i := range errs {
			errs[i] = fmt.Errorf("changing %s: %w", changes[i].Name, err)
		}
	}
	return errs
}

type gatedCertificates struct {
	*sim.Account
	gate *gate
}

func (c gatedCertificates) Reports() map[string]plan.Certificate {
	reports := c.Account.Reports()
	if clock := c.gate.plane.clock; clock != 0 {
		for id, r := range reports {
			r.NotAfter, r.Renew, r.Retry = before(r.NotAfter, clock), before(r.Renew, clock), before(r.Retry, clock)
			reports[id] = r
		}
	}
	return reports
}

// before is a time that is sooner; none stays none.
func before(t time.Time, by time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-by)
}

func (c gatedCertificates) Obtain(ctx context.Context, deployment string, names []string) error {
	return thrown(ctx, c.gate, toAuthority, "obtain "+deployment, func(ctx context.Context) error { return c.Account.Obtain(ctx, deployment, names) })
}
