package process

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// markVariable is in the environment of every process started here: its value
// finds the process when its starter died before it could note the pid.
const markVariable = "MAINSTAY_PROCESS"

// Start starts the process, unless its pid file names one that runs: then that is
// an error, because two were hardly meant.
func Start(spec Spec) (*Process, error) {
	if old, err := Find(spec.PIDFile); err == nil {
		return nil, fmt.Errorf("%s runs already as process %d, stop it first", filepath.Base(spec.Path), old.PID())
	} else if !errors.Is(err, ErrNotRunning) {
		return nil, err
	}
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	rec := record{Mark: rand.Text(), Boot: boot, StartedAt: time.Now(), Tags: spec.Tags}
	if err := rec.begin(spec.PIDFile); err != nil {
		return nil, err
	}
	p, err := launch(spec, rec)
	if err != nil {
		_ = os.Remove(spec.PIDFile)
		return nil, err
	}
	return p, nil
}

func launch(spec Spec, rec record) (*Process, error) {
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Dir = spec.Dir
	cmd.Env = append(slices.Clone(spec.Env), markVariable+"="+rec.Mark)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if spec.Log != "" {
		// Appending lets the file be cut short while the process writes to it.
		log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("open log: %w", err)
		}
		defer func() { _ = log.Close() }()
		cmd.Stdout, cmd.Stderr = log, log
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	p, err := adoptChild(cmd, rec, spec.PIDFile)
	if err != nil {
		// A process that could not be noted must not stay.
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, err
	}
	return p, nil
}

// adoptChild notes a child that was just started. It is not reaped before its
// handle is open, so its pid cannot be another's.
func adoptChild(cmd *exec.Cmd, rec record, pidfile string) (*Process, error) {
	rec.PID = cmd.Process.Pid
	ticks, err := startTicks(rec.PID)
	if err != nil {
		return nil, fmt.Errorf("learn when process %d started: %w", rec.PID, err)
	}
	rec.Ticks = ticks
	h, err := openHandle(rec.PID)
	if err != nil {
		return nil, err
	}
	if err := rec.add(pidfile); err != nil {
		return nil, err
	}
	p := &Process{record: rec, file: pidfile, handle: h, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		// The error is the exit status, or that somebody else reaped it: a
		// program that reaps everything may use this package too.
		_ = cmd.Wait()
		p.state = cmd.ProcessState
	}()
	return p, nil
}
