package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
)

// TestChanges is scenarios 3, 4 and 7: what a change of each column does, and
// what the plan said before; deleting; and commits that cannot be applied.
func TestChanges(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	for _, name := range []string{"orders", "catalog", "archive"} {
		f.fill(name)
	}

	f.sub("a setting restarts", func(t *testing.T) {
		before, pid := f.deployment("catalog"), f.database(f.deployment("catalog"))
		f.change("catalog", []string{"restart"},
			"REPLACE INTO settings SELECT id, 'listener.max_connections', '77' FROM deployments WHERE name = 'catalog'")
		after := f.deployment("catalog")
		if f.database(after) == pid || after.MachineID != before.MachineID {
			t.Errorf("want another process on the same machine: %s, was %s", describe(after), describe(before))
		}
		if got := f.one(f.open("catalog"), "SELECT @@max_connections"); got != "77" {
			t.Errorf("max_connections is %s", got)
		}
		f.holds("catalog")
	})

	f.sub("a version upgrades and keeps the data", func(t *testing.T) {
		f.change("archive", []string{"restart"}, "UPDATE deployments SET dolt_version = '2.2.0' WHERE name = 'archive'")
		if got := f.one(f.open("archive"), "SELECT dolt_version()"); got != "2.2.0" {
			t.Errorf("archive runs %s", got)
		}
		f.holds("archive")
	})

	f.sub("an instance type replaces the machine and keeps the volume", func(t *testing.T) {
		before := f.deployment("catalog")
		most := f.watchServers(before.VolumeID)
		f.change("catalog", []string{"replace"}, "UPDATE deployments SET instance_type = 't3.large' WHERE name = 'catalog'")
		after := f.deployment("catalog")
		if after.MachineID == before.MachineID || after.VolumeID != before.VolumeID || after.Generation <= before.Generation {
			t.Errorf("want a new machine with the old volume: %s, was %s", describe(after), describe(before))
		}
		if n := most(); n > 1 {
			t.Errorf("%d servers ran on one volume at a time", n)
		}
		f.until("the old machine is gone", func() bool { return len(pids(before.MachineID)) == 0 })
		f.holds("catalog")
	})

	f.sub("running false and true again", func(t *testing.T) {
		before := f.deployment("catalog")
		f.change("catalog", []string{"replace"}, "UPDATE deployments SET running = false WHERE name = 'catalog'")
		f.wait("catalog is stopped", named("catalog", func(d view.Deployment) bool { return d.Phase == "stopped" }))
		f.until("its machine is gone", func() bool { return len(pids(before.MachineID)) == 0 })
		f.sql("UPDATE deployments SET running = true WHERE name = 'catalog'")
		f.serves("catalog")
		if after := f.deployment("catalog"); after.VolumeID != before.VolumeID {
			t.Errorf("catalog has another volume: %s, was %s", describe(after), describe(before))
		}
		f.holds("catalog")
	})

	f.sub("a name changes and nothing else", func(t *testing.T) {
		before, pid := f.deployment("orders"), f.database(f.deployment("orders"))
		f.change("orders", []string{"none"}, "UPDATE deployments SET name = 'commandes' WHERE name = 'orders'")
		f.converged()
		after := f.deployment("commandes")
		if after.ID != before.ID || after.MachineID != before.MachineID || f.database(after) != pid {
			t.Errorf("a rename did more: %s, was %s", describe(after), describe(before))
		}
		f.holds("commandes")
		f.sql("UPDATE deployments SET name = 'orders' WHERE name = 'commandes'")
		f.converged()
	})

	f.sub("a volume grows in place and never shrinks", func(t *testing.T) {
		pid := f.database(f.deployment("catalog"))
		f.change("catalog", []string{"none"}, "UPDATE deployments SET volume_gb = 30 WHERE name = 'catalog'")
		f.converged()
		if f.database(f.deployment("catalog")) != pid {
			t.Error("the database was restarted")
		}
		f.refused(3, []string{"catalog", "shrink", "30"}, "sql", "-m", "x", "UPDATE deployments SET volume_gb = 5 WHERE name = 'catalog'")
		f.plan(t, "shrink", 3, "UPDATE deployments SET volume_gb = 5 WHERE name = 'catalog'")
	})

	f.sub("a protected row is not deleted", func(t *testing.T) {
		f.refused(3, []string{"orders", "protected"}, "sql", "-m", "x", "DELETE FROM deployments WHERE name = 'orders'")
		// Pushed past the command line, it is refused all the same.
		f.pushed("delete orders", "DELETE FROM settings; DELETE FROM deployments WHERE name = 'orders'")
		f.wait("status refuses the commit by name", refusedFor("orders", "protected"))
		if !f.deployment("orders").Ready {
			t.Error("orders does not serve")
		}
		f.revert()
	})

	f.sub("a deleted row keeps its volume, and a revert brings the data back", func(t *testing.T) {
		before := f.deployment("catalog")
		f.change("catalog", []string{"destroy"}, "DELETE FROM deployments WHERE name = 'catalog'")
		f.until("its machine is gone", func() bool { return len(pids(before.MachineID)) == 0 })
		f.wait("status says how long the volume is kept", named("catalog", func(d view.Deployment) bool { return says(d, "is kept until") }))
		f.revert()
		f.serves("catalog")
		if after := f.deployment("catalog"); after.VolumeID != before.VolumeID {
			t.Errorf("catalog has another volume: %s, was %s", describe(after), describe(before))
		}
		f.holds("catalog")
	})

	for name, c := range map[string]struct {
		statements string
		words      []string
	}{
		"a value past the CHECKs": {
			"ALTER TABLE deployments DROP CHECK deployments_volume_gb_range; UPDATE deployments SET volume_gb = -1 WHERE name = 'catalog'",
			[]string{"catalog", "volume_gb"},
		},
		"an unknown version": {
			"SET FOREIGN_KEY_CHECKS = 0; UPDATE deployments SET dolt_version = '9.9.9' WHERE name = 'catalog'",
			[]string{"catalog", "dolt_version", "9.9.9"},
		},
		"an unknown setting": {
			"INSERT INTO settings SELECT id, 'listener.max_conections', '5' FROM deployments WHERE name = 'catalog'",
			[]string{"catalog", "listener.max_connections"},
		},
	} {
		f.sub("a commit with "+name+" is not applied", func(t *testing.T) {
			good := f.status().Commit
			f.pushed(name, c.statements)
			s := f.wait("status says why", refusedFor(c.words...))
			if s.Commit != good {
				t.Errorf("%s is in force, want the last good %s", s.Commit, good)
			}
			f.kill(f.database(f.deployment("orders"))) // others go on
			f.serves("orders")
			f.revert()
		})
	}
}

// change makes a change on a branch, checks what the plan says, and merges it.
func (f *fleet) change(name string, disruptions []string, statement string) {
	f.t.Helper()
	branch := fmt.Sprintf("change-%d", time.Now().UnixNano())
	plan := f.plan(f.t, branch, 0, statement)
	for _, want := range disruptions {
		if worst := worstOf(plan); worst != want {
			f.t.Errorf("the plan's worst disruption is %q, want %q: %+v", worst, want, plan.Actions)
		}
	}
	for _, a := range plan.Actions {
		if !strings.Contains(statement, a.Deployment) {
			f.t.Errorf("the plan touches %s too: %s", a.Deployment, a.Summary)
		}
	}
	f.do("connect", "hub", "-e", "CALL dolt_merge('"+branch+"')")
	f.converged()
}

// plan makes a branch with a change and gives its plan.
func (f *fleet) plan(t *testing.T, branch string, code int, statement string) view.Plan {
	t.Helper()
	f.do("branch", branch)
	f.do("sql", "-b", branch, "-m", "test: plan", statement)
	stdout, stderr, got := run(t, "plan", "-b", branch, "-o", "json", "--dir", f.dir)
	if got != code {
		t.Fatalf("plan: exit %d, want %d: %s", got, code, stderr)
	}
	var p view.Plan
	if err := json.Unmarshal([]byte(stdout), &p); err != nil {
		t.Fatal(err)
	}
	if code == 3 && !p.Refused() {
		t.Errorf("the plan names no reason: %s", stdout)
	}
	return p
}

func worstOf(p view.Plan) string {
	rank := []string{"none", "restart", "replace", "destroy"}
	worst := 0
	for _, a := range p.Actions {
		for i, d := range rank {
			if a.Disruption == d {
				worst = max(worst, i)
			}
		}
	}
	return rank[worst]
}

// pushed commits with the dolt CLI, past all checks of ours, and pushes to main.
func (f *fleet) pushed(message, statements string) {
	f.t.Helper()
	clone := f.clone()
	f.doltIn(clone, "sql", "-q", statements)
	f.doltIn(clone, "commit", "--force", "-Am", message)
	f.push(clone, "main")
}

// revert takes the newest commit of main back, as somebody on the hub does.
func (f *fleet) revert() {
	f.t.Helper()
	f.do("connect", "hub", "-e", "CALL dolt_revert('HEAD')")
	f.converged()
}

// refusedFor waits for a finding that has all the words.
func refusedFor(words ...string) func(view.Status) bool {
	return func(s view.Status) bool {
		for _, finding := range s.Findings {
			text := finding.String()
			all := true
			for _, w := range words {
				all = all && strings.Contains(text, w)
			}
			if all {
				return s.Commit != s.Head
			}
		}
		return false
	}
}

// watchServers counts the database servers on one volume until it is asked how
// many there were at most at one time.
func (f *fleet) watchServers(volume string) func() int {
	ctx, cancel := context.WithCancel(f.t.Context())
	most := make(chan int, 1)
	go func() {
		n := 0
		for ctx.Err() == nil {
			n = max(n, len(pids("dolt sql-server", filepath.Join(f.dir, "cloud", "volumes", volume))))
			time.Sleep(5 * time.Millisecond) // a server lives far longer
		}
		most <- n
	}()
	return func() int { cancel(); return <-most }
}
