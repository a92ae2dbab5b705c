package repo_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// held is longer than Dolt waits for the lock of a hub of files, which is a tenth of a
// second, by more than what comes before a push.
const held = time.Second

// TestBusyHub has another process hold the lock of a hub of files: it is waited for, and
// nobody is said to have been faster.
func TestBusyHub(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	hub := newHub(t)
	r := open(t, hub)
	for _, c := range []struct {
		what string
		push func() error
	}{
		{"begin a fleet", func() error { return r.Init(ctx, orders) }},
		{"make a branch", func() error { return r.CreateBranch(ctx, "b", "main") }},
	} {
		began := time.Now()
		lock := lockHub(t, hub)
		time.AfterFunc(held, func() { _ = lock.Close() })
		if err := c.push(); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		if took := time.Since(began); took < held {
			t.Errorf("%s: done after %v, and the hub was locked for %v", c.what, took, held)
		}
	}
}

func lockHub(t *testing.T, hub string) *os.File {
	t.Helper()
	lock := must[*os.File](t)(os.OpenFile(hubLock(hub), os.O_CREATE|os.O_RDWR, 0o600))
	ok(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	return lock
}

func hubLock(hub string) string { return filepath.Join(strings.TrimPrefix(hub, "file://"), "LOCK") }

// TestChildrenDoNotLockTheHub starts programs that live on while changes are pushed: none
// of them may hold the lock of a hub of files afterwards, as nobody could push any more.
func TestChildrenDoNotLockTheHub(t *testing.T) {
	t.Parallel()
	r, hub := newFleet(t, orders)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // it takes less than a second
	defer cancel()
	pushed := make(chan struct{})
	var children errgroup.Group
	children.Go(func() error { return startChildren(t, pushed) })
	for i := range 10 {
		if _, err := r.Change(ctx, "main", "UPDATE deployments SET owner = 'o"+strconv.Itoa(i)+"'", "change"); err != nil {
			t.Error(err)
			break
		}
	}
	close(pushed)
	ok(t, children.Wait())
	lock := must[*os.File](t)(os.OpenFile(hubLock(hub), os.O_RDWR, 0))
	defer func() { _ = lock.Close() }()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Errorf("the hub is locked though nobody pushes: %v", err)
	}
}

// startChildren starts programs that live until the test ends, one after the other until
// enough is pushed.
func startChildren(t *testing.T, enough <-chan struct{}) error {
	const most = 500 // where nothing can be pushed any more
	for range most {
		select {
		case <-enough:
			return nil
		default:
		}
		child := exec.Command("cat")
		stdin, err := child.StdinPipe()
		if err == nil {
			err = child.Start()
		}
		if err != nil {
			return err
		}
		t.Cleanup(func() {
			_ = stdin.Close()
			_ = child.Wait()
		})
	}
	return nil
}
