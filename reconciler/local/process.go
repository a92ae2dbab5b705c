package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mainstaydb/mainstay/agent/process"
)

const (
	pidFile = "supervisor.pid"
	logFile = "machine.log"
	// stopGrace is how long a machine gets to stop its database and itself. The
	// agent's own patience with the database ends well before.
	stopGrace = 60 * time.Second
)

func (c *Cloud) pidFile(id string) string { return filepath.Join(c.dir.machine(id), pidFile) }

// everStarted says whether the machine's process was started at any time.
func (c *Cloud) everStarted(id string) bool {
	for _, name := range []string{pidFile, tombstone, logFile} {
		if _, err := os.Stat(filepath.Join(c.dir.machine(id), name)); err == nil {
			return true
		}
	}
	return false
}

// process returns the machine's running process; nil: none.
func (c *Cloud) process(id string) (*process.Process, error) {
	c.mu.Lock()
	p, starting := c.running[id], c.starting[id]
	c.mu.Unlock()
	if p != nil && p.Alive() {
		return p, nil
	}
	if starting { // what its pid file says for a moment would be looked for in all of /proc
		return nil, nil
	}
	p, err := process.Find(c.pidFile(id))
	if err != nil && !errors.Is(err, process.ErrNotRunning) {
		return nil, explain(err, "find out whether machine "+id+" runs")
	}
	c.remember(id, p)
	return p, nil
}

func (c *Cloud) remember(id string, p *process.Process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p == nil {
		delete(c.running, id)
		return
	}
	c.running[id] = p
}

// spawn starts the machine's process. The caller has the machine's lock.
func (c *Cloud) spawn(id string) error {
	c.setStarting(id, true)
	// Whoever looked meanwhile saw a machine that does not run.
	defer c.lookAgain()
	defer c.setStarting(id, false)
	dir := c.dir.machine(id)
	p, err := process.Start(process.Spec{
		Path: c.opts.AgentBinary,
		Args: []string{"machine", "--dir", dir},
		// Nothing of the control plane's environment is the machine's business.
		Env:     []string{"PATH=/usr/local/bin:/usr/bin:/bin"},
		Dir:     dir,
		Log:     filepath.Join(dir, logFile),
		PIDFile: c.pidFile(id),
	})
	if err != nil {
		return explain(err, "start machine "+id)
	}
	c.remember(id, p)
	c.log.Info("machine started", "machine", id, "pid", p.PID())
	return nil
}

func (c *Cloud) setStarting(id string, is bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if is {
		c.starting[id] = true
	} else {
		delete(c.starting, id)
	}
}

// stopProcess ends the machine's process and with it, gently, its agent and
// database.
func (c *Cloud) stopProcess(ctx context.Context, id string) error {
	p, err := c.process(id)
	if p == nil {
		return err
	}
	if err := p.Stop(ctx, stopGrace); err != nil {
		return fmt.Errorf("machine %s did not stop; it is tried again: %w", id, err)
	}
	c.remember(id, nil)
	return nil
}
