package e2e

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/mototest"
)

// TestEC2Kill kills mainstay serve at the worst moments of launches: whatever it had
// heard of them, no slot gets a second machine, and the next one goes on.
func TestEC2Kill(t *testing.T) {
	t.Parallel()
	f := newCloudFleet(t, false)
	deployments := 0
	for _, c := range []struct {
		title  string
		action string
		fault  mototest.Fault
	}{
		{"before EC2 launched", "RunInstances", mototest.Fault{Hang: true}},
		{"after EC2 launched and before it said so", "RunInstances", mototest.Fault{Hang: true, After: true}},
		{"while an agent is enrolled", "CreateSecret", mototest.Fault{Hang: true, After: true}},
	} {
		const some = 3
		first := f.firstOf(c.action, c.fault)
		for n := range some {
			f.sql(fmt.Sprintf("INSERT INTO deployments (name, zone) VALUES ('db-%d', 'eu-west-1%c')", deployments+n, 'a'+n%2))
		}
		deployments += some
		select {
		case <-first:
		case <-time.After(patience):
			t.Fatalf("%s: there was no %s", c.title, c.action)
		}
		_ = f.signal(syscall.SIGKILL)
		f.proxy.Failing(nil)
		f.serve()
		s := f.converged()
		if all := f.instances(); len(all) != deployments || len(s.Deployments) != deployments {
			t.Errorf("killed %s: %d deployments got %d machines, want %d of each", c.title, len(s.Deployments), len(all), deployments)
		}
		machines := map[string]bool{}
		for _, d := range s.Deployments {
			machines[d.MachineID] = true
			if !d.Ready || d.Generation != 1 {
				t.Errorf("killed %s: %s", c.title, describe(d))
			}
		}
		if len(machines) != deployments || len(f.volumes()) != deployments {
			t.Errorf("killed %s: %d machines and %d volumes serve %d deployments", c.title, len(machines), len(f.volumes()), deployments)
		}
	}
}

// firstOf has requests for an action go wrong, and tells of the first one.
func (f *cloudFleet) firstOf(action string, fault mototest.Fault) <-chan struct{} {
	first, once := make(chan struct{}), new(sync.Once)
	f.proxy.Failing(func(r mototest.Request) *mototest.Fault {
		if r.Action != action {
			return nil
		}
		once.Do(func() { close(first) })
		return &fault
	})
	return first
}
