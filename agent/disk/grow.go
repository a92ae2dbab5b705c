package disk

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mainstaydb/mainstay/agent/durable"
)

// growLimit is for growing a mounted file system, which takes a second for each
// terabyte or so.
const growLimit = 10 * time.Minute

// grow has the mounted file system fill the volume, and the volume's label right.
func (d *Disk) grow(ctx context.Context, device *Device) error {
	if (d.size != 0 || d.ungrown != nil) && time.Since(d.sized) < growEvery {
		return d.ungrown
	}
	size := device.size()
	d.sized, d.ungrown = time.Now(), nil
	if size == d.size || size == 0 {
		return nil
	}
	d.ungrown = d.growTo(ctx, device, size)
	return d.ungrown
}

func (d *Disk) growTo(ctx context.Context, device *Device, size int64) error {
	within, cancel := context.WithTimeout(ctx, growLimit)
	defer cancel()
	if err := d.must(within, "resize2fs", device.Path); err != nil {
		return problem("NotGrown", "the file system of volume %s cannot be grown to the volume's %d GiB: %v", device.ID, size>>30, err)
	}
	if err := writeLabel(d.mountPoint(device), device.ID, size); err != nil {
		return err
	}
	if d.size != 0 {
		d.log.Info("file system has grown", "volume", device.ID, "from", d.size, "to", size)
	}
	d.size = size
	return nil
}

// writeLabel writes volume.json, which the agent reads, where it is not right.
func writeLabel(dir, id string, size int64) error {
	data, err := json.Marshal(struct {
		ID     string `json:"id"`
		SizeGB int64  `json:"size_gb"`
	}{id, size >> 30})
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "volume.json")
	if old, err := os.ReadFile(path); err == nil && string(old) == string(data) {
		return nil
	}
	if err := durable.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("label the volume: %w", err)
	}
	return nil
}
