package machines

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// restartPause is between an agent's end and the next one's start.
	restartPause = 200 * time.Millisecond
	// endBound is for a graceful end of an agent or a database; both take less than a
	// second. What is not over by then is killed, and the test fails.
	endBound = 20 * time.Second
)

// A machine is an agent that is kept running, as the system does on an instance.
type machine struct {
	of   *Machines
	id   string
	dir  string
	stop context.CancelFunc
	over chan struct{}
}

func (m *Machines) start(id string) *machine {
	ctx, stop := context.WithCancel(context.Background())
	n := &machine{of: m, id: id, dir: m.machineDir(id), stop: stop, over: make(chan struct{})}
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		m.t.Error(err)
	}
	go func() {
		defer close(n.over)
		n.run(ctx)
	}()
	return n
}

func (m *Machines) machineDir(id string) string { return filepath.Join(m.o.Dir, "machines", id) }

// run keeps the agent running until ctx ends, and then stops the database as the
// system's units do when an instance shuts down.
func (n *machine) run(ctx context.Context) {
	log, err := os.OpenFile(filepath.Join(n.dir, "agent.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		n.of.t.Error(err)
		return
	}
	defer func() { _ = log.Close() }()
	for ctx.Err() == nil {
		agent := n.command(ctx, append([]string{"ec2", "--dir", n.dir, "--imds-endpoint", n.of.service.URL + "/" + n.id}, n.of.volumes.flags(n.id)...)...)
		agent.Stdout, agent.Stderr = log, log
		_ = agent.Run() // what it says is in its log
		select {
		case <-ctx.Done():
		case <-time.After(restartPause):
		}
	}
	bound, cancel := context.WithTimeout(context.Background(), endBound)
	defer cancel()
	if said, err := n.command(bound, "stop-database", "--dir", n.dir).CombinedOutput(); err != nil {
		n.of.t.Errorf("the database of machine %s does not stop: %v: %s", n.id, err, said)
		n.kill()
	}
	if n.of.o.Disks {
		n.unmount()
	}
}

// unmount takes the volumes off as the end of a system does.
func (n *machine) unmount() {
	points, err := filepath.Glob(filepath.Join(n.dir, "volumes", "vol-*"))
	for _, point := range points {
		err = errors.Join(err, syscall.Unmount(point, 0))
	}
	if err != nil && !errors.Is(err, syscall.EINVAL) { // a place where nothing is mounted
		n.of.t.Errorf("the volumes of machine %s cannot be unmounted: %v", n.id, err)
	}
}

// command is one of the agent's program that is ended gracefully with ctx.
func (n *machine) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, n.of.o.Agent, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + n.dir}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = endBound
	return cmd
}

// kill ends a database that does not listen.
func (n *machine) kill() {
	data, err := os.ReadFile(filepath.Join(n.dir, "run", "dolt.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(data)), "\n")
	if pid, err := strconv.Atoi(first); err == nil && pid > 1 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// end returns when neither the agent nor the database runs.
func (n *machine) end() {
	n.stop()
	<-n.over
}

// remove clears a machine away that is gone for good. Its log stays, as what is
// asked for after a failure.
func (n *machine) remove() {
	entries, err := os.ReadDir(n.dir)
	if err != nil {
		n.of.t.Error(err)
	}
	for _, e := range entries {
		if e.Name() == "agent.log" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(n.dir, e.Name())); err != nil {
			n.of.t.Error(err)
		}
	}
}
