package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Programs of a machine, by the name of their file. Only these are ever looked
// for and ended: a person's shell or editor in the same directory is left alone.
const (
	agentProgram    = "mainstay-agent"
	databaseProgram = "dolt"
)

// holders finds the processes of a program that hold one of the directories:
// that work in it, have a file open in it or were started with a path in it. The
// kernel is asked and not a pid file, because pid files are what a crash loses.
func holders(program string, dirs ...string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err == nil && pid != os.Getpid() && isHolder(pid, program, dirs) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// isHolder looks at one process. What cannot be read is another user's or gone:
// neither can be ours.
func isHolder(pid int, program string, dirs []string) bool {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	exe, err := os.Readlink(filepath.Join(proc, "exe"))
	if err != nil || filepath.Base(strings.TrimSuffix(exe, " (deleted)")) != program {
		return false
	}
	if cwd, err := os.Readlink(filepath.Join(proc, "cwd")); err == nil && within(cwd, dirs) {
		return true
	}
	if args, err := os.ReadFile(filepath.Join(proc, "cmdline")); err == nil {
		for _, arg := range strings.Split(string(args), "\x00") {
			if _, value, ok := strings.Cut(arg, "="); ok && within(value, dirs) || within(arg, dirs) {
				return true
			}
		}
	}
	files, _ := os.ReadDir(filepath.Join(proc, "fd"))
	for _, f := range files {
		if path, err := os.Readlink(filepath.Join(proc, "fd", f.Name())); err == nil && within(path, dirs) {
			return true
		}
	}
	return false
}

func within(path string, dirs []string) bool {
	for _, d := range dirs {
		if path == d || strings.HasPrefix(path, d+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// endHolders ends the holders of the directories, gently first.
func (c *Cloud) endHolders(ctx context.Context, program string, dirs ...string) error {
	pids, err := holders(program, dirs...)
	if err != nil {
		return explain(err, "look for processes in "+dirs[0])
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, pid := range pids {
		group.Go(func() error {
			c.log.Warn("ending a process that a crash left behind", "program", program, "pid", pid)
			return endHolder(ctx, pid, program, dirs)
		})
	}
	return group.Wait()
}

func endHolder(ctx context.Context, pid int, program string, dirs []string) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	// The descriptor is open: what it means now it means for ever.
	if !isHolder(pid, program, dirs) {
		return nil
	}
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil {
			return ended(err, pid)
		}
		if over, err := awaitEnd(ctx, fd); over || err != nil {
			return ended(err, pid)
		}
	}
	return fmt.Errorf("process %d (%s) does not end; look what it hangs on", pid, program)
}

// awaitEnd waits for leftoverGrace at most.
func awaitEnd(ctx context.Context, fd int) (over bool, err error) {
	deadline := time.Now().Add(leftoverGrace)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		const step = 100 // ms; how late a cancelled context is noticed
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, step)
		if n > 0 {
			return true, nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return false, err
		}
	}
	return false, ctx.Err()
}

func ended(err error, pid int) error {
	if err == nil || errors.Is(err, unix.ESRCH) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("end process %d: %w", pid, err)
}
