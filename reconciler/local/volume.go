package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mainstaydb/mainstay/agent/durable"
	"github.com/mainstaydb/mainstay/reconciler"
)

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
	labelled := readJSON(filepath.Join(c.dir.volume(volume), volumeFile), &record) == nil
	if err := c.discard(c.dir.volume(volume)); err != nil {
		return explain(err, "delete volume "+volume)
	}
	if labelled {
		c.releasePort(record.Deployment, record.Ordinal)
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
	if err := durable.SyncDir(filepath.Dir(path)); err != nil {
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
