package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
)

// TestKills is scenario 5: whatever is killed heals without help, no data is lost
// and no slot gets a second machine.
func TestKills(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.fill("orders")
	orders := f.deployment("orders")

	f.sub("the database", func(t *testing.T) {
		dead := f.database(orders)
		f.kill(dead)
		f.until("another process serves", func() bool {
			now := pids("dolt sql-server", orders.VolumeID)
			return len(now) == 1 && now[0] != dead && f.holding("orders") == nil
		})
	})

	f.sub("the agent, and the database runs on as it was", func(t *testing.T) {
		database, dead := f.database(orders), f.agent(orders)
		f.kill(dead)
		f.until("another agent runs", func() bool {
			now := pids("mainstay-agent run", orders.MachineID)
			return len(now) == 1 && now[0] != dead
		})
		f.converged()
		if now := f.database(orders); now != database {
			t.Errorf("the database is process %d, was %d", now, database)
		}
		f.holds("orders")
	})

	f.sub("the whole machine", func(t *testing.T) {
		dead := []int{f.machine(orders), f.agent(orders), f.database(orders)}
		for _, pid := range dead {
			f.kill(pid)
		}
		f.until("its data is served again", func() bool { return f.holding("orders") == nil })
		f.converged()
		if now := f.deployment("orders"); now.VolumeID != orders.VolumeID || now.MachineID != orders.MachineID {
			t.Errorf("want the same machine and volume: %s, was %s", describe(now), describe(orders))
		}
		f.alone("orders")
	})

	f.sub("the hub", func(t *testing.T) {
		dead := f.hubProcess()
		f.kill(dead)
		f.until("another hub answers", func() bool {
			now := pids("dolt sql-server", filepath.Join(f.dir, "hub", "config.yaml"))
			if len(now) != 1 || now[0] == dead {
				return false
			}
			_, _, code := f.run("status")
			return code == 0
		})
		f.sql("UPDATE deployments SET owner = 'after the hub' WHERE name = 'orders'")
		f.converged()
		f.holds("orders")
	})

	f.sub("the control plane in the middle of a change", func(t *testing.T) {
		database, hub := f.database(orders), f.hubProcess()
		for n := range 3 { // each time at another moment of the launches
			name := fmt.Sprintf("late-%d", n)
			f.sql("INSERT INTO deployments (name) VALUES ('" + name + "')")
			f.until("a machine is on its way", func() bool { return n == 0 || len(f.machinesOf(name)) >= n-1 })
			_ = f.signal(syscall.SIGKILL)
			if now := f.database(orders); now != database {
				t.Errorf("the database died with the control plane: %d, was %d", now, database)
			}
			f.start()
			f.serves(name)
			f.alone(name)
		}
		if now := f.hubProcess(); now != hub {
			t.Errorf("the hub is process %d, was %d: it should have been found again", now, hub)
		}
		f.holds("orders")
	})

	f.sub("mainstay down ends what a killed control plane left", func(t *testing.T) {
		_ = f.signal(syscall.SIGKILL)
		f.do("down")
		if left := pids(f.dir); len(left) != 0 {
			t.Errorf("processes are left: %v", left)
		}
		f.start()
		f.converged()
		f.holds("orders")
	})

	f.sub("a terminal that is closed stops all in order", func(t *testing.T) {
		if err := f.signal(syscall.SIGHUP); err != nil {
			t.Errorf("mainstay up did not end well: %v", err)
		}
		if left := pids(f.dir); len(left) != 0 {
			t.Errorf("processes are left: %v", left)
		}
	})
}

// machinesOf are the machines that were made for a deployment.
func (f *fleet) machinesOf(name string) []string {
	s, ok := f.status().Only(name)
	if !ok || s.Deployments[0].MachineID == "" {
		return nil
	}
	return []string{s.Deployments[0].MachineID}
}

// alone checks that a deployment has one machine, one agent and one database, and
// that no machine runs that belongs to none.
func (f *fleet) alone(name string) {
	f.t.Helper()
	d := f.deployment(name)
	f.machine(d)
	f.agent(d)
	f.database(d)
	known := map[string]bool{}
	for _, d := range f.status().Deployments {
		known[d.MachineID] = true
	}
	for _, pid := range pids("mainstay-agent machine", f.dir) {
		if id := filepath.Base(strings.TrimSpace(commandLine(pid))); !known[id] {
			f.t.Errorf("machine %s belongs to no deployment", id)
		}
	}
}

func servesAll(s view.Status) bool {
	for _, d := range s.Deployments {
		if !d.Ready {
			return false
		}
	}
	return s.Converged
}
