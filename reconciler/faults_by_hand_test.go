package reconciler_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ec2/ec2sim"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// What people do in a console, beside TestNamesFollowMachines for records that they
// change.

func TestFaultTerminatedByHand(t *testing.T) {
	newFaults(t).suffer(func(c *cloudBench) {
		c.add("orders", "sales")
		d := named(c.converged(), "orders")
		c.world.Kill(d.MachineID)
		c.until("it is seen", func(s *ledger.State) bool { return !named(s, "orders").Ready })
		c.told("orders", "is starting")
		c.recovered(3 * time.Minute)
		after := named(c.state(), "orders")
		if after.Generation != 2 || after.VolumeID != d.VolumeID || after.MachineID == d.MachineID {
			c.Errorf("after the end of %+v there is %+v, want generation 2 with its volume", d, after)
		}
		if o, ok := c.world.Serving(d.ID); !ok || o.Generation != 2 {
			c.Errorf("it serves by order %+v, want generation 2", o)
		}
	})
}

func TestFaultDetachedByHand(t *testing.T) {
	newFaults(t).suffer(func(c *cloudBench) {
		c.add("orders")
		d := named(c.converged(), "orders")
		c.api.Failing(on("AttachVolume", ec2sim.Fault{Code: "InternalError"}))
		c.world.Detach(d.VolumeID)
		c.told("orders", "attach volume "+d.VolumeID+" to machine "+d.MachineID, "InternalError")
		c.api.Failing(nil)
		c.recovered(3 * time.Minute)
		if after := named(c.state(), "orders"); after.MachineID != d.MachineID || after.VolumeID != d.VolumeID || after.Generation != 1 {
			c.Errorf("after the volume was taken off, %+v is %+v", d, after)
		}
	})
}

// TestFaultRestartedByHand: the machine is the same, and its agent comes back with
// what it was told.
func TestFaultRestartedByHand(t *testing.T) {
	newFaults(t).suffer(func(c *cloudBench) {
		c.add("orders")
		d := named(c.converged(), "orders")
		c.api.Failing(on("StartInstances", ec2sim.Fault{Code: "InternalError"})) // the person is faster than the loop
		c.world.Stop(d.MachineID)
		c.until("it is seen to have stopped", func(s *ledger.State) bool { return !named(s, "orders").Ready })
		c.told("orders", "start machine "+d.MachineID)
		launches := c.api.Calls()["RunInstances"]
		c.world.Restart(d.MachineID)
		c.api.Failing(nil)
		c.recovered(2 * time.Minute)
		if after := named(c.state(), "orders"); after.MachineID != d.MachineID || after.Generation != 1 || !after.Ready {
			c.Errorf("after the restart, %+v is %+v", d, after)
		}
		if n := c.api.Calls()["RunInstances"] - launches; n != 0 {
			c.Errorf("%d launches for a machine that was restarted", n)
		}
	})
}

// TestFaultRecordsByHand: a record and a mark of ownership that somebody removed.
func TestFaultRecordsByHand(t *testing.T) {
	newCloudBench(t).play(func(c *cloudBench) {
		c.sql("INSERT INTO deployments (name) VALUES ('orders'), ('sales')")
		s := c.converged()
		record := plan.Address{Name: "orders." + domain, Type: "A"}
		c.names.Remove(record.Name, record.Type)
		c.eventually("the record is back", 3*time.Minute, func() bool {
			return c.address(record.Name) == s.Machines[named(s, "orders").MachineID].Host
		})
		theirs := plan.Address{Name: "sales." + domain, Type: "A", Value: c.address("sales." + domain), TTL: 15}
		c.names.Put(theirs) // without the mark it is anybody's
		c.until("the lost mark is told", func(s *ledger.State) bool {
			return strings.Contains(condition(s, named(s, "sales").ID, "Waiting"), "in use by somebody else")
		})
		if c.address(theirs.Name) != theirs.Value || !named(c.state(), "sales").Ready {
			c.Errorf("the record without a mark leads to %q", c.address(theirs.Name))
		}
		c.names.Remove(theirs.Name, theirs.Type)
		c.converged()
		if c.address(theirs.Name) == "" {
			c.Error("the name was not published again once it was free")
		}
	})
}
