package reconciler_test

import (
	"context"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/sim"
)

// drainingAgents stop a database when its connections had the time to end, and are
// done only if whoever ordered it still waits.
type drainingAgents struct{ *sim.Agents }

func (a drainingAgents) Stop(ctx context.Context, machine string, generation int64) error {
	select {
	case <-time.After(35 * time.Second):
		return a.Agents.Stop(ctx, machine, generation)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A stop is waited for as long as connections are given to end.
func TestAStopIsWaitedFor(t *testing.T) {
	c := newCloudBench(t)
	c.wire = func(inside *cloudBench) { inside.cfg.Agents = drainingAgents{inside.world.Agents()} }
	c.play(func(c *cloudBench) {
		c.sql("INSERT INTO deployments (name) VALUES ('orders')")
		before := named(c.converged(), "orders")
		c.sql("UPDATE deployments SET instance_type = 't3.large'")
		c.eventually("it has moved", 10*time.Minute, func() bool {
			d := named(c.state(), "orders")
			return d.Ready && d.MachineID != before.MachineID && d.VolumeID == before.VolumeID
		})
	})
}
