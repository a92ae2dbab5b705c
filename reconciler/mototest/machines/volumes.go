package machines

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// dataDevice is what data volumes are attached as; another one is a machine's own.
const dataDevice = "/dev/sdf"

// volumes keep each volume in a place of its own, and have a link in the directory
// of the machine that it is attached to.
type volumes struct {
	of    *Machines
	dir   string
	disks bool
	links map[string]string // of volumes that are attached: volume to machine
	loops map[string]string // of volumes that are files: volume to device
}

func newVolumes(m *Machines) volumes {
	return volumes{of: m, dir: filepath.Join(m.o.Dir, "volumes"), disks: m.o.Disks, links: map[string]string{}, loops: map[string]string{}}
}

// flags tell an agent where its volume comes and goes.
func (v *volumes) flags(machine string) []string {
	if v.disks {
		return []string{"--volume-devices", v.linkDir(machine)}
	}
	return []string{"--volume-dir", filepath.Join(v.linkDir(machine), "volume")}
}

func (v *volumes) linkDir(machine string) string {
	return filepath.Join(v.of.o.Dir, "attached", machine)
}

func (v *volumes) link(volume, machine string) string {
	if v.disks {
		return filepath.Join(v.linkDir(machine), volume)
	}
	return filepath.Join(v.linkDir(machine), "volume")
}

// follow brings the links to what moto says. The goroutine that looks calls it.
func (v *volumes) follow(listed map[string]types.Volume) {
	at := map[string]string{}
	for id, volume := range listed {
		for _, a := range volume.Attachments {
			if aws.ToString(a.Device) == dataDevice {
				at[id] = aws.ToString(a.InstanceId)
			}
		}
	}
	for id, machine := range v.links {
		if at[id] != machine {
			v.drop(id, machine)
		}
	}
	for id := range at {
		v.check(v.make(id, int64(aws.ToInt32(listed[id].Size))))
		if v.links[id] == "" {
			v.check(v.attach(id, at[id]))
		}
	}
	v.forget(listed)
}

func (v *volumes) check(err error) {
	if err != nil {
		v.of.t.Errorf("a volume: %v", err)
	}
}

func (v *volumes) attach(id, machine string) error {
	if err := os.MkdirAll(v.linkDir(machine), 0o700); err != nil {
		return err
	}
	to := v.place(id)
	if v.disks {
		to = v.loops[id]
	}
	v.links[id] = machine
	return os.Symlink(to, v.link(id, machine))
}

func (v *volumes) drop(id, machine string) {
	if err := os.Remove(v.link(id, machine)); err != nil && !errors.Is(err, os.ErrNotExist) {
		v.check(err)
	}
	delete(v.links, id)
	if v.loops[id] != "" && isMounted(v.loops[id]) {
		v.of.t.Errorf("volume %s was taken from machine %s while it was mounted", id, machine)
	}
}

func isMounted(device string) bool {
	mounts, err := os.ReadFile("/proc/mounts")
	return err == nil && strings.Contains("\n"+string(mounts), "\n"+device+" ")
}

// unlink takes the volumes from a machine that is gone for good.
func (v *volumes) unlink(machine string) { v.check(os.RemoveAll(v.linkDir(machine))) }

func (v *volumes) place(id string) string { return filepath.Join(v.dir, id) }

// make has a volume of that size there.
func (v *volumes) make(id string, gb int64) error {
	if v.disks {
		return v.makeDisk(id, gb)
	}
	if err := os.MkdirAll(v.place(id), 0o700); err != nil {
		return err
	}
	label, err := json.Marshal(map[string]any{"id": id, "size_gb": gb})
	if err != nil {
		return err
	}
	path := filepath.Join(v.place(id), "volume.json")
	if old, err := os.ReadFile(path); err == nil && string(old) == string(label) {
		return nil
	}
	if err := os.WriteFile(path+".new", label, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// makeDisk has a file of that size behind a loop device. It is empty where nothing
// was written, so that it takes no room.
func (v *volumes) makeDisk(id string, gb int64) error {
	file, err := os.OpenFile(v.place(id), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	grown := err == nil && info.Size() != gb<<30
	if grown {
		err = file.Truncate(gb << 30)
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if v.loops[id] == "" {
		said, err := losetup("--find", "--show", v.place(id))
		v.loops[id] = said
		return err
	}
	if grown {
		_, err = losetup("--set-capacity", v.loops[id])
	}
	return err
}

func losetup(args ...string) (string, error) {
	out, err := exec.Command("losetup", args...).CombinedOutput()
	said := strings.TrimSpace(string(out))
	if err != nil {
		return "", fmt.Errorf("losetup %s: %w: %s", strings.Join(args, " "), err, said)
	}
	return said, nil
}

// forget clears away the volumes that moto has deleted.
func (v *volumes) forget(listed map[string]types.Volume) {
	entries, err := os.ReadDir(v.dir)
	v.check(err)
	for _, e := range entries {
		if _, there := listed[e.Name()]; there {
			continue
		}
		v.detachLoop(e.Name())
		v.check(os.RemoveAll(v.place(e.Name())))
	}
}

func (v *volumes) detachLoop(id string) {
	if v.loops[id] != "" {
		_, err := losetup("--detach", v.loops[id])
		v.check(err)
		delete(v.loops, id)
	}
}

// close gives the loop devices back. No machine runs any more.
func (v *volumes) close() {
	for id := range v.loops {
		v.detachLoop(id)
	}
}
