package repo_test

import (
	"context"
	"golang.org/x/sys/unix"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBusyHub has another process hold the lock of a hub of files for longer than
// Dolt waits for it, which is a tenth of a second.
func TestBusyHub(t *testing.T) {
	t.Parallel()
	r, hub := newFleet(t, orders)
	lock := must[*os.File](t)(os.OpenFile(filepath.Join(strings.TrimPrefix(hub, "file://"), "LOCK"), os.O_RDWR, 0))
	ok(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	const held = 400 * time.Millisecond
	began := time.Now()
	time.AfterFunc(held, func() { _ = lock.Close() })
	ok(t, r.CreateBranch(context.Background(), "b", "main"))
	if took := time.Since(began); took < held {
		t.Errorf("the branch was made after %v, and the hub was locked for %v", took, held)
	}
}
