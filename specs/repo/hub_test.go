package repo_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"

	"github.com/mainstaydb/mainstay/agent/freeport"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/repo"
)

// A server is a real dolt sql-server as hub, with a database fleet.
type server struct {
	dir, program string
	url, dsn     string
	cmd          *exec.Cmd
}

const password = "hub's pass word"

// startServer runs the program until the test ends.
func startServer(t *testing.T) *server {
	t.Helper()
	build := os.Getenv("MAINSTAY_TEST_BUILD")
	if build == "" {
		t.Skip("MAINSTAY_TEST_BUILD is not set")
	}
	dir, sqlPort, apiPort := t.TempDir(), freeport.Take(t), freeport.Take(t)
	config := fmt.Sprintf("log_level: error\nlistener: {host: 127.0.0.1, port: %d, socket: %s}\ndata_dir: %s\nremotesapi: {port: %d}\n",
		sqlPort, filepath.Join(dir, "s"), filepath.Join(dir, "data"), apiPort)
	ok(t, os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o600))
	ok(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	s := &server{
		dir: dir, program: filepath.Join(build, "dolt", "2.2.0", "dolt"),
		url: fmt.Sprintf("http://127.0.0.1:%d/fleet", apiPort),
		dsn: fmt.Sprintf("root:%s@tcp(127.0.0.1:%d)/", password, sqlPort),
	}
	s.start(t)
	t.Cleanup(s.kill)
	s.wait(t)
	s.exec(t, "", "CREATE DATABASE fleet")
	return s
}

func (s *server) start(t *testing.T) {
	t.Helper()
	s.cmd = exec.Command(s.program, "sql-server", "--config", filepath.Join(s.dir, "config.yaml"))
	s.cmd.Dir = s.dir
	s.cmd.Env = []string{"HOME=" + s.dir, "DOLT_ROOT_PATH=" + s.dir, "DOLT_DISABLE_EVENT_FLUSH=1", "DOLT_ROOT_HOST=%", "DOLT_ROOT_PASSWORD=" + password}
	ok(t, s.cmd.Start())
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func (s *server) wait(t *testing.T) {
	t.Helper()
	db := must[*sql.DB](t)(sql.Open("mysql", s.dsn))
	defer db.Close()
	deadline := time.Now().Add(time.Minute) // a tenth of a second when the machine is idle
	for db.Ping() != nil {
		if time.Now().After(deadline) {
			t.Fatal("the hub does not answer")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// exec runs SQL on the hub as a person's client would, on a branch.
func (s *server) exec(t *testing.T, branch string, statements ...string) {
	t.Helper()
	name := ""
	if branch != "" {
		name = "fleet/" + branch
	}
	db := must[*sql.DB](t)(sql.Open("mysql", s.dsn+strings.ReplaceAll(name, "/", "%2F")))
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func (s *server) options(t *testing.T) repo.Options {
	t.Helper()
	return repo.Options{Dir: filepath.Join(t.TempDir(), "clone"), Hub: s.url, User: "root", Password: password, Author: author}
}

func TestHTTPHub(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := startServer(t)
	wrong := s.options(t)
	wrong.Password = "wrong"
	if _, err := repo.Open(ctx, wrong); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong password: %v", err)
	}
	r := openWith(t, s.options(t))
	if err := r.CheckSchema(ctx); !errors.Is(err, repo.ErrNotInitialised) {
		t.Errorf("before Init: %v", err)
	}
	ok(t, r.Init(ctx, orders))
	other := openWith(t, s.options(t))
	c := must[*repo.Changed](t)(other.Change(ctx, "main", "UPDATE deployments SET owner = 'team'", "own"))
	if got := heads(t, r).Main; got != c.Commit {
		t.Errorf("main is at %s, want %s", got, c.Commit)
	}
	// A person with a MySQL client on a branch of the hub.
	ok(t, r.CreateBranch(ctx, "people", "main"))
	s.exec(t, "people", "INSERT INTO deployments (name) VALUES ('people')", "CALL dolt_commit('-Am', 'by hand')")
	merged := must[string](t)(r.Merge(ctx, "people", "main", "merge people"))
	if snapshot(t, r, merged).ByName("people") == nil {
		t.Error("the merge brought nothing")
	}
	base := heads(t, r).Status
	must[string](t)(r.Publish(ctx, base, []repo.Edit{claim("x", "me")}, "claim"))
	if _, err := other.Publish(ctx, base, []repo.Edit{claim("y", "you")}, "claim"); !errors.Is(err, repo.ErrLost) {
		t.Errorf("the loser: %v", err)
	}
	if os.Getenv("DOLT_REMOTE_PASSWORD") != "" {
		t.Error("the password stays in the environment")
	}
	dirty(t, r, s)
}

// dirty leaves uncommitted rows on the hub's main.
func dirty(t *testing.T, r *repo.Repo, s *server) {
	t.Helper()
	ctx := context.Background()
	before := heads(t, r)
	s.exec(t, "main", "INSERT INTO deployments (name) VALUES ('forgotten')")
	var dirty *repo.DirtyHubError
	if _, err := r.Change(ctx, "main", "UPDATE deployments SET owner = 'x'", "x"); !errors.As(err, &dirty) || dirty.Branch != "main" {
		t.Errorf("on a dirty branch: %v", err)
	}
	if _, err := r.Merge(ctx, "people", "main", "x"); err != nil && !errors.As(err, &dirty) {
		t.Errorf("merge into a dirty branch: %v", err)
	}
	if heads(t, r) != before {
		t.Error("the refused push moved the hub")
	}
	must[string](t)(r.Publish(ctx, before.Status, []repo.Edit{claim("z", "me")}, "status goes on"))
	s.exec(t, "main", "CALL dolt_reset('--hard')")
	must[*repo.Changed](t)(r.Change(ctx, "main", "UPDATE deployments SET owner = 'x'", "x"))
}

// TestFetchLeaksNothing: the loop fetches every few seconds for months.
func TestFetchLeaksNothing(t *testing.T) {
	s := startServer(t)
	r := openWith(t, s.options(t))
	ok(t, r.Init(context.Background(), ""))
	for range 20 {
		heads(t, r)
	}
	before := runtime.NumGoroutine()
	for range 200 {
		heads(t, r)
	}
	if after := runtime.NumGoroutine(); after > before+50 {
		t.Errorf("200 fetches left %d goroutines", after-before)
	}
}

func TestNotAHub(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	_, err := repo.Open(ctx, repo.Options{Dir: t.TempDir(), Hub: web.URL + "/fleet", Author: author})
	if err == nil || !strings.Contains(err.Error(), "cannot be cloned") {
		t.Errorf("got %v", err)
	}
}

// TestRowsPastTheChecks pushes what the CHECKs would refuse, as anyone with the
// dolt program can: the rows are loaded, and the findings name them.
func TestRowsPastTheChecks(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, _ := newFleet(t, orders)
	seeded := heads(t, r).Main
	c := must[*repo.Changed](t)(r.Change(ctx, "main", `
		ALTER TABLE deployments DROP CONSTRAINT deployments_volume_gb_range;
		ALTER TABLE deployments DROP CONSTRAINT deployments_dolt_version_is_known;
		ALTER TABLE limits DROP CONSTRAINT limits_name_is_known;
		INSERT INTO limits VALUES ('max_fun', 1);
		INSERT INTO deployments (name, volume_gb, dolt_version) VALUES ('bad', -5, '9.9.9');
		INSERT INTO settings SELECT id, 'log_levl', 'debug' FROM deployments WHERE name = 'orders';`, "past"))
	s := snapshot(t, r, c.Commit)
	if s.ByName("orders") == nil || s.ByName("bad") == nil {
		t.Fatal("rows are missing")
	}
	var got []string
	for _, f := range specs.Validate(s) {
		got = append(got, f.Check+" "+f.Key+" "+f.Column)
	}
	want := "readable max_fun name,volume-size bad volume_gb,version-known bad dolt_version,setting-known orders/log_levl name"
	for w := range strings.SplitSeq(want, ",") {
		if !strings.Contains(strings.Join(got, ","), w) {
			t.Errorf("findings %q lack %q", got, w)
		}
	}
	if len(got) != 4 {
		t.Errorf("findings %q", got)
	}
	moved := snapshot(t, r, seeded)
	if f := moved.Apply(c.Changes); len(f) != 1 || f[0].Key != "max_fun" || moved.ByName("bad") != nil {
		t.Errorf("Apply of a row that cannot be read: %v", f)
	}
	dropped := must[*repo.Changed](t)(r.Change(ctx, "main", "ALTER TABLE deployments DROP COLUMN owner", "worse"))
	if f := specs.Validate(snapshot(t, r, dropped.Commit)); len(f) == 0 || f[0].Column != "owner" {
		t.Errorf("a dropped column: %v", f)
	}
}

func TestNewerSchema(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, hub := newFleet(t, "")
	c := must[*repo.Changed](t)(r.Change(ctx, "main", "INSERT INTO mainstay_schema VALUES (99, 'the future')", "newer"))
	other := open(t, hub)
	err := other.CheckSchema(ctx)
	if !errors.Is(err, repo.ErrNewerSchema) || !strings.Contains(err.Error(), "99") || !strings.Contains(err.Error(), fmt.Sprint(specs.SchemaVersion)) {
		t.Errorf("got %v", err)
	}
	s := snapshot(t, r, c.Base)
	if f := s.Apply(c.Changes); len(f) != 1 || !strings.Contains(f[0].Message, "99") {
		t.Errorf("Apply of a newer schema: %v", f)
	}
}

// TestHubComesBack: the loop outlives its hub. After the hub is there again the
// next fetch must work, and not wait for a connection's patience.
func TestHubComesBack(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := startServer(t)
	r := openWith(t, s.options(t))
	ok(t, r.Init(ctx, orders))
	before := heads(t, r)
	s.kill()
	short, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if _, err := r.Fetch(short); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("without a hub: %v", err)
	}
	if s := snapshot(t, r, before.Main); s.ByName("orders") == nil {
		t.Error("what was fetched is gone with the hub")
	}
	s.start(t)
	s.wait(t)
	if after := heads(t, r); after != before {
		t.Errorf("after the hub came back: %v, want %v", after, before)
	}
	must[string](t)(r.Publish(ctx, before.Status, []repo.Edit{claim("x", "me")}, "claim"))
}
