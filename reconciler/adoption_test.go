package reconciler_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
)

// TestAdoption: a volume that people made waits for its row as long as they take,
// and then for them to let go of it. Its database never gets an empty one.
func TestAdoption(t *testing.T) {
	const id = "6f2f6a52-6f0f-4c2e-9f3e-0c5b1e4d7a10"
	c := newCloudBench(t)
	c.cfg.Grace = reconciler.Grace{Machines: time.Hour, Volumes: time.Hour}
	c.play(func(c *cloudBench) {
		held, free := c.world.HandOver(id, 30, "i-theirs"), c.world.HandOver("7f2f6a52-6f0f-4c2e-9f3e-0c5b1e4d7a10", 30, "")
		c.until("the volume is told", func(s *ledger.State) bool { return strings.Contains(condition(s, "", "Strays"), held) })
		time.Sleep(3 * time.Hour) // a review takes its time
		if n := len(c.world.Volumes()); n != 2 {
			c.Fatalf("%d volumes are left, want %s and %s: a grace is not for what people made", n, held, free)
		}

		c.sql("INSERT INTO deployments (id, name, volume_gb) VALUES ('" + id + "', 'orders', 30)")
		c.until("people are asked to let go", func(s *ledger.State) bool {
			return strings.Contains(condition(s, id, "Waiting"), "detach it by hand")
		})
		if n := len(c.world.Volumes()); n != 2 {
			c.Fatalf("%d volumes, want no new one", n)
		}

		c.world.Detach(held)
		s := c.converged()
		if d := named(s, "orders"); !d.Ready || d.VolumeID != held {
			c.Errorf("orders is %+v, want it to serve from %s", d, held)
		}
		if n := len(c.world.Volumes()); n != 2 {
			c.Errorf("%d volumes, want no new one", n)
		}
	})
}
