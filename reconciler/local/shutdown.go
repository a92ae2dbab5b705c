package local

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sync/errgroup"
)

// stopsAtOnce bounds how many machines stop side by side: their databases flush
// to one disk.
const stopsAtOnce = 16

// Shutdown stops the processes of all machines, gently and side by side, also
// what a crash left behind. The machines stay known as stopped, with their
// volumes.
func (c *Cloud) Shutdown(ctx context.Context) error {
	ids, err := listIDs(c.dir.machines(), machinePattern)
	if err != nil {
		return err
	}
	errs := make([]error, len(ids))
	var group errgroup.Group // not one that cancels: every machine is stopped that can be
	group.SetLimit(stopsAtOnce)
	for i, id := range ids {
		group.Go(func() error {
			errs[i] = c.stopMachine(ctx, id)
			return nil
		})
	}
	_ = group.Wait()
	return errors.Join(errs...)
}

func (c *Cloud) stopMachine(ctx context.Context, id string) error {
	unlock, err := c.lockMachine(ctx, id)
	if errors.Is(err, errUnknown) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	if _, dead, err := c.terminatedAt(id); err != nil || dead {
		return err
	}
	if err := c.stopProcess(ctx, id); err != nil {
		return err
	}
	return c.endLeftovers(ctx, id)
}

// Purge stops everything and removes all that the cloud keeps, data included.
func (c *Cloud) Purge(ctx context.Context) error {
	if err := c.Shutdown(ctx); err != nil {
		return err
	}
	// Only what this package made: the directory may hold other things too. The
	// identity goes last: without it this is no cloud any more.
	for _, path := range []string{
		c.dir.launches(), c.dir.machines(), c.dir.volumes(), c.dir.ports(), c.dir.staging(), c.dir.trash(), c.dir.identity(),
	} {
		if err := os.RemoveAll(path); err != nil {
			return explain(err, "remove "+path)
		}
	}
	if err := os.Remove(string(c.dir)); err != nil {
		c.log.Info("the cloud's directory is kept: there are other files in it", "dir", string(c.dir))
	}
	return nil
}
