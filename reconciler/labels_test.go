package reconciler_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/sim"
)

// A labelledCloud keeps the labels that it is given.
type labelledCloud struct {
	*sim.World
	mu     sync.Mutex
	labels map[string]string // deployment by resource
}

func (c *labelledCloud) Label(_ context.Context, labels []reconciler.Label) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range labels {
		for _, id := range l.Resources {
			c.labels[id] = l.Deployment
		}
	}
	return 0, nil
}

func (c *labelledCloud) labelOf(id string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.labels[id]
}

// A deployment that waits for a person does not keep the labels from all others.
func TestLabelsAreWrittenWhileOneWaits(t *testing.T) {
	c := newCloudBench(t)
	cloud := &labelledCloud{World: c.world, labels: map[string]string{}}
	c.cfg.Cloud, c.cfg.Poll = cloud, time.Minute
	c.names.Put(plan.Address{Name: "sales." + domain, Type: "A", Value: "192.0.2.1", TTL: 15})
	c.play(func(c *cloudBench) {
		c.sql("INSERT INTO deployments (name) VALUES ('orders'), ('sales')")
		s := c.until("both serve", func(s *ledger.State) bool { return named(s, "orders").Ready && named(s, "sales").Ready })
		d := named(s, "orders")
		c.eventually("the volume is labelled", 15*time.Minute, func() bool { return cloud.labelOf(d.VolumeID) == d.ID })
		if says(c.state(), "sales", "in use by somebody else") == false {
			c.Error("nothing waited for a person")
		}
	})
}
