package secrets_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

// plain makes a store as releases before encryption did.
func plain(t *testing.T, n int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "secrets")
	for i := range n {
		write(t, path, plainName(i), plainValue(i))
	}
	return path
}

func plainName(i int) string  { return fmt.Sprintf("deployments/%d/password", i) }
func plainValue(i int) string { return fmt.Sprintf("Mp7-password-%d", i) }

// inPlain counts the files that are not encrypted.
func inPlain(t *testing.T, path string, n int) int {
	t.Helper()
	count := 0
	for i := range n {
		if bytes.Contains(read(t, filepath.Join(path, plainName(i))), []byte("password")) {
			count++
		}
	}
	return count
}

func wantTakenOver(t *testing.T, path string, n int) {
	t.Helper()
	d := mustOpen(t, path)
	for i := range n {
		wantValue(t, d, plainName(i), plainValue(i))
	}
	if left := inPlain(t, path, n); left > 0 {
		t.Errorf("%d of %d are still plain", left, n)
	}
	unfinished, err := filepath.Glob(filepath.Join(path, "deployments", "*", ".new-*"))
	if err != nil || len(unfinished) > 0 {
		t.Errorf("left half written: %v, %v", unfinished, err)
	}
}

func TestTakeOver(t *testing.T) {
	t.Parallel()
	const n = 20
	path := plain(t, n)
	// What an older release was killed over: it was never a secret.
	write(t, path, "deployments/0/.new-ABC", "half a passw")
	wantTakenOver(t, path, n)
}

// TestTakeOverByMany: control planes of one store that start together.
func TestTakeOverByMany(t *testing.T) {
	t.Parallel()
	const n, planes = 50, 8
	path := plain(t, n)
	var group errgroup.Group
	for range planes {
		group.Go(func() error {
			d, err := secrets.OpenDir(path)
			if err != nil {
				return err
			}
			for i := range n {
				if got, err := d.Get(context.Background(), plainName(i)); err != nil || string(got) != plainValue(i) {
					return fmt.Errorf("%s is %q: %w", plainName(i), got, err)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	wantTakenOver(t, path, n)
}

// takeOverIn names the store that this test program takes over in place of its
// tests, to be killed meanwhile.
const takeOverIn = "MAINSTAY_TEST_TAKE_OVER"

func TestMain(m *testing.M) {
	if path := os.Getenv(takeOverIn); path != "" {
		if _, err := secrets.OpenDir(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestTakeOverKilled: a process that is killed at any moment loses no value, and
// the next one goes on.
func TestTakeOverKilled(t *testing.T) {
	t.Parallel()
	const n = 300
	killed := 0
	for _, at := range []int{0, 1, 40, 150, 290} {
		path := plain(t, n)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // it takes a second
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), takeOverIn+"="+path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for n-inPlain(t, path, n) < at && ctx.Err() == nil {
		}
		_ = cmd.Process.Kill()
		if cmd.Wait() != nil {
			killed++
		}
		cancel()
		t.Logf("killed after %d of %d", n-inPlain(t, path, n), n)
		wantTakenOver(t, path, n)
	}
	if killed == 0 {
		t.Error("no process was killed in time")
	}
}

// TestReadOnly: a command beside a control plane of an older release changes
// nothing, and one beside a control plane that encrypts meanwhile can read on.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	const n = 3
	path := plain(t, n)
	d := mustOpen(t, path, secrets.ReadOnly())
	wantValue(t, d, plainName(0), plainValue(0))
	_, err := d.Create(t.Context(), "a", []byte("x"))
	refuses(t, "Create", err, "mainstay up")
	if left := inPlain(t, path, n); left != n {
		t.Errorf("%d of %d are still plain", left, n)
	}
	if _, err := os.Stat(path + ".key"); err == nil {
		t.Error("a key was made")
	}
	wantTakenOver(t, path, n)
	wantValue(t, d, plainName(0), plainValue(0))
	wantValue(t, mustOpen(t, path, secrets.ReadOnly()), plainName(1), plainValue(1))
}

// TestPlainAgain: what a backup of an older release brings back is refused, and
// taken over when a person says so.
func TestPlainAgain(t *testing.T) {
	t.Parallel()
	const n = 2
	path := plain(t, n)
	d := mustOpen(t, path)
	write(t, path, plainName(0), plainValue(0))
	_, err := d.Get(t.Context(), plainName(0))
	refuses(t, "a plain file", err, "not encrypted", ".encrypted")
	if strings.Contains(err.Error(), plainValue(0)) {
		t.Errorf("the error has the value: %v", err)
	}
	remove(t, filepath.Join(path, ".encrypted"))
	wantTakenOver(t, path, n)
}
