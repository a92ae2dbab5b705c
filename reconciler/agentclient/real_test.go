package agentclient

import (
	"context"
	"crypto/tls"
	"database/sql"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/mainstaydb/mainstay/reconciler/local"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

// A stand is a local cloud and a client that watches its machines, as a control
// plane would put them together.
type stand struct {
	*testing.T
	ca     *secrets.CA
	store  *secrets.Dir
	cloud  *local.Cloud
	client *Client
	dir    string
}

func newStand(t *testing.T) *stand {
	t.Helper()
	build := os.Getenv("MAINSTAY_TEST_BUILD")
	if build == "" {
		t.Skip("MAINSTAY_TEST_BUILD does not name a build: run make test")
	}
	s := &stand{T: t, dir: filepath.Join(t.TempDir(), "cloud")}
	s.ca, s.store = testStore(t)
	var err error
	s.cloud, err = local.Open(t.Context(), local.Options{
		Dir: s.dir, AgentBinary: filepath.Join(build, "bin", "mainstay-agent"), VersionsDir: filepath.Join(build, "dolt"),
		FleetCA: s.ca.PEM(), Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.cloud.Purge(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("purge: %v", err)
		}
	})
	s.client = testClient(t, s.ca, s.store, s.cloud)
	s.background("the cloud", s.cloud.Run)
	s.background("the watch", s.track)
	return s
}

// background runs until the test's end.
func (s *stand) background(what string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(s.Context())
	ended := make(chan error)
	go func() { ended <- run(ctx) }()
	s.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			s.Errorf("%s: %v", what, err)
		}
	})
}

func (s *stand) track(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.cloud.Changed():
			s.client.Track(s.cloud.Observe(ctx).Machines)
		}
	}
}

// serve takes a deployment from nothing to serving and returns its machine.
func (s *stand) serve(order plan.Order) (id string) {
	s.Helper()
	machines, err := s.cloud.Launch(s.Context(), []plan.Action{{
		Kind: plan.LaunchMachine, Token: order.Deployment, Slot: plan.SlotID{Deployment: order.Deployment, Generation: order.Generation},
		Shape: plan.Shape{Zone: "local", InstanceType: "t3.small", Volume: &plan.VolumeSpec{Type: "gp3", GB: 1}},
	}})
	if err != nil {
		s.Fatal(err)
	}
	id = machines[0].ID
	heard(s.T, s.client, id, "a fresh agent", func(r plan.Agent) bool { return r.Reachable })
	again(s.T, func() error { return s.client.Enrol(s.Context(), id) })
	heard(s.T, s.client, id, "the agent with its volume", func(r plan.Agent) bool { return r.Enrolled && r.VolumeAttached })
	again(s.T, func() error { return s.client.Deploy(s.Context(), id, order) })
	s.serving(id)
	return id
}

// again does what the loop would do again: each order has a few seconds, which a real
// agent on a busy machine may need for its files.
func again(t *testing.T, do func() error) {
	t.Helper()
	for late := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err := do()
		if err == nil {
			return
		}
		if time.Now().After(late) {
			t.Fatal(err)
		}
	}
}

func (s *stand) serving(id string) plan.Agent {
	s.Helper()
	return heard(s.T, s.client, id, "a database that serves", func(r plan.Agent) bool { return r.Database == plan.DatabaseServing })
}

// query asks the database over TLS, checking that it is the deployment's own.
func (s *stand) query(r plan.Agent, deployment, question string) string {
	s.Helper()
	password, err := secrets.Password(s.Context(), s.store, deployment)
	if err != nil {
		s.Fatal(err)
	}
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net = "root", password, "tcp"
	config.Addr = net.JoinHostPort(r.Host, strconv.Itoa(r.Port))
	config.TLS = &tls.Config{RootCAs: s.ca.Pool(), ServerName: deployment}
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		s.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	var answer string
	if err := db.QueryRowContext(s.Context(), question).Scan(&answer); err != nil {
		s.Fatal(err)
	}
	return answer
}

func TestRealAgentServes(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	began := time.Now()
	order := plan.Order{Generation: 1, Deployment: "d1", Name: "orders", DoltVersion: "2.2.0", Settings: map[string]string{"log_level": "warning"}}
	id := s.serve(order)
	s.Logf("launch to serving: %s", time.Since(began).Round(time.Millisecond))
	r := s.serving(id)
	if got := s.query(r, "d1", "SELECT 1"); got != "1" {
		t.Fatalf("SELECT 1 is %q", got)
	}
	if r.Order == nil || r.Order.Name != "orders" || r.DatabaseVersion != "2.2.0" || r.Generation != 1 || r.ListenerExpires.IsZero() {
		t.Fatalf("the report is %+v", r)
	}
	// The token was for one enrolment.
	if _, err := s.cloud.EnrolmentToken(t.Context(), id); err == nil {
		t.Error("the one-time token is still there")
	}
	if err := s.client.Enrol(t.Context(), id); err != nil {
		t.Errorf("Enrol of an enrolled agent: %v", err)
	}
	// The same order again is one order: same process.
	if err := s.client.Deploy(t.Context(), id, order); err != nil {
		t.Fatal(err)
	}
	if again := s.serving(id); again.PID != r.PID {
		t.Errorf("the same order restarted the database: pid %d became %d", r.PID, again.PID)
	}
	s.nothingLeaks(id, "d1")
	if err := s.client.Stop(t.Context(), id, 1); err != nil {
		t.Fatal(err)
	}
	heard(t, s.client, id, "a stopped database", func(r plan.Agent) bool { return r.Database == plan.DatabaseAbsent && r.Order == nil })
	if err := s.cloud.DetachVolume(t.Context(), s.cloud.Observe(t.Context()).Volumes[0].ID, id); err != nil {
		t.Errorf("the volume of a stopped database: %v", err)
	}
}

// A machine that was killed comes back with its identity, its order and its data.
func TestRealMachineComesBack(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	id := s.serve(plan.Order{Generation: 1, Deployment: "d2", Name: "orders", DoltVersion: "2.2.0"})
	if err := s.cloud.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	heard(t, s.client, id, "silence", unreachable)
	if err := s.cloud.StartMachine(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	r := s.serving(id)
	if !r.Enrolled || r.Generation != 1 || s.query(r, "d2", "SELECT 1") != "1" {
		t.Fatalf("the report is %+v", r)
	}
}

// nothingLeaks looks for the password and the keys wherever others could read.
func (s *stand) nothingLeaks(machine, deployment string) {
	s.Helper()
	password, err := secrets.Password(s.Context(), s.store, deployment)
	if err != nil {
		s.Fatal(err)
	}
	processes := 0
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, proc := range entries {
		args, _ := os.ReadFile(filepath.Join(proc, "cmdline"))
		cwd, _ := os.Readlink(filepath.Join(proc, "cwd"))
		if !strings.Contains(string(args)+cwd, s.dir) {
			continue
		}
		processes++
		env, _ := os.ReadFile(filepath.Join(proc, "environ"))
		if strings.Contains(string(args)+string(env), password) {
			s.Errorf("the password is among the arguments or in the environment of %s: %s", proc, args)
		}
	}
	if processes < 3 {
		s.Errorf("%d processes were looked at, want the machine, the agent and the database", processes)
	}
	s.privateFiles(password)
}

// privateFiles checks that others can read no file of the cloud, and that no log
// holds the password.
func (s *stand) privateFiles(password string) {
	s.Helper()
	check := func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Type() == fs.ModeSymlink {
			return err
		}
		if strings.Contains(path, ".log") {
			if text, err := readAll(path); err != nil || strings.Contains(text, password) {
				s.Errorf("%s holds the password, or: %v", path, err)
			}
		}
		return nil
	}
	if err := filepath.WalkDir(s.dir, check); err != nil {
		s.Error(err)
	}
	if info, err := os.Stat(s.dir); err != nil || info.Mode().Perm() != 0o700 {
		s.Errorf("others can look into %s: %v, %v", s.dir, info.Mode(), err)
	}
}

func readAll(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read a log: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}
