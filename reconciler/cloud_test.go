package reconciler_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/ec2/ec2sim"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/repostore"
	"github.com/mainstaydb/mainstay/reconciler/sim"
)

const domain = "db.example.com"

// A cloudBench is a bench whose control plane runs in virtual time, with names and
// an authority beside the world. The repository is a real one; it is opened before
// time stops.
type cloudBench struct {
	*bench
	clone     reconciler.Store
	names     *sim.Names
	authority *sim.Authority
	cfg       reconciler.Config
	loop      *reconciler.Reconciler
	wire      func(*cloudBench) // called inside the time of the story; nil: nothing is
	api       *ec2sim.API       // where the world is behind EC2's API
	witness   *witness          // where faults are tried
	end       func()            // stops the control plane
}

// sql changes main and says so: in stories of weeks the hub is not asked each second.
func (c *cloudBench) sql(statements string) {
	c.Helper()
	c.bench.sql(statements)
	c.loop.Wake()
}

// newCloudBench is not for tests side by side: the engine has locks that all of its
// repositories share, and whoever waits for one in virtual time must not be woken
// from outside.
func newCloudBench(t *testing.T) *cloudBench {
	t.Helper()
	b := newBenchAlone(t)
	c := &cloudBench{bench: b, clone: repostore.Store{Repo: b.clone("one")}, names: sim.NewNames(domain)}
	c.cfg = reconciler.Config{Store: c.clone, Cloud: b.world, Check: ci.Check, Missing: missing, Holder: "one",
		Names: c.names, Authority: "https://acme.example/directory",
		Poll: time.Hour, Look: 10 * time.Minute}
	return c
}

// until waits for a condition on the hub's status. A second of virtual time costs
// as much as one look at the repository.
func (c *cloudBench) until(what string, ok func(*ledger.State) bool) (s *ledger.State) {
	c.Helper()
	c.eventually(what, 30*time.Minute, func() bool {
		s = c.state()
		return ok(s)
	})
	return s
}

func (c *cloudBench) converged() *ledger.State {
	c.Helper()
	heads, err := c.person.Fetch(c.Context())
	if err != nil {
		c.Fatal(err)
	}
	return c.until("converged to "+heads.Main, func(s *ledger.State) bool { return s.Converged(heads.Main) })
}

// play runs the control plane and beside it the story, in virtual time.
func (c *cloudBench) play(story func(*cloudBench)) {
	c.Helper()
	synctest.Test(c.T, func(t *testing.T) {
		inside, b := *c, *c.bench
		b.T, inside.bench = t, &b
		inside.authority = sim.NewAuthority()
		inside.cfg.Agents, inside.cfg.Certificates = c.world.Agents(), inside.authority.Account()
		if c.wire != nil {
			c.wire(&inside)
		}
		inside.loop, inside.end = inside.begin(inside.cfg)
		defer inside.close() // the engine's channels belong to the time they were made in
		defer func() { inside.end() }()
		story(&inside)
	})
}

// begin starts a control plane, which end stops.
func (c *cloudBench) begin(cfg reconciler.Config) (loop *reconciler.Reconciler, end func()) {
	c.Helper()
	loop = reconciler.New(cfg)
	ctx, cancel := context.WithCancel(c.Context())
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx) }()
	return loop, sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			c.Error(err)
		}
	})
}

// address is where a name leads; empty: nowhere.
func (c *cloudBench) address(name string) string {
	as, _ := c.names.Addresses(c.Context())
	for _, a := range as {
		if a.Name == name && a.Type == "A" {
			return a.Value
		}
	}
	return ""
}

func condition(s *ledger.State, deployment, kind string) string {
	for _, c := range s.Conditions {
		if c.Type == kind && (deployment == "" || c.Deployment == deployment) {
			return c.Message
		}
	}
	return ""
}

func TestNamesFollowMachines(t *testing.T) {
	newCloudBench(t).play(func(c *cloudBench) {
		c.sql("INSERT INTO deployments (name) VALUES ('orders')")
		s := c.converged()
		d := named(s, "orders")
		if d.Host != "orders."+domain {
			c.Errorf("the host is %q, want its name", d.Host)
		}
		if got := c.address("orders." + domain); got != s.Machines[d.MachineID].Host {
			c.Errorf("its name leads to %q, want its machine %+v", got, s.Machines[d.MachineID])
		}
		if got := c.address(d.MachineID + "." + domain); got != s.Machines[d.MachineID].Host {
			c.Errorf("the machine's name leads to %q", got)
		}

		c.names.Put(plan.Address{Name: "orders." + domain, Type: "A", Value: "192.0.2.66", TTL: 15, Deployment: d.ID})
		c.eventually("the record that was changed by hand is put back", 3*time.Minute, func() bool { return c.address("orders."+domain) == s.Machines[d.MachineID].Host })

		c.sql("UPDATE deployments SET name = 'sales'")
		c.converged()
		if c.address("orders."+domain) != "" || c.address("sales."+domain) == "" {
			c.Error("the new name is not published, or the old one still is")
		}
		c.sql("UPDATE deployments SET instance_type = 't3.large'")
		s = c.converged()
		if got, want := c.address("sales."+domain), s.Machines[named(s, "sales").MachineID].Host; got != want {
			c.Errorf("after a replacement its name leads to %q, want %q", got, want)
		}
		c.sql("DELETE FROM deployments")
		c.converged()
		if as, _ := c.names.Addresses(c.Context()); len(as) != 0 {
			c.Errorf("after the deletion there are still %v", as)
		}
	})
}

func TestNamesHoldUpNothing(t *testing.T) {
	newCloudBench(t).play(func(c *cloudBench) {
		c.names.Refuse(errors.New("Route 53 does not answer"))
		c.sql("INSERT INTO deployments (name) VALUES ('orders')")
		c.until("it serves, and the reason is told", func(s *ledger.State) bool {
			return named(s, "orders").Ready && strings.Contains(condition(s, "", "Held"), "Route 53 does not answer")
		})
		c.sql("INSERT INTO settings SELECT id, 'log_level', 'debug' FROM deployments")
		c.eventually("the setting is in force all the same", time.Minute, func() bool {
			o, ok := c.world.Serving(named(c.state(), "orders").ID)
			return ok && o.Settings["log_level"] == "debug"
		})
		c.names.Refuse(nil)
		c.converged()
	})
}

func TestNamesOfOthersAreLeftAlone(t *testing.T) {
	newCloudBench(t).play(func(c *cloudBench) {
		theirs := plan.Address{Name: "orders." + domain, Type: "A", Value: "192.0.2.1", TTL: 300}
		c.names.Put(theirs)
		c.sql("INSERT INTO deployments (name) VALUES ('orders')")
		c.until("it serves and says that the name is taken", func(s *ledger.State) bool {
			return named(s, "orders").Ready && strings.Contains(condition(s, "", "Waiting"), "in use by somebody else")
		})
		if got := c.address(theirs.Name); got != theirs.Value {
			c.Errorf("their record is %q now", got)
		}
		c.names.SetGap("page 2: throttled")
		time.Sleep(2 * time.Minute) // by then it was listed again
		c.sql("UPDATE deployments SET name = 'sales'")
		c.until("the gap is told", func(s *ledger.State) bool { return strings.Contains(condition(s, "", "Waiting"), "page 2: throttled") })
		if c.address("sales."+domain) != "" {
			c.Error("a name was published under a gap")
		}
		c.names.SetGap("")
		c.eventually("the new name is published after the gap", 3*time.Minute, func() bool { return c.address("sales."+domain) != "" })
	})
}

func TestCertificateOfAnAuthority(t *testing.T) {
	newCloudBench(t).play(func(c *cloudBench) {
		c.sql("INSERT INTO deployments (name, zone, certificate) VALUES ('orders', 'eu-west-1a', 'acme')")
		id := named(c.converged(), "orders").ID
		if o, _ := c.world.Serving(id); o.Certificate != "c1" || c.authority.Given() != 1 {
			c.Errorf("it shows %q and %d were given, want c1 and 1", o.Certificate, c.authority.Given())
		}
		time.Sleep(70 * 24 * time.Hour)
		c.converged()
		if o, _ := c.world.Serving(id); c.authority.Given() != 2 {
			c.Errorf("after 70 days it shows %q and %d were given, want a renewal", o.Certificate, c.authority.Given())
		}
		c.authority.Refuse("the authority is down")
		c.sql("UPDATE deployments SET name = 'sales'")
		c.until("the refusal is told", func(s *ledger.State) bool {
			return strings.Contains(condition(s, id, "Waiting"), "the authority is down")
		})
		c.sql("INSERT INTO settings SELECT id, 'log_level', 'debug' FROM deployments")
		c.eventually("a setting is in force without the authority", time.Minute, func() bool {
			o, ok := c.world.Serving(id)
			return ok && o.Settings["log_level"] == "debug"
		})
		c.authority.Refuse("")
		c.eventually("a certificate for the new name is shown", 2*time.Hour, func() bool {
			o, _ := c.world.Serving(id)
			return o.Certificate == "c3"
		})
	})
}

func TestStraysAreRemovedAfterTheirGrace(t *testing.T) {
	c := newCloudBench(t)
	c.cfg.Grace = reconciler.Grace{Machines: time.Hour, Volumes: 24 * time.Hour}
	c.play(func(c *cloudBench) {
		c.sql("INSERT INTO deployments (name) VALUES ('orders')")
		c.converged()
		stray := c.launchStrays(1)[0]
		c.until("the stray is told", func(s *ledger.State) bool { return strings.Contains(condition(s, "", "Strays"), stray) })
		c.world.SetGaps(plan.Gaps{Volumes: "page 2: throttled"})
		time.Sleep(2 * time.Hour)
		if len(c.world.Live()) != 2 {
			c.Fatal("a stray was removed under a gap")
		}
		c.world.SetGaps(plan.Gaps{})
		c.eventually("the stray machine is removed", time.Hour, func() bool { return len(c.world.Live()) == 1 })
		if len(c.world.Volumes()) != 2 {
			c.Fatal("its volume went with it")
		}
		time.Sleep(25 * time.Hour)
		if n := len(c.world.Volumes()); n != 1 {
			c.Errorf("%d volumes are left after the grace, want the deployment's own", n)
		}
		if d := named(c.converged(), "orders"); !d.Ready {
			c.Errorf("orders is %+v", d)
		}
	})
}

// When as many are on no record as no commit might destroy, the record is likelier
// to be wrong than they.
func TestManyStraysAreLeftAlone(t *testing.T) {
	c := newCloudBench(t)
	c.cfg.Grace = reconciler.Grace{Machines: time.Hour, Volumes: time.Hour}
	c.play(func(c *cloudBench) {
		c.sql("INSERT INTO deployments (name) VALUES ('orders')")
		c.converged()
		c.launchStrays(4)
		time.Sleep(3 * time.Hour)
		if n := len(c.world.Live()); n != 5 {
			c.Errorf("%d machines are left, want all 5", n)
		}
	})
}

// When the branch status was lost, a fleet that serves is on no record. Nothing is
// ended, and nothing empty is made beside what may be somebody's data.
func TestALostRecordEndsNoMachine(t *testing.T) {
	c := newCloudBench(t)
	c.cfg.Grace = reconciler.Grace{Machines: time.Hour, Volumes: time.Hour}
	old := c.launchStrays(1)[0]
	c.play(func(c *cloudBench) {
		c.sql("INSERT INTO deployments (name) VALUES ('orders')")
		c.until("it is told that the record was likely lost", func(s *ledger.State) bool {
			return strings.Contains(condition(s, "", "Strays"), "likely lost") && strings.Contains(condition(s, "", "Waiting"), "likely lost")
		})
		time.Sleep(3 * time.Hour)
		if n, v := len(c.world.Live()), len(c.world.Volumes()); n != 1 || v != 1 {
			c.Errorf("there are %d machines and %d volumes, want what there was before and nothing beside it", n, v)
		}
		c.world.Kill(old) // a person says that it was of no use
		if err := c.world.DeleteVolume(c.Context(), c.world.Volumes()[0].ID); err != nil {
			c.Fatal(err)
		}
		if d := named(c.converged(), "orders"); !d.Ready {
			c.Errorf("orders is %+v", d)
		}
	})
}

// launchStrays makes machines with the fleet's mark that no ledger knows.
func (c *cloudBench) launchStrays(n int) (ids []string) {
	c.Helper()
	for range n {
		ms, err := c.world.Launch(c.Context(), []plan.Action{{Token: "somebody-" + uuid.NewString(), Shape: plan.Shape{
			Zone: "local", InstanceType: "t3.small", Volume: &plan.VolumeSpec{Type: "gp3", GB: 10}}}})
		if err != nil {
			c.Fatal(err)
		}
		ids = append(ids, ms[0].ID)
	}
	return ids
}

// eventually waits for a condition of the world.
func (c *cloudBench) eventually(what string, within time.Duration, ok func() bool) {
	c.Helper()
	c.wait(what, time.Second, within, ok, func(d time.Duration) time.Duration { return d + d/4 })
}

// eventuallyEvery looks as often as it says, where the time itself is measured.
func (c *cloudBench) eventuallyEvery(pause time.Duration, what string, within time.Duration, ok func() bool) {
	c.Helper()
	c.wait(what, pause, within, ok, func(d time.Duration) time.Duration { return d })
}

func (c *cloudBench) wait(what string, pause, within time.Duration, ok func() bool, next func(time.Duration) time.Duration) {
	c.Helper()
	for start := time.Now(); time.Since(start) < within; time.Sleep(pause) {
		if ok() {
			return
		}
		pause = next(pause)
	}
	c.Fatalf("not within %s: %s; the status is %+v", within, what, c.state())
}
