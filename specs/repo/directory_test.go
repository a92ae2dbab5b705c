package repo_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/specs/repo"
)

// TestFetchesLeaveNothingOpen: however often a hub that is a directory is fetched from,
// no file of it stays open more than the once that pushes share.
func TestFetchesLeaveNothingOpen(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, hub := newFleet(t, orders)
	other := open(t, hub)
	for _, owner := range []string{"one", "two", "three"} {
		change(t, other, "main", "UPDATE deployments SET owner = '"+owner+"'")
		must[repo.Heads](t)(r.Fetch(ctx))
		must[repo.Heads](t)(r.FetchHeads(ctx))
	}
	for file, times := range openFiles(t, strings.TrimPrefix(hub, "file://")) {
		if times > 1 {
			t.Errorf("%s is open %d times", file, times)
		}
	}
}

// openFiles counts, file by file, what this process has open in a directory.
func openFiles(t *testing.T, dir string) map[string]int {
	t.Helper()
	const descriptors = "/proc/self/fd"
	open, err := os.ReadDir(descriptors)
	if err != nil {
		t.Skip("this system does not list a process's open files: ", err)
	}
	files := map[string]int{}
	for _, descriptor := range open {
		name, err := os.Readlink(filepath.Join(descriptors, descriptor.Name()))
		if err == nil && strings.HasPrefix(name, dir+"/") {
			files[name]++
		}
	}
	if len(files) == 0 {
		t.Fatalf("nothing is open in %s, where pushes keep files open", dir)
	}
	return files
}
