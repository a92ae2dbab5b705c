package local

import (
	"context"
	"crypto/rand"
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

// makeVolume makes the volume of a slot, attached to its machine. One that is
// there is left as it is.
func (c *Cloud) makeVolume(item launchItem, machine string) error {
	id := volumeID(item.slot())
	s := newStage(c.dir.staging())
	s.file(volumeFile, mustJSON(volumeRecord{
		ID: id, SizeGB: item.Volume.GB, Deployment: item.Deployment, Ordinal: item.Ordinal,
		Type: item.Volume.Type, IOPS: item.Volume.IOPS, MiBps: item.Volume.MiBps,
	}))
	s.file(attachFile, []byte(machine))
	err := s.place(c.dir.volume(id))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return explain(err, "make volume "+id)
}

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
func (c *Cloud) DetachVolume(ctx context.Context, volume string) error {
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
	b, err := os.ReadFile(filepath.Join(c.dir.volume(volume), attachFile))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(c.dir.volume(volume)); err != nil {
			return "", err
		}
		return "", nil
	}
	return strings.TrimSpace(string(b)), explain(err, "see where volume "+volume+" is attached")
}

// GrowVolume implements reconciler.Cloud.
func (c *Cloud) GrowVolume(ctx context.Context, volume string, gb int) error {
	unlock, err := c.lockVolume(ctx, volume)
	if err != nil {
		return err
	}
	defer unlock()
	path := filepath.Join(c.dir.volume(volume), volumeFile)
	var record volumeRecord
	if err := readJSON(path, &record); err != nil {
		return explain(err, "read "+path)
	}
	if gb < record.SizeGB {
		return fmt.Errorf("volume %s has %d GB and cannot shrink to %d: volumes only grow", volume, record.SizeGB, gb)
	}
	if gb == record.SizeGB {
		return nil
	}
	record.SizeGB = gb
	return explain(replaceFile(path, mustJSON(record)), "grow volume "+volume)
}

// DeleteVolume implements reconciler.Cloud. One that is not known is gone
// already.
func (c *Cloud) DeleteVolume(ctx context.Context, volume string) error {
	unlock, err := c.lockVolume(ctx, volume)
	if errors.Is(err, errUnknown) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	machine, err := c.attachedTo(volume)
	if err != nil {
		return err
	}
	if machine != "" {
		return fmt.Errorf("volume %s is attached to machine %s; terminate the machine or detach the volume first: %w", volume, machine, reconciler.ErrConflict)
	}
	var record volumeRecord
	if err := readJSON(filepath.Join(c.dir.volume(volume), volumeFile), &record); err == nil {
		defer c.releasePort(record.Deployment, record.Ordinal)
	}
	if err := c.discard(c.dir.volume(volume)); err != nil {
		return explain(err, "delete volume "+volume)
	}
	c.log.Info("volume deleted", "volume", volume, "deployment", record.Deployment)
	return nil
}

// discard renames a directory to the trash and then removes it: at no moment is
// there half of it.
func (c *Cloud) discard(path string) error {
	to := filepath.Join(c.dir.trash(), filepath.Base(path)+"-"+rand.Text())
	if err := os.Rename(path, to); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return err
	}
	return os.RemoveAll(to)
}

func (c *Cloud) lockVolume(ctx context.Context, id string) (unlock func(), err error) {
	if err := checkID(volumePattern, "volume", id); err != nil {
		return nil, err
	}
	unlock, err = lockDir(ctx, c.dir.volume(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("volume %s: %w", id, errUnknown)
	}
	return unlock, explain(err, "work on volume "+id)
}
