package reconciler_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/reconciler/ec2/ec2sim"
	"github.com/mainstaydb/mainstay/reconciler/sim"
)

// boot is how long a machine takes to run and its agent to answer.
var boot = sim.Latency{Running: 20 * time.Second, Agent: 40 * time.Second}

// The bounds: the time that AWS's limits allow, and requests per deployment.
const (
	timeShare    = 1.1
	callsEach    = 0.2
	launchBurst  = 1000 // of RunInstances, in instances
	launchRefill = 2    // a second
)

// TestConvergenceCost brings a fleet up from one commit through the real adapter
// against AWS's limits. MAINSTAY_TEST_FLEET sets its size: make bench LARGE=10000.
func TestConvergenceCost(t *testing.T) {
	n := 1000
	if s := os.Getenv("MAINSTAY_TEST_FLEET"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	c := newCloudBench(t)
	c.world.SetLatency(boot)
	c.onEC2()
	c.bench.sql(insertMany(n))
	c.play(func(c *cloudBench) {
		start := time.Now()
		bound := boot.Agent + time.Duration(max(0, n-launchBurst))*time.Second/launchRefill
		c.eventuallyEvery(time.Second, "all serve", 3*bound, func() bool { return c.world.ServingAll("") == n })
		took := time.Since(start)
		calls := c.api.Calls()
		c.converged()
		c.report(fmt.Sprintf("%d new deployments from one commit", n), n, took, bound, calls)
		if each := float64(total(calls)) / float64(n); each >= callsEach {
			c.Errorf("%.3f calls for each deployment, want below %.1f", each, callsEach)
		}
		if live := len(c.world.Live()); live != n {
			c.Errorf("%d machines live for %d deployments", live, n)
		}
	})
}

// TestRollingCost replaces a fleet's machines under limits: as many at one time as
// may be disrupted, each in the time that one alone takes. EC2 moves each volume with
// two requests of its own; the rest, mostly listings, is shared within a turn.
func TestRollingCost(t *testing.T) {
	const n, atOnce = 200, 20
	c := newCloudBench(t)
	c.world.SetLatency(boot)
	c.onEC2()
	c.bench.sql(insertMany(n) + fmt.Sprintf("; INSERT INTO limits VALUES ('max_disrupted', %d)", atOnce))
	c.play(func(c *cloudBench) {
		c.converged()
		start := time.Now()
		c.sql("UPDATE deployments SET instance_type = 't3.large' WHERE name = 'db-1'")
		c.eventuallyEvery(time.Second, "one is replaced", time.Hour, func() bool { return c.world.ServingAll("t3.large") == 1 })
		c.converged()
		alone := time.Since(start)

		before := c.api.Calls()
		start = time.Now()
		c.sql("UPDATE deployments SET instance_type = 't3.large'")
		bound := alone * time.Duration((n-1+atOnce-1)/atOnce)
		c.eventuallyEvery(time.Second, "all are replaced", 3*bound, func() bool { return c.world.ServingAll("t3.large") == n })
		took := time.Since(start)
		calls := c.api.Calls()
		for action := range calls {
			calls[action] -= before[action]
		}
		c.report(fmt.Sprintf("%d replacements, %d at a time", n-1, atOnce), n-1, took, bound, calls)
		if moves := calls["DetachVolume"] + calls["AttachVolume"]; moves != 2*(n-1) || total(calls)-moves >= 2*(n-1) {
			c.Errorf("%d calls move the volumes of %d machines, and there are %d others; want 2 for each, and fewer than 2", moves, n-1, total(calls)-moves)
		}
		c.converged()
		if live := len(c.world.Live()); live != n {
			c.Errorf("%d machines live for %d deployments", live, n)
		}
	})
}

// onEC2 puts the adapter and EC2's limits before the world.
func (c *cloudBench) onEC2() {
	c.cfg.Names, c.cfg.Poll, c.cfg.Look, c.cfg.LookLeast = nil, 5*time.Second, 6*time.Second, 4*time.Second // as in cmd/mainstay/aws
	c.wire = func(inside *cloudBench) {
		inside.api = ec2sim.New(inside.world, ec2.Buckets())
		inside.cfg.Cloud = inside.adapter("ami-00000001")
	}
}

// adapter is one control plane's way to EC2, with a memory and limits of its own.
func (c *cloudBench) adapter(ami string) *ec2.Cloud {
	c.Helper()
	cloud, err := ec2.New(ec2.Options{Client: c.api, Accounts: c.api, Region: "eu-west-1", Fleet: "fleet", AMI: ami,
		Subnets: map[string]string{"eu-west-1a": "eu-west-1a", "eu-west-1b": "eu-west-1b"}})
	if err != nil {
		c.Fatal(err)
	}
	return cloud
}

func insertMany(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("('db-%d', 'eu-west-1a')", i+1)
	}
	return "INSERT INTO deployments (name, zone) VALUES " + strings.Join(names, ", ")
}

func total(calls map[string]int) (n int) {
	for _, c := range calls {
		n += c
	}
	return n
}

// report prints the figures, a row of docs/performance.md before what the requests
// were, and holds the time against the bound.
func (c *cloudBench) report(what string, n int, took, bound time.Duration, calls map[string]int) {
	c.Helper()
	share := took.Seconds() / bound.Seconds()
	c.Logf("| %s | %.0f s | %.3f | %d | %.3f | %d |", what, took.Seconds(), share, total(calls), float64(total(calls))/float64(n), c.api.Throttled())
	c.Logf("the bound is %.0f s; requests: %v", bound.Seconds(), calls)
	if share > timeShare {
		c.Errorf("%s took %.2f times the bound, want at most %.1f", what, share, timeShare)
	}
}
