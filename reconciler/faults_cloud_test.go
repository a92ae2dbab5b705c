package reconciler_test

import (
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ec2/ec2sim"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/repostore"
)

func TestFaultStaleListings(t *testing.T) {
	newFaults(t).suffer(func(c *cloudBench) {
		c.add("orders")
		first := named(c.converged(), "orders")
		c.api.Lag(time.Minute)
		c.add("sales", "stock")
		c.eventually("they are launched", time.Minute, func() bool { return len(c.world.Live()) == 3 })
		c.told("sales", "is starting")
		c.api.Lag(0)
		c.recovered(3 * time.Minute)

		c.api.Lag(time.Minute)
		c.sql("UPDATE deployments SET instance_type = 't3.large'")
		time.Sleep(10 * time.Minute) // each replacement is many steps, all of them under the lag
		c.api.Lag(0)
		c.recovered(15 * time.Minute)
		if d := named(c.state(), "orders"); d.VolumeID != first.VolumeID || d.Generation != 2 {
			c.Errorf("after a replacement under stale listings, %+v is %+v", first, d)
		}
	})
}

// TestFaultPageOfListing: the second page fails while one deployment goes and another
// comes. What cannot be seen whole is neither taken down nor made.
func TestFaultPageOfListing(t *testing.T) {
	for _, action := range []string{"DescribeInstances", "DescribeVolumes"} {
		t.Run(action, func(t *testing.T) {
			newFaults(t).suffer(func(c *cloudBench) {
				c.api.PageSize(2)
				c.add("a", "b", "c", "d")
				c.converged()
				c.api.Failing(func(call ec2sim.Call) *ec2sim.Fault {
					if call.Action == action && call.Page {
						return &ec2sim.Fault{Code: "InternalError"}
					}
					return nil
				})
				c.told("", "InternalError", "it is looked at again")
				c.sql("DELETE FROM deployments WHERE name = 'd'")
				c.add("e")
				c.told("d", "not be listed whole", "nothing is destroyed until it is")
				c.told("e", "not whole")
				time.Sleep(10 * time.Minute)
				if m, v := len(c.world.Live()), len(c.world.Volumes()); m != 4 || v != 4 || c.world.ServingAll("") != 4 {
					c.Errorf("4 machines and volumes became %d and %d under the gap, %d serve", m, v, c.world.ServingAll(""))
				}
				c.api.Failing(nil)
				c.recovered(4 * time.Minute)
			})
		})
	}
}

// TestFaultWrongImage: a configuration names an image that AWS does not have. The
// control plane is started anew with another.
func TestFaultWrongImage(t *testing.T) {
	newFaults(t).suffer(func(c *cloudBench) {
		c.api.Failing(on("RunInstances", ec2sim.Fault{Code: "InvalidAMIID.NotFound"}))
		c.add("orders", "sales", "stock")
		c.told("orders", "image (AMI) ami-00000001", "set another in the configuration")
		time.Sleep(10 * time.Minute)
		if n := c.api.Calls()["RunInstances"]; n > 30 {
			c.Errorf("%d launches were asked for in ten minutes with an image that is not there", n)
		}
		c.told("sales", "image (AMI) ami-00000001")
		c.api.Failing(nil)
		c.restart("ami-00000002")
		c.recovered(3 * time.Minute)
	})
}

// TestFaultImageChangesBeforeTheAnswer: a launch succeeds, nobody hears of it, and the
// next process would launch with another image.
func TestFaultImageChangesBeforeTheAnswer(t *testing.T) {
	newFaults(t).suffer(func(c *cloudBench) {
		time.Sleep(10 * time.Second) // listed once
		c.api.Lag(3 * time.Minute)
		c.api.Failing(on("RunInstances", ec2sim.Fault{Code: "RequestTimeout", After: true}))
		c.add("orders", "sales")
		c.eventually("they are launched", time.Minute, func() bool { return len(c.world.Live()) == 2 })
		c.api.Failing(nil)
		c.restart("ami-00000002")
		c.told("orders", "was used for another launch", "looked at again")
		c.recovered(10 * time.Minute)
	})
}

// restart ends the process and begins another with an empty memory.
func (c *cloudBench) restart(ami string) {
	c.Helper()
	c.end()
	c.cfg.Cloud = c.adapter(ami)
	c.loop, c.end = c.begin(c.cfg)
}

func TestFaultExpiredCredentials(t *testing.T) {
	newFaults(t).suffer(func(c *cloudBench) {
		c.add("orders", "sales")
		c.converged()
		c.api.Failing(every("ExpiredToken"))
		c.told("", "ExpiredToken", "credentials have ended", "fresh ones")
		published, calls := c.witness.publications(), total(c.api.Calls())
		c.sql("UPDATE deployments SET instance_type = 't3.large' WHERE name = 'orders'")
		c.add("stock")
		c.told("stock", "not whole", "credentials have ended")
		time.Sleep(10 * time.Minute)
		if n := c.witness.publications() - published; n > 10 {
			c.Errorf("%d publications while nothing could be done", n)
		}
		c.Logf("%d calls in ten minutes", total(c.api.Calls())-calls)
		if n := len(c.world.Live()); n != 2 {
			c.Errorf("%d machines without credentials, want the two there were", n)
		}
		// The loop turns and the hub answers: another control plane could do no better.
		for path, want := range map[string]int{"/healthz": 200, "/readyz": 200} {
			if got := c.get(path); got != want {
				c.Errorf("%s is %d, want %d", path, got, want)
			}
		}
		c.api.Failing(nil)
		c.recovered(5 * time.Minute)
	})
}

func (c *cloudBench) get(path string) int {
	w := httptest.NewRecorder()
	c.loop.Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code
}

// TestFaultExpiredAtStart: a control plane that begins without credentials must not
// act before it knows which account it is in.
func TestFaultExpiredAtStart(t *testing.T) {
	c := newFaults(t)
	wire := c.wire
	c.wire = func(inside *cloudBench) {
		wire(inside)
		inside.api.Failing(on("GetCallerIdentity", ec2sim.Fault{Code: "ExpiredToken"}))
	}
	c.bench.sql("INSERT INTO deployments (name, zone) VALUES ('orders', 'eu-west-1a')")
	c.suffer(func(c *cloudBench) {
		time.Sleep(2 * time.Minute)
		if n := len(c.world.Live()); n != 0 {
			c.Errorf("%d machines in an account that nobody knows", n)
		}
		if got := c.get("/readyz"); got != 503 {
			c.Errorf("/readyz is %d, want 503", got)
		}
		if n := c.api.Calls()["GetCallerIdentity"]; n > 60 {
			c.Errorf("asked %d times in two minutes whose the credentials are", n)
		}
		c.api.Failing(nil)
		c.recovered(3 * time.Minute)
		if w := c.state().World; w != "ec2:123456789012:eu-west-1" {
			c.Errorf("the world on record is %q", w)
		}
	})
}

// TestFaultIdentityHangs: whoever does not say whose the credentials are, or not to
// this process any more, holds the loop up for a moment only.
func TestFaultIdentityHangs(t *testing.T) {
	newFaults(t).suffer(func(c *cloudBench) {
		c.add("orders")
		c.converged()
		c.api.Failing(on("GetCallerIdentity", ec2sim.Fault{Hang: true}))
		c.restart("ami-00000001")
		time.Sleep(5 * time.Minute)
		if live, ready := c.get("/healthz"), c.get("/readyz"); live != 200 || ready != 503 {
			c.Errorf("while nobody answers /healthz is %d and /readyz %d, want 200 and 503", live, ready)
		}
		c.api.Failing(nil)
		c.add("sales")
		c.recovered(3 * time.Minute)
	})
}

// TestFaultTwoControlPlanes lets two work on one account, each with a memory and
// limits of its own, while requests fail and answers are lost.
func TestFaultTwoControlPlanes(t *testing.T) {
	c := newFaults(t)
	second := c.witness.store(repostore.Store{Repo: c.bench.clone("two")})
	c.suffer(func(c *cloudBench) {
		two := c.cfg
		two.Store, two.Holder, two.Cloud, two.Agents = second, "two", c.adapter("ami-00000001"), c.world.Agents()
		_, end := c.begin(two)
		defer end()
		var mu sync.Mutex
		random := rand.New(rand.NewPCG(12, 0))
		c.api.Failing(func(call ec2sim.Call) *ec2sim.Fault {
			mu.Lock()
			defer mu.Unlock()
			p := random.Float64()
			if strings.HasPrefix(call.Action, "Describe") {
				p *= 10 // each look is six of them
			}
			switch {
			case p < 0.3:
				return &ec2sim.Fault{Code: "Unavailable"}
			case p < 0.6:
				return &ec2sim.Fault{Code: "RequestTimeout", After: true}
			}
			return nil
		})
		for i := range 3 {
			c.add(fmt.Sprint("a", i), fmt.Sprint("b", i))
			time.Sleep(20 * time.Second)
		}
		time.Sleep(2 * time.Minute)
		c.sql("UPDATE deployments SET instance_type = 't3.large' WHERE name LIKE 'a%'")
		c.sql("UPDATE deployments SET running = false WHERE name LIKE 'b%'")
		time.Sleep(3 * time.Minute)
		c.api.Failing(nil)
		c.recovered(15 * time.Minute)
	})
}

// TestFaultTroubledMachines: AWS retires hosts and its checks fail. Machines are
// replaced one after the other, and their volumes move over.
func TestFaultTroubledMachines(t *testing.T) {
	newFaults(t).suffer(func(c *cloudBench) {
		c.add("a", "b", "c", "d", "e", "fine")
		before := c.converged()
		troubled := strings.Split("a b c d e", " ")
		for i, name := range troubled {
			if m := named(before, name).MachineID; i%2 == 0 {
				c.api.Retire(m, time.Now().Add(72*time.Hour))
			} else {
				c.api.Impair(m, time.Now())
			}
		}
		reasons, waiting := map[string]bool{}, false
		c.eventuallyEvery(5*time.Second, "all are replaced", time.Hour, func() bool {
			s, replaced, turns := c.state(), 0, 0
			for _, name := range troubled {
				reasons[name] = reasons[name] || says(s, name, "is to be replaced: AWS")
				if says(s, name, "waits for its turn: 1 of at most 1") {
					turns++
				}
				if d := named(s, name); d.Generation == 2 && d.Ready && d.Phase == plan.PhaseServing {
					replaced++
				}
			}
			waiting = waiting || turns > 1
			return replaced == len(troubled)
		})
		if len(reasons) != len(troubled) || !waiting {
			c.Errorf("reasons were given for %v, and others waited for their turn: %t", reasons, waiting)
		}
		s := c.converged()
		for _, name := range troubled {
			if d, old := named(s, name), named(before, name); d.VolumeID != old.VolumeID || d.MachineID == old.MachineID {
				c.Errorf("%s was %+v and is %+v", name, old, d)
			}
		}
		if d := named(s, "fine"); d.Generation != 1 {
			c.Errorf("fine is in generation %d", d.Generation)
		}
		if n := c.witness.mostReplacing(); n != 1 {
			c.Errorf("%d were replaced at one time, want 1", n)
		}
	})
}
