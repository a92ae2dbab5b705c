package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
)

// TestRollback takes back a setting, a version, a deletion and a commit three merges
// ago, while reconciling runs; and the history that mainstay tells is the one that
// dolt tells.
func TestRollback(t *testing.T) {
	t.Parallel()
	f := &fleet{t: t, dir: filepath.Join(t.TempDir(), "fleet")}
	t.Cleanup(f.end)
	f.begin("--versions-dir", withAnotherVersion(t))
	f.converged()
	f.fill("catalog")
	f.fill("archive")

	f.sub("a setting", func(t *testing.T) {
		f.sql("UPDATE settings SET value = 'debug' WHERE name = 'log_level'")
		f.converged()
		f.do("rollback", "main", "--merge")
		f.converged()
		if v := f.query("SELECT value FROM settings WHERE name = 'log_level'"); v != "warning" {
			t.Errorf("log_level is %s", v)
		}
	})

	f.sub("a version", func(t *testing.T) {
		f.sql("INSERT INTO versions (version) VALUES ('2.2.1')")
		f.sql("UPDATE deployments SET dolt_version = '2.2.1' WHERE name = 'catalog'")
		f.wait("catalog runs 2.2.1", named("catalog", func(d view.Deployment) bool { return d.Ready && d.DoltVersion == "2.2.1" }))
		f.do("rollback", "main", "--merge")
		f.wait("catalog runs 2.2.0", named("catalog", func(d view.Deployment) bool { return d.Ready && d.DoltVersion == "2.2.0" }))
		f.holds("catalog")
	})

	f.sub("a version across the storage format is refused", func(t *testing.T) {
		f.sql("UPDATE deployments SET dolt_version = '2.2.0' WHERE name = 'archive'")
		f.converged()
		f.refused(3, []string{"a check refuses it"}, "rollback", "main", "--merge")
		f.holds("archive")
	})

	f.sub("a deletion", func(t *testing.T) {
		f.sql("DELETE FROM deployments WHERE name = 'catalog'")
		f.wait("catalog is deleted", named("catalog", func(d view.Deployment) bool { return d.Phase == "deleted" }))
		f.do("rollback", "main", "--merge")
		f.serves("catalog")
		f.holds("catalog")
	})

	f.sub("a commit three merges ago, with later changes in its row", func(t *testing.T) {
		for i, change := range []string{"retention_days = 30", "owner = 'web'", "protected = true", "instance_type = 't3.medium'"} {
			branch := fmt.Sprintf("step-%d", i)
			f.propose(branch, "UPDATE deployments SET "+change+" WHERE name = 'catalog'")
			f.do("pr", "merge", branch)
		}
		f.do("rollback", "main~3", "--merge")
		f.expect("retention_days, owner, protected, instance_type", "catalog", "7", "web", "1", "t3.medium")
		f.converged()
		f.sql("UPDATE deployments SET owner = 'else' WHERE name = 'catalog'")
		f.refused(3, []string{"owner", "nothing was changed"}, "rollback", "main~4", "--merge")
	})

	f.sub("everything since a time", func(t *testing.T) {
		f.sql("UPDATE deployments SET owner = 'before' WHERE name = 'catalog'")
		at := f.log(1)[0].Date
		f.sql("UPDATE deployments SET owner = 'after' WHERE name = 'catalog'")
		f.sql("UPDATE settings SET value = 'error' WHERE name = 'log_level'")
		f.do("rollback", at.Format(time.RFC3339Nano), "--merge")
		f.expect("owner", "catalog", "before")
		if v := f.query("SELECT value FROM settings WHERE name = 'log_level'"); v != "warning" {
			t.Errorf("log_level is %s", v)
		}
		f.converged()
		if old := f.do("status", "catalog", "--at", "main~1"); !strings.Contains(old, "catalog") {
			t.Errorf("the status at main~1 is %s", old)
		}
		f.sql("UPDATE deployments SET owner = 'web' WHERE name = 'catalog'")
		f.sql("UPDATE deployments SET owner = 'else' WHERE name = 'catalog'")
		f.converged()
	})

	f.sub("dolt tells the same history", func(t *testing.T) {
		clone := f.clone()
		log := f.doltIn(clone, "log", "--oneline", "main")
		ours := f.do("log", "-n", "0", "-o", "json")
		for line := range strings.Lines(log) {
			hash, _, _ := strings.Cut(stripped(line), " ")
			if len(hash) > 10 && !strings.Contains(ours, hash) {
				t.Errorf("dolt log has %s and mainstay log has not", strings.TrimSpace(line))
			}
		}
		diff := f.doltIn(clone, "diff", "-r", "sql", "main~1", "main")
		if !strings.Contains(diff, "'else'") || !strings.Contains(f.do("diff", "main~1", "main"), "web -> else") {
			t.Errorf("dolt diff says %s\nmainstay diff says %s", diff, f.do("diff", "main~1", "main"))
		}
		row := f.doltIn(clone, "sql", "-r", "csv", "-q", "SELECT commit FROM dolt_blame_deployments b JOIN deployments d ON d.id = b.id WHERE d.name = 'catalog'")
		blame := f.do("blame", "catalog", "-o", "json")
		if newest := strings.TrimSpace(row[strings.Index(row, "\n")+1:]); !strings.Contains(blame, newest) {
			t.Errorf("dolt blames %s, which mainstay blame does not name: %s", newest, blame)
		}
		f.doltIn(clone, "revert", "HEAD", "--author", "Grace <grace@example.org>")
		f.push(clone, "main")
		f.wait("the revert is in force", func(s view.Status) bool { return s.Converged })
		f.expect("owner", "catalog", "web")
	})
}

// log gives the newest commits of main.
func (f *fleet) log(n int) []view.LogEntry {
	f.t.Helper()
	var entries []view.LogEntry
	if err := json.Unmarshal([]byte(f.do("log", "-n", fmt.Sprint(n), "-o", "json")), &entries); err != nil {
		f.t.Fatal(err)
	}
	return entries
}

// stripped takes the colours off a line.
func stripped(line string) string {
	var b strings.Builder
	for within := false; len(line) > 0; line = line[1:] {
		switch {
		case line[0] == '\x1b':
			within = true
		case within:
			within = line[0] != 'm'
		default:
			b.WriteByte(line[0])
		}
	}
	return strings.TrimSpace(b.String())
}

// withAnotherVersion is a directory of releases with one more, 2.2.1, which is 2.2.0
// but for the version it says: what counts here is the way there and back.
func withAnotherVersion(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, version := range []string{"1.86.4", "2.2.0"} {
		if err := os.Symlink(filepath.Dir(dolt(t, version)), filepath.Join(dir, version)); err != nil {
			t.Fatal(err)
		}
	}
	next := filepath.Join(dir, "2.2.1")
	if err := os.Mkdir(next, 0o755); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\n[ \"$1\" = version ] && exec echo dolt version 2.2.1\nexec '%s' \"$@\"\n", dolt(t, "2.2.0"))
	if err := os.WriteFile(filepath.Join(next, "dolt"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
