package doltserver

import (
	"database/sql"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// byHand runs SQL in a directory of databases as people do who run Dolt themselves,
// and returns what it gives.
func byHand(t *testing.T, p Place, dir, statements string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(limited(t), filepath.Join(p.Versions, "2.2.0", "dolt"), "--data-dir", dir, "sql", "-r", "csv", "-q", statements)
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + t.TempDir(), "DOLT_ROOT_PATH=" + t.TempDir(), "DOLT_DISABLE_EVENT_FLUSH=1", "PATH=/usr/bin:/bin"}
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		cmd.Env = append(cmd.Env, "DOLT_"+who+"_NAME=by hand", "DOLT_"+who+"_EMAIL=by@hand.example")
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestServesWhatOthersMade is what docs/adoption.md tells people to do: databases of
// a server that was run by hand, moved to where the agent looks, are served with
// their history. Accounts do not come along, as the administrator would have a
// password that nobody knows; they are made anew with the hashes of their passwords.
func TestServesWhatOthersMade(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	theirs := filepath.Join(t.TempDir(), "dolt")
	byHand(t, p, theirs, "CREATE DATABASE shop; USE shop; CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1), (2); CALL dolt_commit('-Am', 'first')")
	byHand(t, p, theirs, "CREATE USER 'app'@'%' IDENTIFIED BY 'app'; GRANT SELECT ON shop.* TO 'app'@'%'")
	lines := strings.Split(byHand(t, p, theirs, "SELECT authentication_string FROM mysql.user WHERE user = 'app'"), "\n")
	hash := lines[len(lines)-1]
	if !strings.HasPrefix(hash, "*") {
		t.Fatalf("the account has the hash %q", lines)
	}
	if err := os.MkdirAll(p.data(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(theirs, "shop"), filepath.Join(p.data(), "shop")); err != nil {
		t.Fatal(err)
	}

	s, w := New(p, slog.New(slog.DiscardHandler)), newWant(t)
	r := start(t, s, w)
	serving(t, s, r, w)
	db := opened(t, s, w)
	count := func(want int, query string) {
		t.Helper()
		var n int
		if err := db.QueryRowContext(limited(t), query).Scan(&n); err != nil || n != want {
			t.Errorf("%s gives %d, %v; want %d", query, n, err, want)
		}
	}
	count(2, "SELECT count(*) FROM shop.t")
	count(1, "SELECT count(*) FROM shop.dolt_log WHERE message = 'first'")
	count(0, "SELECT count(*) FROM mysql.user WHERE user = 'app'")
	if _, err := db.ExecContext(limited(t), "CREATE USER 'app'@'%' IDENTIFIED WITH mysql_native_password AS '"+hash+"'"); err != nil {
		t.Error(err)
	}
	count(1, "SELECT count(*) FROM mysql.user WHERE user = 'app' AND authentication_string = '"+hash+"'")
}

// opened is a connection as the administrator.
func opened(t *testing.T, s *Server, w Want) *sql.DB {
	t.Helper()
	conn, err := s.dial(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	connector, err := s.connector(w, w.Password, conn)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1) // the connector has one connection to give
	t.Cleanup(func() { _ = db.Close() })
	return db
}
