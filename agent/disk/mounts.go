package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const terminate = syscall.SIGTERM

// A mount is a line of mountinfo.
type mount struct {
	device string // major:minor
	point  string
	source string
}

// mountsIn reads what is mounted.
func mountsIn(root string) ([]mount, error) {
	data, err := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("learn what is mounted: %w", err)
	}
	var all []mount
	for line := range strings.Lines(string(data)) {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 2 {
			return nil, fmt.Errorf("learn what is mounted: %q is not understood", line)
		}
		all = append(all, mount{device: left[2], point: unescape(left[4]), source: unescape(right[1])})
	}
	return all, nil
}

// unescape undoes what the kernel does to spaces in paths.
func unescape(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// mountsBelow lists the mounts below a directory.
func mountsBelow(dir string) ([]mount, error) {
	all, err := mountsIn("/")
	if err != nil {
		return nil, err
	}
	var below []mount
	for _, m := range all {
		if strings.HasPrefix(m.point, dir+"/") {
			below = append(below, m)
		}
	}
	return below, nil
}

// mountOf tells whether a device is mounted at its point.
func mountOf(device *Device, point string) (bool, error) {
	all, err := mountsBelow(filepath.Dir(point))
	for _, m := range all {
		if m.point == point && m.device == device.Number {
			return true, err
		}
	}
	return false, err
}

// gone tells whether a device is no more.
func gone(number string) bool {
	_, err := os.Stat(filepath.Join("/sys/dev/block", number))
	return errors.Is(err, os.ErrNotExist)
}

const (
	// umountTries and umountPause bound how long a volume may be busy: a database
	// that has just ended is cleared away within milliseconds.
	umountTries = 10
	umountPause = 200 * time.Millisecond
)

// unmount waits a moment for the last users. The volume is never taken from
// somebody who still writes.
func (d *Disk) unmount(ctx context.Context, point string) error {
	var err error
	for range umountTries {
		if err = d.must(ctx, "umount", point); err == nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(umountPause):
		}
	}
	return problem("Busy", "the volume cannot be unmounted, as something on this machine still uses it; end it (fuser -m %s tells what): %v", point, err)
}
