package hub

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dolt is the real program; Dolt is never faked.
func dolt(t *testing.T) string {
	t.Helper()
	build := os.Getenv("MAINSTAY_TEST_BUILD")
	if build == "" {
		t.Skip("MAINSTAY_TEST_BUILD is not set; make test sets it")
	}
	return filepath.Join(build, "dolt", "2.2.0", "dolt")
}

func testConfig(t *testing.T) Config {
	return Config{
		Dir: filepath.Join(t.TempDir(), "a $HOME of one's \"own\""), Binary: dolt(t),
		Password: "kept4ever", Bootstrap: "first1only", Log: slog.New(slog.DiscardHandler),
	}
}

func start(t *testing.T, cfg Config) *Hub {
	t.Helper()
	h, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

func query(t *testing.T, h *Hub, statement string) error {
	t.Helper()
	db, err := Connect(h.SQLPort(), h.cfg.Password, Database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.ExecContext(t.Context(), statement)
	return err
}

func TestHubServesAndIsFoundAgain(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	h := start(t, cfg)
	if err := query(t, h, "CREATE TABLE t (id INT PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	pid := h.proc.PID()
	if _, err := os.Stat(h.privilegeFile()); err != nil {
		t.Errorf("the hub keeps its users elsewhere: %v", err)
	}

	again := start(t, cfg)
	if again.proc.PID() != pid || again.URL() != h.URL() || again.SQLPort() != h.SQLPort() {
		t.Errorf("found process %d at %s, want %d at %s", again.proc.PID(), again.URL(), pid, h.URL())
	}
	if err := again.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	resumed := start(t, cfg)
	if err := query(t, resumed, "INSERT INTO t VALUES (1)"); err != nil {
		t.Errorf("what was made before the stop is gone: %v", err)
	}
}

func TestHubEnvironmentOpensNothing(t *testing.T) {
	t.Parallel()
	h := start(t, testConfig(t))
	for _, file := range []string{"environ", "cmdline"} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", h.proc.PID(), file))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), h.cfg.Password) {
			t.Errorf("the password is in the server's %s", file)
		}
	}
	if err := h.exec(t.Context(), h.cfg.Bootstrap, "SELECT 1"); err == nil {
		t.Error("the first password, which the environment shows, still opens the hub")
	}
}

func TestHubHealsAfterKill(t *testing.T) {
	t.Parallel()
	h := start(t, testConfig(t))
	dead := h.proc.PID()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- h.Run(ctx) }()
	if err := syscall.Kill(dead, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// A start takes a tenth of a second; the bound is for a busy machine.
	for deadline := time.Now().Add(30 * time.Second); query(t, h, "SELECT 1") != nil; {
		if time.Now().After(deadline) {
			t.Fatal("the hub did not come back")
		}
		time.Sleep(poll)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if h.proc.PID() == dead || !h.proc.Alive() {
		t.Errorf("process %d should be a new one, and run on after Run", h.proc.PID())
	}
}

func TestPorts(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ports.json")
	first, err := settlePorts(file, 0, 0)
	if err != nil || first.SQL == 0 || first.Remote == 0 || first.SQL == first.Remote {
		t.Fatalf("got %+v, %v; want two different ports", first, err)
	}
	if again, err := settlePorts(file, 0, 0); err != nil || again != first {
		t.Errorf("got %+v, %v; want the kept %+v", again, err, first)
	}
	if moved, err := settlePorts(file, first.Remote, 0); err != nil || moved.SQL != first.Remote || moved.Remote == moved.SQL {
		t.Errorf("got %+v, %v; want SQL on %d and the other elsewhere", moved, err, first.Remote)
	}
	if _, err := settlePorts(file, 4444, 4444); err == nil {
		t.Error("one port for both must be refused")
	}
}

func TestTakenPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := testConfig(t)
	cfg.SQLPort = l.Addr().(*net.TCPAddr).Port
	h, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	err = h.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "--hub-port") {
		t.Errorf("got %v, want a sentence that names --hub-port", err)
	}
	t.Log(err)
}
