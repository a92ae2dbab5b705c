package local

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	// tombstoneKept is how long a terminated machine stays known and its token
	// used: as long as EC2 honours a client token after an instance's end, which
	// is what the planner reckons with.
	tombstoneKept = 24 * time.Hour
	// pruneEvery is how often that is looked at: a tombstone kept an hour longer
	// harms nobody.
	pruneEvery = time.Hour
	// stagingKept is how long something in the making may take before it counts
	// as left behind by a crash: a launch takes milliseconds.
	stagingKept = time.Hour
)

// prune forgets launches whose machines all ended long ago, and removes what
// crashes left in the staging area and the trash.
func (c *Cloud) prune(ctx context.Context) error {
	entries, err := os.ReadDir(c.dir.launches())
	if err != nil {
		return explain(err, "list the launches in "+c.dir.launches())
	}
	var errs []error
	for _, e := range entries {
		if err := c.pruneLaunch(ctx, filepath.Join(c.dir.launches(), e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	errs = append(errs, c.sweep(c.dir.staging(), stagingKept), c.sweep(c.dir.trash(), 0))
	return errors.Join(errs...)
}

// pruneLaunch forgets a launch as a whole. The launch goes before its machines:
// a crash in between leaves tombstones, which a new use of the token would still
// find.
func (c *Cloud) pruneLaunch(ctx context.Context, dir string) error {
	unlock, err := lockDir(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	var launch launchRecord
	if err := readJSON(filepath.Join(dir, recordFile), &launch); err != nil {
		return err
	}
	var ids []string
	for _, item := range launch.Items {
		id := machineID(launch.Token, item.Index)
		at, dead, err := c.terminatedAt(id)
		if err != nil || !dead || c.now().Sub(at) < tombstoneKept {
			return err
		}
		ids = append(ids, id)
	}
	if err := c.discard(dir); err != nil {
		return explain(err, "forget the launch in "+dir)
	}
	for _, id := range ids {
		if err := c.discard(c.dir.machine(id)); err != nil {
			return explain(err, "forget machine "+id)
		}
		c.forget(id)
	}
	return nil
}

func (c *Cloud) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, id)
	delete(c.running, id)
}

// sweep removes what has been in a directory for longer than kept.
func (c *Cloud) sweep(dir string, kept time.Duration) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return explain(err, "tidy up "+dir)
	}
	var errs []error
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || c.now().Sub(info.ModTime()) < kept {
			continue
		}
		errs = append(errs, explain(os.RemoveAll(filepath.Join(dir, e.Name())), "tidy up "+dir))
	}
	return errors.Join(errs...)
}
