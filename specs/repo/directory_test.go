package repo_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/mainstaydb/mainstay/specs/repo"
)

// TestNothingOfAHubStaysOpen: however often a hub that is a directory is cloned, fetched
// from and pushed to, no file of it is open afterwards.
func TestNothingOfAHubStaysOpen(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, hub := newFleet(t, orders)
	other := open(t, hub)
	for _, owner := range []string{"one", "two", "three"} {
		change(t, other, "main", "UPDATE deployments SET owner = '"+owner+"'")
		must[repo.Heads](t)(r.Fetch(ctx))
		must[repo.Heads](t)(r.FetchHeads(ctx))
	}
	for _, file := range openFiles(t, strings.TrimPrefix(hub, "file://")) {
		t.Error("open is ", file)
	}
}

// openFiles is what this process has open in a directory.
func openFiles(t *testing.T, dir string) (files []string) {
	t.Helper()
	const descriptors = "/proc/self/fd"
	open, err := os.ReadDir(descriptors)
	if err != nil {
		t.Skip("this system does not list a process's open files: ", err)
	}
	for _, descriptor := range open {
		name, err := os.Readlink(filepath.Join(descriptors, descriptor.Name()))
		if err == nil && strings.HasPrefix(name, dir+"/") {
			files = append(files, name)
		}
	}
	return files
}

// TestCloneWhileOthersPush: a hub that is a directory can be cloned at any moment.
func TestCloneWhileOthersPush(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, hub := newFleet(t, orders)
	var pushes errgroup.Group
	pushes.Go(func() error {
		for n := 0; ctx.Err() == nil; n++ {
			_, err := r.Change(ctx, "main", "UPDATE deployments SET owner = 'o"+strconv.Itoa(n)+"'", "change")
			if err != nil && ctx.Err() == nil {
				return err
			}
		}
		return nil
	})
	for range 20 {
		r, err := repo.Open(ctx, repo.Options{Dir: t.TempDir(), Hub: hub, Author: author})
		ok(t, err)
		ok(t, r.Close())
	}
	cancel()
	ok(t, pushes.Wait())
}
