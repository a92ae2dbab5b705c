package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"
	"golang.org/x/sys/unix"
)

// lockDir takes the directory for this process. Dolt's own lock comes only with
// a database, and two processes must not both clone into an empty directory.
func lockDir(ctx context.Context, dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the directory %s cannot be used; check its permissions: %w", dir, err)
	}
	wait := backoff.WithContext(backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(20*time.Millisecond), backoff.WithMaxElapsedTime(openTimeout)), ctx)
	err = backoff.Retry(func() error {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
			return backoff.Permanent(err)
		}
		return err
	}, wait)
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		err = fmt.Errorf("another process uses %s; end it, or choose another directory: %w", dir, ErrLocked)
	default:
		err = fmt.Errorf("the directory %s cannot be locked: %w", dir, err)
	}
	return nil, errors.Join(err, f.Close())
}

// openError gives the engine's failure to open a sentence.
func openError(dir string, err error) error {
	if strings.Contains(err.Error(), "locked by another dolt process") {
		return fmt.Errorf("a dolt command uses the clone in %s; end it, or choose another directory: %w", dir, ErrLocked)
	}
	return fmt.Errorf("the clone in %s cannot be opened; delete the directory to clone anew: %w", dir, err)
}
