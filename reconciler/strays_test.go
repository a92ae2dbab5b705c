package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/sim"
)

// An oddCloud is the world with one fault at a time.
type oddCloud struct {
	*sim.World
	mu        sync.Mutex
	noVolumes bool          // listings lack them, without a word
	undeleted int           // volumes that were to be deleted and were not
	swallowed []plan.Action // launches that are not carried out yet
	swallow   bool
}

func (c *oddCloud) Observe(ctx context.Context) plan.Inventory {
	inv := c.World.Observe(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.noVolumes {
		inv.Volumes = nil
	}
	return inv
}

func (c *oddCloud) Launch(ctx context.Context, batch []plan.Action) ([]plan.Machine, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.swallow {
		c.swallowed = batch
		return nil, errors.New("no answer")
	}
	return c.World.Launch(ctx, batch)
}

func (c *oddCloud) DeleteVolume(context.Context, string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.undeleted++
	return fmt.Errorf("a snapshot is being made: %w", reconciler.ErrConflict)
}

func (c *oddCloud) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

// A volume that is kept for a deleted row may be missing from a listing: the row comes
// back with its data all the same.
func TestAKeptVolumeIsRememberedWhileItIsNotListed(t *testing.T) {
	c := newCloudBench(t)
	cloud := &oddCloud{World: c.world}
	c.cfg.Cloud = cloud
	c.play(func(c *cloudBench) {
		c.sql("INSERT INTO deployments (name) VALUES ('orders')")
		d := named(c.converged(), "orders")
		c.sql("DELETE FROM deployments")
		c.until("it is deleted", func(s *ledger.State) bool { return strings.Contains(condition(s, d.ID, "Retained"), "is kept until") })
		cloud.set(func() { cloud.noVolumes = true })
		c.until("the volume is missed", func(s *ledger.State) bool {
			return strings.Contains(condition(s, d.ID, "Retained"), "is not there any more")
		})
		cloud.set(func() { cloud.noVolumes = false })
		c.until("it is there again", func(s *ledger.State) bool { return strings.Contains(condition(s, d.ID, "Retained"), "is kept until") })
		c.sql("INSERT INTO deployments (id, name) VALUES ('" + d.ID + "', 'orders')")
		if after := named(c.converged(), "orders"); after.VolumeID != d.VolumeID || !after.Ready {
			c.Errorf("%+v came back as %+v", d, after)
		}
	})
}

// A machine that turns up when its row and all record of it are gone is told as one of
// nobody's, and goes like others.
func TestAMachineThatOutlivesItsRecordIsAStray(t *testing.T) {
	c := newCloudBench(t)
	c.cfg.Grace = reconciler.Grace{Machines: time.Hour}
	cloud := &oddCloud{World: c.world, swallow: true}
	c.cfg.Cloud = cloud
	c.play(func(c *cloudBench) {
		c.sql("INSERT INTO deployments (name) VALUES ('orders')")
		c.eventually("a launch has no answer", time.Minute, func() bool {
			cloud.mu.Lock()
			defer cloud.mu.Unlock()
			return len(cloud.swallowed) > 0
		})
		c.sql("DELETE FROM deployments")
		c.eventually("nothing is on record", 8*24*time.Hour, func() bool { return len(c.state().Entries) == 0 })
		made, err := c.world.Launch(c.Context(), cloud.swallowed)
		if err != nil {
			c.Fatal(err)
		}
		c.until("the stray is told", func(s *ledger.State) bool { return strings.Contains(condition(s, "", "Strays"), made[0].ID) })
		c.eventually("the stray is removed", 2*time.Hour, func() bool { return len(c.world.Live()) == 0 })
	})
}

// What cannot be removed yet is tried again with growing pauses, like anything else.
func TestAStrayThatStaysIsTriedSeldom(t *testing.T) {
	c := newCloudBench(t)
	c.cfg.Grace = reconciler.Grace{Machines: time.Minute, Volumes: time.Minute}
	c.cfg.LookLeast = 3 * time.Second
	cloud := &oddCloud{World: c.world}
	c.cfg.Cloud = cloud
	c.play(func(c *cloudBench) {
		c.sql("INSERT INTO deployments (name) VALUES ('orders')")
		c.converged()
		c.launchStrays(1)
		c.eventually("its volume is to go", time.Hour, func() bool {
			cloud.mu.Lock()
			defer cloud.mu.Unlock()
			return cloud.undeleted > 0
		})
		time.Sleep(time.Hour)
		cloud.mu.Lock()
		defer cloud.mu.Unlock()
		if cloud.undeleted > 100 {
			c.Errorf("it was tried %d times within an hour, want about one a minute", cloud.undeleted)
		}
	})
}

// slowAgents never say within time that they are another version now.
type slowAgents struct {
	*sim.Agents
	mu    sync.Mutex
	asked map[string]bool
}

func (a *slowAgents) Reports() map[string]*plan.Agent {
	reports := a.Agents.Reports()
	for _, r := range reports { // made anew each time
		r.Version = "9.9.8"
	}
	return reports
}

func (a *slowAgents) Update(_ context.Context, machine string, _ plan.AgentRelease) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked[machine] = true
	return context.DeadlineExceeded
}

// A release whose effect is not known reaches no more machines than may be disrupted.
func TestUpdatesWithoutAnAnswerDoNotSpread(t *testing.T) {
	c := newCloudBench(t)
	c.cfg.Agent = plan.AgentRelease{Version: "9.9.9", URL: "https://example.com/agent", SHA256: strings.Repeat("0", 64)}
	var agents *slowAgents
	c.wire = func(inside *cloudBench) {
		agents = &slowAgents{Agents: inside.world.Agents(), asked: map[string]bool{}}
		inside.cfg.Agents = agents
	}
	c.play(func(c *cloudBench) {
		c.sql("INSERT INTO deployments (name) VALUES ('orders'), ('sales'), ('stock')")
		c.until("all serve", func(s *ledger.State) bool {
			return named(s, "orders").Ready && named(s, "sales").Ready && named(s, "stock").Ready
		})
		time.Sleep(time.Hour)
		agents.mu.Lock()
		defer agents.mu.Unlock()
		if n := len(agents.asked); n != 1 {
			c.Errorf("%d agents were told to update, want the first alone", n)
		}
	})
}
