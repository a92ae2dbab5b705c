package reconciler_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/reconciler/ec2/ec2sim"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// newFaults is a bench with a witness, whose world is behind EC2's API.
func newFaults(t *testing.T) *cloudBench {
	t.Helper()
	c := newCloudBench(t)
	c.world.SetLatency(boot)
	c.onEC2()
	c.witness = newWitness()
	c.cfg.Store = c.witness.store(c.clone)
	c.world.Watch(c.witness.look)
	return c
}

// suffer plays a story in which nothing must ever go wrong, and which ends well.
func (c *cloudBench) suffer(story func(*cloudBench)) {
	c.Helper()
	c.play(func(c *cloudBench) {
		defer c.witness.check(c.T)
		began := time.Now()
		defer func() {
			c.Logf("%.0f s, %d publications, calls %v", time.Since(began).Seconds(), c.witness.publications(), c.api.Calls())
		}()
		story(c)
		c.sound()
	})
}

// sound says that there is what the converged status tells, and no more.
func (c *cloudBench) sound() {
	c.Helper()
	s := c.converged()
	c.wantOneMachineEach(s)
	volumes := 0
	for _, d := range s.Deployments {
		if d.VolumeID != "" {
			volumes++
		}
	}
	if have := len(c.world.Volumes()); have != volumes {
		c.Errorf("there are %d volumes for %d deployments", have, volumes)
	}
}

// recovered says that the fleet converges soon after a fault.
func (c *cloudBench) recovered(within time.Duration) {
	c.Helper()
	start := time.Now()
	c.converged()
	if took := time.Since(start); took > within {
		c.Errorf("converged %s after the fault, want within %s", took, within)
	}
}

// add makes rows of the zone eu-west-1a.
func (c *cloudBench) add(names ...string) {
	c.Helper()
	for i, name := range names {
		names[i] = fmt.Sprintf("('%s', 'eu-west-1a')", name)
	}
	c.sql("INSERT INTO deployments (name, zone) VALUES " + strings.Join(names, ", "))
}

// says tells whether status gives a reason with all the words, for a deployment by
// name or, when that is empty, for the fleet.
func says(s *ledger.State, name string, words ...string) bool {
	id := ""
	var reasons []string
	if name == "" {
		for kind, g := range s.Gaps {
			reasons = append(reasons, kind+": "+g.Reason)
		}
	} else if id = named(s, name).ID; id == "" {
		return false
	}
	for _, c := range s.ConditionsOf(id) {
		reasons = append(reasons, c.Message)
	}
	for _, r := range reasons {
		missing := false
		for _, w := range words {
			missing = missing || !strings.Contains(r, w)
		}
		if !missing {
			return true
		}
	}
	return false
}

// told waits until status says why.
func (c *cloudBench) told(name string, words ...string) {
	c.Helper()
	c.until(fmt.Sprintf("status of %q says %q", name, words), func(s *ledger.State) bool { return says(s, name, words...) })
}

func every(code string) func(ec2sim.Call) *ec2sim.Fault {
	return func(ec2sim.Call) *ec2sim.Fault { return &ec2sim.Fault{Code: code} }
}

func on(action string, f ec2sim.Fault) func(ec2sim.Call) *ec2sim.Fault {
	return func(c ec2sim.Call) *ec2sim.Fault {
		if c.Action != action {
			return nil
		}
		return &f
	}
}

func TestFaultThrottled(t *testing.T) {
	newFaults(t).suffer(func(c *cloudBench) {
		c.add("orders")
		c.converged()
		before := total(c.api.Calls())
		c.api.Failing(every("RequestLimitExceeded"))
		end := time.Now().Add(time.Minute)
		c.add("sales")
		c.sql("UPDATE deployments SET instance_type = 't3.large' WHERE name = 'orders'")
		c.told("", "list machines: throttled", "tried again, more slowly")
		c.told("sales", "the list of machines is not whole")
		time.Sleep(time.Until(end))
		if n := len(c.world.Live()); n != 1 {
			c.Errorf("%d machines while everything was throttled, want the one there was", n)
		}
		if n := total(c.api.Calls()) - before; n > 60 {
			c.Errorf("%d requests in the minute in which all were throttled", n)
		}
		c.api.Failing(nil)
		c.recovered(6 * time.Minute)
	})
}

func TestFaultNoCapacityInOneZone(t *testing.T) {
	newFaults(t).suffer(func(c *cloudBench) {
		c.api.Failing(func(call ec2sim.Call) *ec2sim.Fault {
			if call.Action == "RunInstances" && call.Zone == "eu-west-1b" {
				return &ec2sim.Fault{Code: "InsufficientInstanceCapacity"}
			}
			return nil
		})
		c.sql("INSERT INTO deployments (name, zone) VALUES ('a1', 'eu-west-1a'), ('a2', 'eu-west-1a'), ('b1', 'eu-west-1b'), ('b2', 'eu-west-1b')")
		c.until("those in the other zone serve", func(s *ledger.State) bool { return named(s, "a1").Ready && named(s, "a2").Ready })
		c.told("b1", "no capacity", "another zone or instance type may have some")
		c.told("b2", "no capacity")
		time.Sleep(15 * time.Minute)
		if n := c.api.Calls()["RunInstances"]; n > 1+6 {
			c.Errorf("%d launches were asked for in a quarter of an hour without capacity", n)
		}
		c.api.Failing(nil)
		c.recovered(6 * time.Minute)
	})
}

// TestFaultNoCapacityForAType: what the reason advises must help.
func TestFaultNoCapacityForAType(t *testing.T) {
	newFaults(t).play(func(c *cloudBench) {
		defer c.witness.check(c.T)
		c.api.Failing(func(call ec2sim.Call) *ec2sim.Fault {
			if call.Action == "RunInstances" && call.Type == "t3.small" {
				return &ec2sim.Fault{Code: "InsufficientInstanceCapacity"}
			}
			return nil
		})
		c.add("orders", "sales")
		c.told("orders", "no capacity", "another zone or instance type may have some")
		c.sql("UPDATE deployments SET instance_type = 't3.large' WHERE name = 'orders'")
		c.until("the other type helps", func(s *ledger.State) bool { return named(s, "orders").Ready })
		c.api.Failing(nil)
		c.until("so does patience", func(s *ledger.State) bool { return named(s, "sales").Ready })
		// The request for both was repeated for one. What it made for the other is ended,
		// and its volume, which never held anything, is on no record.
		c.told("", "volume vol-", "no deployment on record has them")
		c.recovered(3 * time.Minute)
		c.wantOneMachineEach(c.state())
	})
}

func TestFaultLaunchTimesOut(t *testing.T) {
	for name, fault := range map[string]ec2sim.Fault{"lost": {Code: "RequestTimeout", After: true}, "silent": {Hang: true, After: true}} {
		t.Run(name, func(t *testing.T) {
			newFaults(t).suffer(func(c *cloudBench) {
				c.api.Failing(func(call ec2sim.Call) *ec2sim.Fault {
					if call.Action == "RunInstances" && call.Number <= 8 {
						return &fault
					}
					return nil
				})
				time.Sleep(10 * time.Second) // listed once
				c.api.Lag(10 * time.Minute)  // listings do not help
				c.add("orders", "sales", "stock")
				c.told("orders", "launch machines", "not known what happened")
				c.until("they serve", func(s *ledger.State) bool { return c.world.ServingAll("") == 3 || len(c.world.Live()) > 3 })
				c.api.Lag(0)
				c.recovered(2 * time.Minute)
				if n := c.api.Calls()["RunInstances"]; n > 9 {
					c.Errorf("%d requests to launch one batch", n)
				}
			})
		})
	}
}

// A dyingCloud is EC2 for a process that ends right after a launch.
type dyingCloud struct {
	*ec2.Cloud
	die func()
}

func (d dyingCloud) Launch(ctx context.Context, batch []plan.Action) ([]plan.Machine, error) {
	if _, err := d.Cloud.Launch(ctx, batch); err != nil {
		return nil, err
	}
	d.die()
	return nil, ctx.Err()
}

// TestFaultDeath ends the process around the claim's push, between it and the launch,
// and between the launch and the record; another with an empty memory goes on.
func TestFaultDeath(t *testing.T) {
	type death struct {
		push   int // at which; 0: none
		after  bool
		launch bool // right after a launch
	}
	deaths := []death{{launch: true}}
	for n := 1; n <= 4; n++ {
		deaths = append(deaths, death{push: n}, death{push: n, after: true})
	}
	for _, d := range deaths {
		t.Run(fmt.Sprintf("%+v", d), func(t *testing.T) {
			c := newFaults(t)
			c.bench.sql("INSERT INTO deployments (name, zone) VALUES ('orders', 'eu-west-1a'), ('sales', 'eu-west-1a')")
			sound := c.cfg.Store
			dead := make(chan struct{})
			left := d.push
			c.cfg.Store = dying{Store: sound, left: &left, after: d.after, die: func() { close(dead) }}
			wire := c.wire
			c.wire = func(inside *cloudBench) {
				wire(inside)
				dead = make(chan struct{})
				if d.launch {
					inside.cfg.Cloud = dyingCloud{inside.cfg.Cloud.(*ec2.Cloud), func() { close(dead) }}
				}
			}
			c.suffer(func(c *cloudBench) {
				select {
				case <-dead:
				case <-time.After(10 * time.Minute):
					c.Log("it needed fewer pushes")
				}
				c.end()
				c.cfg.Store, c.cfg.Cloud = sound, c.adapter("ami-00000001")
				c.loop, c.end = c.begin(c.cfg)
				c.recovered(5 * time.Minute)
			})
		})
	}
}

var _ reconciler.Paced = dyingCloud{}
