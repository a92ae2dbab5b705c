package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Wait returns nil when the process has ended, or ctx's error. It works for
// processes that are not our children.
func (p *Process) Wait(ctx context.Context) error { return p.handle.wait(ctx) }

// Stop ends the process: SIGTERM, and SIGKILL when it still runs after grace. It
// returns when the process has ended, and then its pid file is gone. When ctx
// ends first the process is left as it is, and Stop may be called again.
func (p *Process) Stop(ctx context.Context, grace time.Duration) error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, ErrNotRunning) {
		return err
	}
	gentle, cancel := context.WithTimeout(ctx, grace)
	err := p.Wait(gentle)
	cancel()
	if err != nil && ctx.Err() == nil {
		err = p.Kill(ctx)
	}
	if err != nil {
		return fmt.Errorf("stop process %d: %w", p.PID(), err)
	}
	return p.forget()
}

// Kill ends the process at once and waits until it has ended.
func (p *Process) Kill(ctx context.Context) error {
	if err := p.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, ErrNotRunning) {
		return err
	}
	return p.Wait(ctx)
}

// forget removes the pid file, if it is still this process's.
func (p *Process) forget() error {
	rec, err := readRecord(p.file)
	if errors.Is(err, ErrNotRunning) || err == nil && rec.Mark != p.record.Mark {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.Remove(p.file); err != nil {
		return fmt.Errorf("remove pid file: %w", err)
	}
	return nil
}

func sessionOf(pid int) (int, error) { return unix.Getsid(pid) }
