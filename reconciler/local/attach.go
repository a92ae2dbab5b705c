package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mainstaydb/mainstay/reconciler"
)

// The file attachFile of a volume is what counts; the link in the machine's
// directory follows from it. Where both a machine and a volume are locked, the
// machine is first.

func volumeTarget(id string) string { return filepath.Join("..", "..", "volumes", id) }

// AttachVolume implements reconciler.Cloud.
func (c *Cloud) AttachVolume(ctx context.Context, volume, machine string) error {
	unlockMachine, err := c.lockMachine(ctx, machine)
	if err != nil {
		return err
	}
	defer unlockMachine()
	unlock, err := c.lockVolume(ctx, volume)
	if err != nil {
		return err
	}
	defer unlock()
	if _, dead, err := c.terminatedAt(machine); err != nil || dead {
		return errors.Join(err, notIf(dead, "machine %s was terminated; volume %s is not attached to it", machine, volume))
	}
	if err := c.mayAttach(volume, machine); err != nil {
		return err
	}
	if err := replaceFile(filepath.Join(c.dir.volume(volume), attachFile), []byte(machine)); err != nil {
		return explain(err, "attach volume "+volume)
	}
	err = os.Symlink(volumeTarget(volume), filepath.Join(c.dir.machine(machine), volumeLink))
	if errors.Is(err, fs.ErrExist) {
		err = nil // mayAttach saw that it leads to this volume
	}
	return explain(err, "attach volume "+volume+" to machine "+machine)
}

// mayAttach refuses a second machine for a volume, and a second volume for a
// machine.
func (c *Cloud) mayAttach(volume, machine string) error {
	to, err := c.attachedTo(volume)
	if err != nil {
		return err
	}
	if to != "" && to != machine {
		return fmt.Errorf("volume %s is attached to machine %s; detach it there first: %w", volume, to, reconciler.ErrConflict)
	}
	target, err := os.Readlink(filepath.Join(c.dir.machine(machine), volumeLink))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return explain(err, "look at the volume of machine "+machine)
	}
	if other := filepath.Base(target); other != volume {
		return fmt.Errorf("machine %s has volume %s attached already: %w", machine, other, reconciler.ErrConflict)
	}
	return nil
}

// DetachVolume implements reconciler.Cloud.
func (c *Cloud) DetachVolume(ctx context.Context, volume, from string) error {
	if err := checkID(volumePattern, "volume", volume); err != nil {
		return err
	}
	machine, err := c.attachedTo(volume)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("volume %s: %w", volume, errUnknown)
	}
	if err != nil || machine == "" {
		return err
	}
	if machine != from {
		return fmt.Errorf("volume %s is attached to machine %s and not to %s: %w", volume, machine, from, reconciler.ErrConflict)
	}
	unlock, err := c.lockMachine(ctx, machine)
	if err != nil && !errors.Is(err, errUnknown) {
		return err
	}
	if err == nil {
		defer unlock()
	}
	return c.detach(ctx, volume, machine)
}

// detach takes the volume from the machine, whose lock the caller has.
func (c *Cloud) detach(ctx context.Context, volume, machine string) error {
	unlock, err := c.lockVolume(ctx, volume)
	if err != nil {
		return err
	}
	defer unlock()
	now, err := c.attachedTo(volume)
	if err != nil || now == "" {
		return err
	}
	if now != machine {
		return fmt.Errorf("volume %s moved to machine %s meanwhile; look again: %w", volume, now, reconciler.ErrConflict)
	}
	writers, err := holders(databaseProgram, c.dir.volume(volume), c.dir.machine(machine))
	if err != nil {
		return explain(err, "find out who writes to volume "+volume)
	}
	if len(writers) > 0 {
		return fmt.Errorf("volume %s is in use by process %d; stop the database on machine %s first: %w", volume, writers[0], machine, reconciler.ErrConflict)
	}
	for _, path := range []string{filepath.Join(c.dir.machine(machine), volumeLink), filepath.Join(c.dir.volume(volume), attachFile)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return explain(err, "detach volume "+volume)
		}
	}
	return nil
}

// detachAll takes all volumes from a machine, whose lock the caller has.
func (c *Cloud) detachAll(ctx context.Context, machine string) error {
	volumes, err := c.volumesOf(machine)
	for _, v := range volumes {
		err = errors.Join(err, c.detach(ctx, v, machine))
	}
	return err
}

// volumesOf lists the volumes that are attached to a machine.
func (c *Cloud) volumesOf(machine string) ([]string, error) {
	all, err := listIDs(c.dir.volumes(), volumePattern)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, id := range all {
		to, err := c.attachedTo(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if to == machine {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// attachedTo returns the machine that has the volume; empty: none. It fails with
// fs.ErrNotExist when there is no such volume.
func (c *Cloud) attachedTo(volume string) (string, error) {
	b, err := readSmall(filepath.Join(c.dir.volume(volume), attachFile))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(c.dir.volume(volume)); err != nil {
			return "", err
		}
		return "", nil
	}
	return strings.TrimSpace(string(b)), explain(err, "see where volume "+volume+" is attached")
}
