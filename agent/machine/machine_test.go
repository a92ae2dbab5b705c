package machine

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/agent/process"
)

// bound is how long any wait in this test may last.
const bound = 20 * time.Second

// One test, because a machine reaps all children of its program: two at a time
// would reap each other's.
func TestMachine(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	database, err := process.Start(process.Spec{
		Path: "/bin/sleep", Args: []string{"600"}, PIDFile: filepath.Join(dir, "database.pid"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = database.Kill(context.Background()) })
	config := Config{
		Dir: dir, Agent: []string{"/bin/sleep", "600"},
		Databases: []string{filepath.Join(dir, "database.pid"), filepath.Join(dir, "none.pid")},
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- New(config, slog.New(slog.DiscardHandler)).Run(running) }()

	agent := find(t, ctx, dir, 0)
	if err := New(config, slog.New(slog.DiscardHandler)).Run(ctx); err == nil || !strings.Contains(err.Error(), "already") {
		t.Fatalf("a second machine in one directory: %v", err)
	}
	if !agent.Alive() {
		t.Fatal("the refused machine stopped the first one's agent")
	}
	if err := agent.Kill(ctx); err != nil {
		t.Fatal(err)
	}
	again := find(t, ctx, dir, agent.PID())
	if !database.Alive() {
		t.Fatal("the agent's death took the database along")
	}
	self, err := process.Find(filepath.Join(dir, "machine.pid"))
	if err != nil || self.PID() != os.Getpid() {
		t.Fatalf("machine.pid names %v, %v", self, err)
	}

	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if again.Alive() || database.Alive() {
		t.Fatalf("after the machine's end: agent %v, database %v", again.Alive(), database.Alive())
	}
	if _, err := process.Find(filepath.Join(dir, "machine.pid")); !errors.Is(err, process.ErrNotRunning) {
		t.Fatalf("machine.pid is left: %v", err)
	}
}

// find waits for an agent other than the one with this pid.
func find(t *testing.T, ctx context.Context, dir string, other int) *process.Process {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		p, err := process.Find(filepath.Join(dir, "run", "agent.pid"))
		if err == nil && p.PID() != other {
			t.Cleanup(func() { _ = p.Kill(context.Background()) })
			return p
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no agent: %v", err)
		case <-tick.C:
		}
	}
}
