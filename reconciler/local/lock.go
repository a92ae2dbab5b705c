package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mainstaydb/mainstay/reconciler"
)

// Waiting for a lock means asking again: flock cannot be interrupted by a
// context. Locks are held for a few milliseconds, or for as long as a database
// takes to stop.
const (
	lockFirstWait = time.Millisecond
	lockMaxWait   = 50 * time.Millisecond // nobody notices, and 50 waiters cost nothing
)

// lockDir takes the lock of a directory and returns how to let go of it. The
// lock is the directory itself: it comes and goes with what it guards. It fails
// with fs.ErrNotExist when the directory is not there, also when it went away
// while waiting. The kernel lets go when the process dies.
func lockDir(ctx context.Context, path string) (unlock func(), err error) {
	wait := lockFirstWait
	for {
		dir, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && stillAt(dir, path) {
			return func() { dir.Close() }, nil
		}
		dir.Close()
		switch {
		case err == nil: // another directory took the name
			continue
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		if err := reconciler.Pause(ctx, wait); err != nil {
			return nil, fmt.Errorf("another process is at work on %s: %w", path, err)
		}
		wait = min(2*wait, lockMaxWait)
	}
}

// stillAt says whether the open directory is the one at path.
func stillAt(dir *os.File, path string) bool {
	held, err := dir.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(held, there)
}

// lockNew is lockDir for a directory that is made when it is not there.
func lockNew(ctx context.Context, path string) (unlock func(), err error) {
	for {
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		unlock, err := lockDir(ctx, path)
		if !errors.Is(err, fs.ErrNotExist) {
			return unlock, err
		}
	}
}
