package repo_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/specs/repo"
)

// closeOnExec is O_CLOEXEC as /proc/self/fdinfo prints flags, in octal.
const closeOnExec = 0o2000000

// TestLockIsNotInherited: a child started while a clone is open must not keep the
// clone's lock after its parent has died.
func TestLockIsNotInherited(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	openWith(t, repo.Options{Dir: dir, Hub: newHub(t), Author: author})
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, fd := range fds {
		target, err := os.Readlink(filepath.Join("/proc/self/fd", fd.Name()))
		if err != nil || !strings.HasPrefix(target, dir) {
			continue // closed meanwhile, or somebody else's
		}
		found++
		if flags := fdFlags(t, fd.Name()); flags&closeOnExec == 0 {
			t.Errorf("%s would be inherited by child processes", target)
		}
	}
	if found == 0 {
		t.Error("no open file of the clone was found, so nothing was tried")
	}
}

func fdFlags(t *testing.T, fd string) int64 {
	t.Helper()
	info, err := os.ReadFile(filepath.Join("/proc/self/fdinfo", fd))
	if err != nil {
		return closeOnExec // closed meanwhile
	}
	for line := range strings.Lines(string(info)) {
		if value, ok := strings.CutPrefix(line, "flags:"); ok {
			flags, err := strconv.ParseInt(strings.TrimSpace(value), 8, 64)
			if err != nil {
				t.Fatal(err)
			}
			return flags
		}
	}
	t.Fatalf("no flags in %s", info)
	return 0
}
