// Package machine is to the local cloud what systemd is on a server: it keeps the
// agent of one machine running.
//
// It promises: the agent is started in a session of its own and again, with
// growing pauses, whenever it ends; one that runs already is taken over and not
// doubled; processes that lose their parent here are reaped; when the machine is
// told to stop, the agent is stopped first and the database after it, gracefully.
// That order is the difference between the two ends: an agent that ends alone
// leaves the database running.
//
// It knows nothing of orders, Dolt or the network.
package machine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/mainstaydb/mainstay/agent/alone"
	"github.com/mainstaydb/mainstay/agent/process"
	"golang.org/x/sync/errgroup"
)

const (
	// agentGrace is how long the agent may take to end: it lets calls under way
	// finish for two seconds.
	agentGrace = 5 * time.Second
	// databaseGrace is how long a database may take to drain. Together with the
	// above it stays below the minute that the local cloud gives a machine.
	databaseGrace = 30 * time.Second
	// firstPause and longestPause bound the pauses between starts: an agent that
	// cannot start is usually waiting for a person.
	firstPause   = 100 * time.Millisecond
	longestPause = 10 * time.Second
	// provenAfter is how long an agent must run before its next end is the first.
	provenAfter = 30 * time.Second
	// logLimit is when the agent's log is set aside, at a start of the agent.
	logLimit = 8 << 20
)

// Config says what a machine runs.
type Config struct {
	Dir   string   // the machine's directory
	Agent []string // command line of the agent
	// Databases are pid files of what must be stopped, after the agent, when the
	// machine stops.
	Databases []string
	// Trial is asked about each start of the agent; nil: nobody is.
	Trial Trial
}

// A Trial judges a new program of the agent.
type Trial interface {
	// Before is called before each start, and may put another program in place.
	Before() error
	// Watch returns an error when the agent that runs must be ended because it does
	// not come to serve.
	Watch(ctx context.Context) error
}

// A Machine is one machine's first process.
type Machine struct {
	config Config
	log    *slog.Logger
}

// New returns a machine. It touches nothing.
func New(config Config, log *slog.Logger) *Machine { return &Machine{config: config, log: log} }

// Run keeps the agent running until ctx ends, and then stops agent and databases.
// It reaps every child of this program, so nothing else in it should wait for one.
func (m *Machine) Run(ctx context.Context) error {
	for _, dir := range []string{"run", "log"} {
		if err := os.MkdirAll(filepath.Join(m.config.Dir, dir), 0o700); err != nil {
			return fmt.Errorf("prepare the machine's directory: %w", err)
		}
	}
	lock, err := m.lock()
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	pidfile := filepath.Join(m.config.Dir, "machine.pid")
	if err := process.NoteSelf(pidfile); err != nil {
		return fmt.Errorf("note the machine's process: %w", err)
	}
	defer func() { _ = os.Remove(pidfile) }()
	stopReaping, err := reap()
	if err != nil {
		return err
	}
	defer stopReaping()
	m.log.Info("machine runs", "dir", m.config.Dir)
	m.keep(ctx)
	return m.stop(context.WithoutCancel(ctx))
}

// lock keeps a second machine out of the directory; it ends with the process.
func (m *Machine) lock() (*alone.Lock, error) {
	lock, err := alone.Dir(filepath.Join(m.config.Dir, "run"), alone.Patience)
	switch {
	case errors.Is(err, alone.ErrTaken):
		err = fmt.Errorf("a machine runs in %s already, stop it first: %w", m.config.Dir, err)
	case err != nil:
		err = fmt.Errorf("lock the machine's directory: %w", err)
	}
	return lock, err
}

func (m *Machine) agentPIDFile() string { return filepath.Join(m.config.Dir, "run", "agent.pid") }

// keep has an agent running until ctx ends.
func (m *Machine) keep(ctx context.Context) {
	pause := backoff.NewExponentialBackOff(backoff.WithInitialInterval(firstPause),
		backoff.WithMaxInterval(longestPause), backoff.WithMaxElapsedTime(0))
	for ctx.Err() == nil {
		began := time.Now()
		agent, err := m.agent()
		if err == nil {
			err = m.wait(ctx, agent)
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= provenAfter {
			pause.Reset()
		}
		wait := pause.NextBackOff()
		m.log.Warn("agent ended, it is started again", "after", wait.Round(time.Millisecond), "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// wait returns when the agent has ended, by itself or because it failed its trial.
func (m *Machine) wait(ctx context.Context, agent *process.Process) error {
	if m.config.Trial == nil {
		return agent.Wait(ctx)
	}
	var group errgroup.Group
	watched, cancel := context.WithCancel(ctx)
	defer cancel()
	group.Go(func() error {
		if failed := m.config.Trial.Watch(watched); failed != nil {
			return errors.Join(failed, agent.Kill(watched))
		}
		return nil
	})
	err := agent.Wait(ctx)
	cancel()
	return errors.Join(err, group.Wait())
}

// agent finds the agent that runs, or starts it.
func (m *Machine) agent() (*process.Process, error) {
	found, err := process.Find(m.agentPIDFile())
	if err == nil {
		m.log.Info("agent found again", "pid", found.PID())
		return found, nil
	}
	if !errors.Is(err, process.ErrNotRunning) {
		return nil, err
	}
	if m.config.Trial != nil {
		if err := m.config.Trial.Before(); err != nil {
			m.log.Error("the agent's update cannot be judged", "err", err)
		}
	}
	log := filepath.Join(m.config.Dir, "log", "agent.log")
	if info, err := os.Stat(log); err == nil && info.Size() > logLimit {
		if err := os.Rename(log, log+".1"); err != nil {
			return nil, fmt.Errorf("set the agent's log aside: %w", err)
		}
	}
	agent, err := process.Start(process.Spec{
		Path: m.config.Agent[0], Args: m.config.Agent[1:], Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"},
		Dir: m.config.Dir, Log: log, PIDFile: m.agentPIDFile(),
	})
	if err != nil {
		return nil, err
	}
	m.log.Info("agent started", "pid", agent.PID())
	return agent, nil
}

// stop ends the agent first: while it runs it would start the database again.
func (m *Machine) stop(ctx context.Context) error {
	errs := []error{end(ctx, m.agentPIDFile(), agentGrace)}
	for _, pidfile := range m.config.Databases {
		errs = append(errs, end(ctx, pidfile, databaseGrace))
	}
	m.log.Info("machine stopped")
	return errors.Join(errs...)
}

func end(ctx context.Context, pidfile string, grace time.Duration) error {
	p, err := process.Find(pidfile)
	if errors.Is(err, process.ErrNotRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	return p.Stop(ctx, grace)
}
