package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
)

// TestOtherTools is a change from branch to rollback by people who have only the
// dolt CLI, and only a MySQL client.
func TestOtherTools(t *testing.T) {
	t.Parallel()
	f := newFleet(t)

	f.sub("dolt", func(t *testing.T) {
		clone := f.clone()
		f.doltIn(clone, "checkout", "-b", "longer")
		f.doltIn(clone, "sql", "-q", "UPDATE deployments SET retention_days = 14 WHERE name = 'catalog'")
		f.doltIn(clone, "commit", "-am", "keep it longer")
		f.push(clone, "longer")
		f.do("pr", "create", "-b", "longer", "--title", "by somebody with mainstay") // any branch qualifies
		f.doltIn(clone, "checkout", "main")
		f.doltIn(clone, "merge", "--no-ff", "-m", "merge longer", "longer")
		f.push(clone, "main")
		f.inForce("the merge", "retention_days", "14")
		if log := stripped(f.doltIn(clone, "log", "-n", "1", "main")); !strings.Contains(log, "merge longer") {
			t.Errorf("dolt log says %s", log)
		}
		f.do("pr", "merge", "longer") // finds that it is in main
		if list := f.do("pr", "list", "--state", "merged"); !strings.Contains(list, "by somebody with mainstay") {
			t.Errorf("the proposal is not closed: %s", list)
		}
		f.doltIn(clone, "sql", "-q", "UPDATE deployments SET retention_days = 7 WHERE name = 'catalog'")
		f.doltIn(clone, "commit", "-am", "as before")
		f.push(clone, "main")
		f.inForce("the way back", "retention_days", "7")
	})

	f.sub("a MySQL client on the hub", func(t *testing.T) {
		db := f.open("hub")
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for _, statement := range []string{
			"CALL dolt_checkout('-b', 'by-mysql', 'main')",
			"UPDATE deployments SET retention_days = 21 WHERE name = 'catalog'",
			"CALL dolt_commit('-am', 'three weeks', '--author', 'Carl <carl@example.org>')",
			"CALL dolt_checkout('main')",
			"CALL dolt_merge('by-mysql', '--no-ff', '-m', 'merge by-mysql', '--author', 'Carl <carl@example.org>')",
		} {
			if _, err := conn.ExecContext(t.Context(), statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		f.inForce("the merge", "retention_days", "21")
		if _, err := conn.ExecContext(t.Context(), "CALL dolt_reset('--hard', 'HEAD~1')"); err != nil {
			t.Fatal(err)
		}
		f.inForce("the history that was reset", "retention_days", "7")
	})
}

func (f *fleet) inForce(what, column, want string) {
	f.t.Helper()
	f.wait(what+" is in force", func(s view.Status) bool {
		return s.Converged && f.query("SELECT "+column+" FROM deployments WHERE name = 'catalog'") == want
	})
}

// TestMergesAtTheSameTime is a hundred proposals merged by two processes at a time:
// each is in main, or was reported as to be tried again; nothing is lost.
func TestMergesAtTheSameTime(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	const all = 100
	db := f.open("hub")
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec := func(statement string) {
		t.Helper()
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	f.propose("first", "INSERT INTO versions (version) VALUES ('9.0.0')") // makes the branch proposals
	var rows []string
	for n := range all {
		branch := fmt.Sprintf("add-%d", n)
		exec(fmt.Sprintf("CALL dolt_checkout('-b', '%s', 'main')", branch))
		exec(fmt.Sprintf("INSERT INTO versions (version) VALUES ('9.1.%d')", n))
		exec(fmt.Sprintf("CALL dolt_commit('-am', 'add 9.1.%d', '--author', 'Carl <carl@example.org>')", n))
		rows = append(rows, fmt.Sprintf("(%d, '%s', '%[2]s', '', 'Carl', 'carl@example.org', '', now())", n+2, branch))
	}
	exec("CALL dolt_checkout('proposals')")
	exec("INSERT INTO proposals (id, branch, title, description, author, author_email, head, created_at) VALUES " + strings.Join(rows, ", "))
	exec("CALL dolt_commit('-am', 'a hundred proposals')")
	exec("CALL dolt_checkout('main')")

	var group sync.WaitGroup
	var mu sync.Mutex
	merged, again := 0, 0
	for half := range 2 {
		group.Go(func() {
			for n := half; n < all; n += 2 {
				_, stderr, code := run(t, "pr", "merge", fmt.Sprintf("add-%d", n), "--dir", f.dir)
				mu.Lock()
				switch {
				case code == 0:
					merged++
				case code == 3 && strings.Contains(stderr, "try again"):
					again++
				default:
					t.Errorf("add-%d: exit %d: %s", n, code, stderr)
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	in := f.query("SELECT count(*) FROM versions WHERE version LIKE '9.1.%'")
	if fmt.Sprint(merged) != in || merged+again != all {
		t.Errorf("%d merges succeeded, %d are to be tried again, and main has %s of %d", merged, again, in, all)
	}
	if closed := strings.Count(f.do("pr", "list", "--state", "merged", "-o", "json"), `"branch": "add-`); closed != merged {
		t.Errorf("%d proposals say that they are merged, want %d", closed, merged)
	}
	f.converged()
}
