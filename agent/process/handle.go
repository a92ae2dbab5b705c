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

// A handle is a pidfd in the runtime's poller. It means one process for ever,
// works for processes that are not our children, and waiting on it holds no
// thread.
type handle struct {
	file *os.File
	conn syscall.RawConn
}

func openHandle(pid int) (*handle, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	file := os.NewFile(uintptr(fd), "pidfd") // closed by its finalizer: a handle has no natural end
	conn, err := file.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	return &handle{file: file, conn: conn}, nil
}

// over tells whether the process has ended, reaped or not: a pidfd becomes
// readable when its process ends.
func (h *handle) over() bool {
	over := false
	// An error means that the file is closed, which nobody does.
	_ = h.conn.Control(func(fd uintptr) { over = readable(fd) })
	return over
}

func readable(fd uintptr) bool {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(poll, 0)
		if !errors.Is(err, unix.EINTR) {
			return n > 0
		}
	}
}

// dup opens the same process again, so that each wait has its own deadline.
func (h *handle) dup() (*handle, error) {
	var fd int
	var err error
	if cerr := h.conn.Control(func(old uintptr) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	}); cerr != nil {
		return nil, cerr
	}
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "pidfd")
	conn, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &handle{file: file, conn: conn}, nil
}

// wait returns nil when the process has ended, or ctx's error.
func (h *handle) wait(ctx context.Context) error {
	own, err := h.dup()
	if err != nil {
		return fmt.Errorf("wait for a process: %w", err)
	}
	defer func() { _ = own.file.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = own.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = own.conn.Read(readable)
	if own.over() {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("wait for a process: %w", err)
}

func (h *handle) signal(sig syscall.Signal) error {
	if h.over() {
		return ErrNotRunning // to the kernel a zombie still takes signals
	}
	var err error
	if cerr := h.conn.Control(func(fd uintptr) {
		err = unix.PidfdSendSignal(int(fd), sig, nil, 0)
	}); cerr != nil {
		return cerr
	}
	if errors.Is(err, unix.ESRCH) {
		return ErrNotRunning
	}
	return err
}
