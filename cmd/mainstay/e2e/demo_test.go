package e2e

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
)

// TestDemo is scenarios 1 and 2: from nothing to serving, through a stop and a
// start, and by every way in which a row can reach main.
func TestDemo(t *testing.T) {
	t.Parallel()
	f := newFleet(t)

	f.sub("three databases that differ serve over TLS", func(t *testing.T) {
		versions := map[string]bool{}
		for _, d := range f.status().Deployments {
			versions[d.DoltVersion] = true
			if got := f.one(f.open(d.Name), "SELECT dolt_version()"); got != d.DoltVersion {
				t.Errorf("%s runs Dolt %s, and status says %s", d.Name, got, d.DoltVersion)
			}
		}
		if len(versions) != 2 {
			t.Errorf("want two releases of Dolt, got %v", versions)
		}
		if got := f.one(f.open("orders"), "SELECT @@max_connections"); got != "200" {
			t.Errorf("orders has max_connections %s, want the row's 200", got)
		}
	})

	f.sub("a stop keeps the data and a start brings it back", func(t *testing.T) {
		f.fill("orders")
		before := f.deployment("orders")
		if err := f.signal(syscall.SIGINT); err != nil {
			t.Fatalf("mainstay up did not end well: %v\n%s", err, f.out)
		}
		if left := pids(f.dir); len(left) != 0 {
			t.Fatalf("processes are left: %v", left)
		}
		f.refused(1, []string{"not running", "mainstay up"}, "status")
		f.start()
		f.converged()
		f.holds("orders")
		if after := f.deployment("orders"); after.Port != before.Port || after.MachineID != before.MachineID {
			t.Errorf("orders is elsewhere: %s, and was %s", describe(after), describe(before))
		}
	})

	f.sub("the lines that up offers work", func(t *testing.T) {
		var tried int
		for line := range strings.Lines(f.out.String()) {
			args, ok := strings.CutPrefix(strings.TrimSpace(line), program(t)+" --dir ")
			if !ok {
				continue
			}
			tried++
			if stdout, stderr, code := shell(t, program(t)+" --dir "+args); code != 0 {
				t.Errorf("%s: exit %d: %s%s", line, code, stdout, stderr)
			}
		}
		if tried < 4 {
			t.Errorf("only %d lines were offered", tried)
		}
		f.converged()
	})

	f.sub("a row added with mainstay sql serves", func(t *testing.T) {
		f.sql("INSERT INTO deployments (name) VALUES ('by-sql')")
		f.serves("by-sql")
	})

	f.sub("a row added with dolt clone and push serves", func(t *testing.T) {
		clone := f.clone()
		f.doltIn(clone, "sql", "-q", "INSERT INTO deployments (name) VALUES ('by-push')")
		f.doltIn(clone, "commit", "-am", "add by-push")
		f.push(clone, "main")
		f.serves("by-push")
	})

	f.sub("a row added by a MySQL client on a branch serves after the merge", func(t *testing.T) {
		hub := f.open("hub")
		hub.SetMaxOpenConns(1)
		for _, statement := range []string{
			"CALL dolt_checkout('-b', 'add-by-client')",
			"INSERT INTO deployments (name) VALUES ('by-client')",
			"CALL dolt_commit('-am', 'add by-client')",
			"CALL dolt_checkout('main')",
			"CALL dolt_merge('add-by-client')",
		} {
			if _, err := hub.ExecContext(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		f.serves("by-client")
	})

	f.sub("rows forgotten on the hub's main are told of and block nothing silently", func(t *testing.T) {
		hub := f.open("hub")
		if _, err := hub.ExecContext(t.Context(), "INSERT INTO deployments (name) VALUES ('forgotten')"); err != nil {
			t.Fatal(err)
		}
		f.wait("status names the forgotten row", func(s view.Status) bool {
			for _, c := range s.Conditions {
				if c.Type == "UncommittedRows" && strings.Contains(c.Message, "forgotten") {
					return true
				}
			}
			return false
		})
		f.refused(3, []string{"uncommitted", "dolt_reset"}, "sql", "-m", "x", "INSERT INTO deployments (name) VALUES ('blocked')")
		// What runs is looked after meanwhile: status takes pushes still.
		victim := f.deployment("by-sql")
		f.kill(f.database(victim))
		f.serves("by-sql")

		f.do("connect", "hub", "-e", "CALL dolt_reset('--hard')")
		f.wait("status no longer tells of it", func(s view.Status) bool { return len(s.Conditions) == 0 })
		f.sql("INSERT INTO deployments (name) VALUES ('unblocked')")
		f.serves("unblocked")
	})

	f.sub("the status of one is its part of the fleet's", func(t *testing.T) {
		f.sql("DELETE FROM deployments WHERE name = 'by-push'") // it has no row, and is there until its retention ends
		whole := f.converged()
		for _, name := range []string{"orders", f.deployment("orders").ID, "by-push"} {
			want, there := whole.Only(name)
			if !there {
				t.Fatalf("there is no %s in %+v", name, whole)
			}
			var got view.Status
			if err := json.Unmarshal([]byte(f.do("status", name, "-o", "json")), &got); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(view.Status{})); d != "" {
				t.Errorf("mainstay status %s (-want +got):\n%s", name, d)
			}
		}
		f.refused(1, []string{"nobody", "mainstay status"}, "status", "nobody")
	})
}

// serves waits until a deployment answers over TLS.
func (f *fleet) serves(name string) {
	f.t.Helper()
	f.wait(name+" is serving", named(name, func(d view.Deployment) bool { return d.Ready && d.Phase == "serving" }))
	f.until(name+" answers", func() bool {
		db, err := f.dial(name)
		if err != nil {
			return false
		}
		defer db.Close()
		return db.PingContext(f.t.Context()) == nil
	})
}
