package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// look brings the volume to what is wished, and says when to look again.
func (d *Disk) look(ctx context.Context) time.Duration {
	d.mu.Lock()
	wish, released := d.wish, d.released
	d.mu.Unlock()
	device, err := d.config.Find()
	if err == nil {
		err = d.forgetGone(ctx, device)
	}
	if err != nil || device == nil {
		d.publish(State{Problem: asProblem(err)}, wish)
		return lookEvery
	}
	state := State{ID: device.ID, Size: device.size(), Released: device.ID == released}
	at, err := mountOf(device, d.mountPoint(device))
	switch {
	case err != nil:
	case state.Released:
		err = d.giveBack(ctx, device, at)
	case at && d.linked(device):
		state.Mounted = true
		err = d.grow(ctx, device)
	case device.ID == d.tried && time.Now().Before(d.nextTry):
		return lookEvery // the state of the last try holds
	default:
		err = d.bring(ctx, device, at)
		state.Mounted = err == nil
	}
	if ctx.Err() != nil {
		return 0
	}
	d.note(device, err)
	state.Problem = asProblem(err)
	d.publish(state, wish)
	return lookEvery
}

// note spaces the tries after failures.
func (d *Disk) note(device *Device, err error) {
	if err == nil {
		d.tried, d.told, d.pause, d.nextTry = "", "", 0, time.Time{}
		return
	}
	if d.told != err.Error() {
		d.told = err.Error()
		d.log.Warn("trouble with the data volume", "volume", device.ID, "device", device.Path, "err", err)
	}
	d.tried = device.ID
	d.pause = min(max(2*d.pause, firstPause), longestPause)
	d.nextTry = time.Now().Add(d.pause)
}

// publish makes a state the present one.
func (d *Disk) publish(state State, wish int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state, d.seen = state, wish
	close(d.changed)
	d.changed = make(chan struct{})
}

// bring mounts a volume at its place.
func (d *Disk) bring(ctx context.Context, device *Device, mounted bool) error {
	point := d.mountPoint(device)
	if !mounted {
		if err := d.prepare(ctx, device); err != nil {
			return err
		}
		if err := os.MkdirAll(point, 0o700); err != nil {
			return fmt.Errorf("make the volume's mount point: %w", err)
		}
		// The volume holds data, no programs and no devices: an image of a database is
		// nothing that may become root.
		if err := d.must(ctx, "mount", "-t", "ext4", "-o", "noatime,nodev,nosuid", device.Path, point); err != nil {
			return err
		}
		d.log.Info("volume mounted", "volume", device.ID, "device", device.Path)
	}
	d.size, d.ungrown = 0, nil // it may have grown while nobody looked
	if err := d.grow(ctx, device); err != nil {
		d.told = err.Error()
		d.log.Warn("trouble with the data volume", "volume", device.ID, "err", err) // the next look tells
	}
	return link(point, d.config.Place)
}

// giveBack unmounts a volume. The link goes first, so that nobody begins anew.
func (d *Disk) giveBack(ctx context.Context, device *Device, mounted bool) error {
	if err := unlink(d.config.Place); err != nil {
		return err
	}
	if !mounted {
		return nil
	}
	if err := d.unmount(ctx, d.mountPoint(device)); err != nil {
		return err
	}
	d.log.Info("volume unmounted", "volume", device.ID)
	return nil
}

// forgetGone clears away mounts of volumes that are not attached any more. Their
// devices are gone, so there is nothing left to write.
func (d *Disk) forgetGone(ctx context.Context, device *Device) error {
	points, err := mountsBelow(d.config.mounts())
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range points {
		if !gone(m.device) {
			continue // whatever it is not found for, somebody may write to it
		}
		d.log.Warn("a volume was taken away while it was mounted", "mount", m.point)
		errs = append(errs, unlink(d.config.Place), d.must(ctx, "umount", "-l", m.point))
	}
	if device == nil && len(points) == 0 {
		errs = append(errs, unlink(d.config.Place)) // a link that a power cut left
	}
	return errors.Join(errs...)
}

func (d *Disk) mountPoint(device *Device) string {
	return filepath.Join(d.config.mounts(), device.ID)
}

// linked tells whether the place leads to the device's mount.
func (d *Disk) linked(device *Device) bool {
	to, err := os.Readlink(d.config.Place)
	return err == nil && to == d.mountPoint(device)
}

// link makes the place lead to the mount, in one step.
func link(point, place string) error {
	next := place + ".new"
	if err := unlink(next); err != nil {
		return err
	}
	if err := os.Symlink(point, next); err != nil {
		return fmt.Errorf("link the volume to its place: %w", err)
	}
	if err := os.Rename(next, place); err != nil {
		return fmt.Errorf("link the volume to its place; if %s is a directory, move it away: %w", place, err)
	}
	return nil
}

// unlink removes a link, and nothing else.
func unlink(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && info.Mode()&os.ModeSymlink == 0 {
		return fmt.Errorf("%s is no link, move it away: the volume's place is there only while the volume is", path)
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		return fmt.Errorf("clear the volume's place: %w", err)
	}
	return nil
}
