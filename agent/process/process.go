// Package process runs a program that outlives the program that started it, and
// finds it again.
//
// It promises: the process has its own session, so nothing sent to its starter's
// terminal or group reaches it; its environment is what the Spec says and
// nothing more; its pid file never names another process, because the pid is
// kept together with the start time and the boot; a starter that dies at any
// moment leaves either no process or one that Find finds; a zombie counts as
// dead; children of this program are reaped.
//
// It does not restart anything, and it does not know what it runs. Linux only.
package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// ErrNotRunning: the pid file is absent, or names a process that is no more.
var ErrNotRunning = errors.New("not running")

// A Spec says what to start.
type Spec struct {
	Path string   // the program's file
	Args []string // without the program's name
	Env  []string // KEY=value; all that the process gets. Never a secret that must outlive its first use
	Dir  string   // working directory; empty: the starter's
	Log  string   // file that standard output and error are appended to; empty: discarded
	// PIDFile is where the process is found again.
	PIDFile string
	// Tags are kept in the pid file for whoever finds the process. No secrets.
	Tags map[string]string
}

// A Process is one running or ended process.
type Process struct {
	record record
	file   string
	handle *handle
	ended  chan struct{} // closed when a child of ours was reaped; nil for others
	state  *os.ProcessState
}

// PID is the process's number.
func (p *Process) PID() int { return p.record.PID }

// StartedAt is when it was started.
func (p *Process) StartedAt() time.Time { return p.record.StartedAt }

// Tag returns what the Spec said under this key.
func (p *Process) Tag(key string) string { return p.record.Tags[key] }

// Alive tells whether it still runs. A zombie does not.
func (p *Process) Alive() bool { return !p.handle.over() }

// Signal sends a signal to this process and to no other, even if its number was
// given to another process meanwhile. ErrNotRunning when it has ended.
func (p *Process) Signal(sig syscall.Signal) error {
	if err := p.handle.signal(sig); err != nil {
		return fmt.Errorf("send %v to process %d: %w", sig, p.PID(), err)
	}
	return nil
}

// Exit says how the process ended, for people. Only the starter can know; for
// others, and while it runs, it says so.
func (p *Process) Exit() string {
	if p.Alive() {
		return "running"
	}
	if p.ended == nil {
		return "its exit status is not known"
	}
	<-p.ended
	if p.state == nil {
		return "ended"
	}
	return p.state.String()
}
