package alone_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/agent/alone"
)

// TestOneAtATime: a file that is not there, and a directory, are one holder's at a time.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for path, take := range map[string]func(string, time.Duration) (*alone.Lock, error){filepath.Join(dir, "lock"): alone.File, dir: alone.Dir} {
		first, err := take(path, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := take(path, 10*time.Millisecond); !errors.Is(err, alone.ErrTaken) {
			t.Errorf("%s is taken twice: %v", path, err)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := take(path, 0)
		if err != nil {
			t.Errorf("%s was given back: %v", path, err)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := alone.File(filepath.Join(dir, "no", "lock"), time.Minute); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a lock where nothing can be: %v", err)
	}
	if _, err := alone.Dir(filepath.Join(dir, "no"), time.Minute); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

// TestGivenBackWhileChildrenStart: a process that is being started has what its parent
// has open, for a moment. A lock that is closed is free in that moment too.
func TestGivenBackWhileChildrenStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	lock, err := alone.File(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), "cat") // such a moment, as long as it is wanted
	child.ExtraFiles = []*os.File{openFile(t, path)}
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("there\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := alone.File(path, 0)
	if err != nil {
		t.Errorf("the lock was given back, and a child keeps it: %v", err)
	}
	_ = again.Close()
	_ = in.Close()
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
}

// openFile is another descriptor of what this process has open there.
func openFile(t *testing.T, path string) *os.File {
	t.Helper()
	all, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if at, err := os.Readlink(name); err != nil || at != path {
			continue
		}
		fd, err := strconv.Atoi(filepath.Base(name))
		if err != nil {
			t.Fatal(err)
		}
		if fd, err = syscall.Dup(fd); err != nil {
			t.Fatal(err)
		}
		file := os.NewFile(uintptr(fd), path)
		t.Cleanup(func() { _ = file.Close() })
		return file
	}
	t.Fatalf("%s is not open", path)
	return nil
}
