package repo

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/cenkalti/backoff/v4"
	"golang.org/x/sys/unix"
)

// busyFor bounds the wait for a locked hub of files. A push holds the lock for
// milliseconds, and on a slow disk for less than a second.
const busyFor = 10 * time.Second

// busyTries bounds how often a push finds a hub of files locked that was free a moment
// before. A process that is not run for a tenth of a second finds it so too, and two of
// those in a row are rare.
const busyTries = 5

// awaitUnlocked waits until nobody holds the lock of a hub of files, and says whether
// that came about. A push must not be tried again before: the engine gives up its wait
// and leaves its request for the lock behind, and a second request makes it forget to
// give back the first, so that this process would lock the hub until it ends. The kernel
// serves the request that was left before it lets this one through.
func (r *Repo) awaitUnlocked(ctx context.Context) bool {
	dir, ok := r.hubDirectory()
	if !ok {
		return false
	}
	lock, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_RDWR, 0)
	if err != nil {
		return false // the next push says what is wrong with the hub
	}
	defer func() { _ = lock.Close() }()
	wait := backoff.NewExponentialBackOff(backoff.WithInitialInterval(10*time.Millisecond),
		backoff.WithMaxInterval(100*time.Millisecond), backoff.WithMaxElapsedTime(busyFor))
	return nil == backoff.Retry(func() error { return unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) }, backoff.WithContext(wait, ctx))
}
