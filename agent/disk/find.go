package disk

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Device is a volume's block device.
type Device struct {
	ID     string // of the volume
	Path   string // in /dev
	Number string // major:minor
	sys    string // its directory in /sys
}

// NewDevice describes a block device that was found otherwise than by FindEBS.
func NewDevice(id, path, number string) *Device {
	return &Device{ID: id, Path: path, Number: number, sys: filepath.Join("/sys/block", filepath.Base(path))}
}

// sector is the unit of sizes in /sys, whatever the device's own is.
const sector = 512

// size is 0 when it cannot be told.
func (d *Device) size() int64 {
	n, _ := strconv.ParseInt(read(d.sys, "size"), 10, 64)
	return n * sector
}

// model is what EBS volumes call themselves; disks of the instance's own, which
// lose their data with it, have another name.
const model = "Amazon Elastic Block Store"

// dataName is the name that data volumes are attached by. Where udev knows EBS it
// is a link to the NVMe device.
const dataName = "sdf"

// FindEBS finds the data volume: the one EBS volume that nothing else uses. Root is
// the root of /sys and /dev; what is mounted below mounts is the volume's own.
func FindEBS(root, mounts string) (*Device, error) {
	used, err := inUse(root, mounts)
	if err != nil {
		return nil, err
	}
	dirs, err := filepath.Glob(filepath.Join(root, "sys/block/nvme*"))
	if err != nil {
		return nil, err
	}
	var found []*Device
	for _, sys := range dirs {
		serial, isVolume := strings.CutPrefix(read(sys, "device/serial"), "vol")
		number := read(sys, "dev") // a path to a disk that has several has none
		if read(sys, "device/model") != model || !isVolume || number == "" || busy(sys, used) {
			continue
		}
		found = append(found, &Device{
			ID: "vol-" + strings.TrimPrefix(serial, "-"), Path: filepath.Join(root, "dev", filepath.Base(sys)), Number: number, sys: sys,
		})
	}
	return choose(root, found)
}

// choose takes the only one, or the one that is attached by the name of data
// volumes. Among others it does not guess.
func choose(root string, found []*Device) (*Device, error) {
	if len(found) == 0 {
		return nil, nil
	}
	if len(found) == 1 {
		return found[0], nil
	}
	named, err := filepath.EvalSymlinks(filepath.Join(root, "dev", dataName))
	var ids []string
	for _, d := range found {
		if err == nil && d.Path == named {
			return d, nil
		}
		ids = append(ids, d.ID)
	}
	return nil, problem("Ambiguous", "volumes %s are attached and not in use, and which holds the data cannot be told; detach all but one, or attach it as /dev/%s",
		strings.Join(ids, ", "), dataName)
}

// busy tells whether a disk, a part of it, or something built on it is used
// elsewhere: then it is the machine's own.
func busy(sys string, used []string) bool {
	if holders, err := os.ReadDir(filepath.Join(sys, "holders")); err == nil && len(holders) > 0 {
		return true
	}
	parts, err := filepath.Glob(filepath.Join(sys, filepath.Base(sys)+"p*"))
	if err != nil {
		return true
	}
	for _, dir := range append(parts, sys) {
		if slices.Contains(used, read(dir, "dev")) || slices.Contains(used, filepath.Base(dir)) {
			return true
		}
		if holders, err := os.ReadDir(filepath.Join(dir, "holders")); err == nil && len(holders) > 0 {
			return true
		}
	}
	return false
}

// inUse lists what is mounted elsewhere or swapped to, by number and by name: some
// file systems, among them ones that roots are on, have numbers of their own.
func inUse(root, mounts string) ([]string, error) {
	all, err := mountsIn(root)
	if err != nil {
		return nil, err
	}
	var used []string
	for _, m := range all {
		if strings.HasPrefix(m.point, mounts+"/") {
			continue
		}
		used = append(used, m.device)
		if name, ok := strings.CutPrefix(m.source, "/dev/"); ok {
			used = append(used, name)
		}
	}
	swaps, err := os.ReadFile(filepath.Join(root, "proc/swaps"))
	if err != nil {
		return used, nil //nolint:nilerr // a kernel without swap has no such file
	}
	for line := range strings.Lines(string(swaps)) {
		used = append(used, strings.TrimPrefix(strings.Fields(line + " ")[0], "/dev/"))
	}
	return used, nil
}

// read returns a value of /sys; empty: there is none.
func read(dir, name string) string {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
