package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// Agents are the world's agents as one control plane reaches them.
type Agents struct {
	world   *World
	changed chan struct{}
	cut     map[string]bool      // machines that this control plane does not reach
	mended  map[string]time.Time // since when it reaches those that were cut off
}

var _ reconciler.Agents = (*Agents)(nil)

// Agents gives one control plane its way to the agents.
func (w *World) Agents() *Agents {
	a := &Agents{world: w, changed: make(chan struct{}, 1), cut: map[string]bool{}, mended: map[string]time.Time{}}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = append(w.changed, a.changed)
	return a
}

// Track does nothing: every agent is known.
func (a *Agents) Track([]plan.Machine) {}

// Reports returns all agents' reports.
func (a *Agents) Reports() map[string]*plan.Agent {
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	reports := make(map[string]*plan.Agent, len(a.world.agents))
	for id, g := range a.world.agents {
		if a.cut[id] {
			g.Reachable, g.Error = false, "no way to it"
		}
		reports[id] = &g
	}
	return reports
}

// Cut parts this control plane from the agent on a machine, or brings it back. Others
// reach it as before.
func (a *Agents) Cut(machine string, cut bool) {
	a.world.set(func() {
		if cut {
			a.cut[machine] = true
		} else if a.cut[machine] {
			delete(a.cut, machine)
			a.mended[machine] = time.Now()
		}
	})
}

// Cuts are the machines that are cut off.
func (a *Agents) Cuts() []string {
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	return slices.Sorted(maps.Keys(a.cut))
}

// ReachedSince is since when this control plane reaches the agent on a machine; zero: all
// the time. It is false of one that is cut off.
func (a *Agents) ReachedSince(machine string) (time.Time, bool) {
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	return a.mended[machine], !a.cut[machine]
}

// Changed receives after anything in the world changed.
func (a *Agents) Changed() <-chan struct{} { return a.changed }

// Enrol enrols an agent.
func (a *Agents) Enrol(ctx context.Context, id string) error {
	return a.on(ctx, "enrol "+id, id, func(g *plan.Agent) error {
		g.Enrolled = true
		return nil
	})
}

// Deploy gives an agent an order, which it obeys at once.
func (a *Agents) Deploy(ctx context.Context, id string, o plan.Order) error {
	return a.on(ctx, fmt.Sprintf("deploy %s generation %d %s %v", id, o.Generation, o.DoltVersion, o.Settings), id, func(g *plan.Agent) error {
		switch {
		case o.Generation < g.Generation:
			return fmt.Errorf("agent %s has obeyed generation %d and refuses %d", id, g.Generation, o.Generation)
		case !g.VolumeAttached:
			return fmt.Errorf("agent %s has no volume", id)
		}
		g.Generation, g.Order, g.Database, g.DatabaseVersion = o.Generation, &o, plan.DatabaseServing, o.DoltVersion
		g.Host, g.Port = a.world.machine(id).Host, 3306
		return nil
	})
}

// Stop stops an agent's database.
func (a *Agents) Stop(ctx context.Context, id string, generation int64) error {
	return a.on(ctx, fmt.Sprintf("stop %s generation %d", id, generation), id, func(g *plan.Agent) error {
		if generation < g.Generation {
			return fmt.Errorf("agent %s has obeyed generation %d and refuses %d", id, g.Generation, generation)
		}
		g.Generation, g.Order, g.Database = generation, nil, plan.DatabaseAbsent
		return nil
	})
}

func (a *Agents) on(ctx context.Context, name, id string, change func(*plan.Agent) error) error {
	return a.world.effect(ctx, name, func() error {
		g, ok := a.world.agents[id]
		if !ok || !g.Reachable || a.cut[id] {
			return fmt.Errorf("agent %s does not answer", id)
		}
		if err := change(&g); err != nil {
			return err
		}
		a.world.agents[id] = g
		return nil
	})
}

// Update changes an agent's own version.
func (a *Agents) Update(ctx context.Context, id string, release plan.AgentRelease) error {
	return a.on(ctx, "update "+id+" to "+release.Version, id, func(g *plan.Agent) error {
		g.Version = release.Version
		return nil
	})
}
