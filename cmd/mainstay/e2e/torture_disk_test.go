package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"golang.org/x/sys/unix"
)

const (
	// smallDiskSize has room for all that is written within an hour. What is not
	// written takes no room of the machine that runs the test.
	smallDiskSize = 4 << 30
	// oneInDisks deployments is on a small disk, the first of all included.
	oneInDisks = 3
	// roomLeft on a full disk is used up by the writer within a second or two: the
	// database meets the end of the disk in the middle of a write.
	roomLeft = 256 << 10
	// slowFor is for how long a disk is slow: many writes, and no longer than the other
	// faults.
	slowFor = 4 * time.Second
)

// A smallDisk is a file system of its own for one deployment's volume.
type smallDisk struct {
	place string // where it is mounted
	loop  bool   // it is an ext4 in a file; else a tmpfs, which needs no loop devices
}

// mountDisks moves some deployments' volumes to small disks while they are switched
// off. Where this process may not mount, there are none.
func (s *suffering) mountDisks(images string) {
	var names []string
	for n := 0; n < len(s.writers); n += oneInDisks {
		name := s.writers[n].name
		d, err := makeDisk(filepath.Join(images, name))
		if err != nil && n > 0 {
			s.t.Fatal(err)
		}
		if err != nil {
			s.t.Logf("torture: no disk runs full, as this process may not (%v); run the test as root, or by unshare --map-root-user --mount", err)
			return
		}
		s.disks[name] = d
		names = append(names, name)
	}
	s.switched(names, false)
	for _, name := range names {
		volume := filepath.Join(s.dir, "cloud", "volumes", s.deployment(name).VolumeID)
		if err := s.disks[name].moveTo(volume); err != nil {
			s.t.Fatal(err)
		}
	}
	s.switched(names, true)
}

// switched brings deployments down, or up again, and waits for it.
func (s *suffering) switched(names []string, running bool) {
	s.t.Helper()
	s.sql(fmt.Sprintf("UPDATE deployments SET running = %t WHERE name IN ('%s')", running, strings.Join(names, "', '")))
	s.wait("they are down, or up again", func(all view.Status) bool {
		for _, name := range names {
			if one, ok := all.Only(name); !ok || one.Deployments[0].Ready != running || !running && one.Deployments[0].Phase != "stopped" {
				return false
			}
		}
		return true
	})
}

func (s *suffering) unmountDisks() {
	for name, d := range s.disks {
		_ = d.stall(false) // whatever hangs on it ends now
		if err := syscall.Unmount(d.place, syscall.MNT_DETACH); err != nil {
			s.t.Errorf("the disk of %s: %v", name, err)
		}
	}
}

// makeDisk makes a file system in a file, and mounts it beside it.
func makeDisk(image string) (*smallDisk, error) {
	d := &smallDisk{place: image + ".mounted", loop: true}
	if err := os.Mkdir(d.place, 0o700); err != nil {
		return nil, err
	}
	if d.mountLoop(image) == nil {
		return d, nil
	}
	d.loop = false
	if err := d.resize(0, smallDiskSize); err != nil {
		return nil, fmt.Errorf("mount a tmpfs: %w", err)
	}
	return d, nil
}

func (d *smallDisk) mountLoop(image string) error {
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(image, smallDiskSize); err != nil {
		return err
	}
	if err := command("mkfs.ext4", "-q", "-m", "0", image); err != nil { // nothing kept for root, which is who writes
		return err
	}
	return command("mount", "-t", "ext4", "-o", "loop", image, d.place)
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// resize mounts a tmpfs, or changes how much there is room for.
func (d *smallDisk) resize(flags uintptr, size uint64) error {
	return syscall.Mount("tmpfs", d.place, "tmpfs", flags, fmt.Sprintf("size=%d,mode=700", size))
}

// moveTo brings what is in a directory to the disk, and the disk in its place.
func (d *smallDisk) moveTo(dir string) error {
	if err := command("cp", "-a", dir+"/.", d.place); err != nil {
		return err
	}
	if err := syscall.Mount(d.place, dir, "", syscall.MS_BIND, ""); err != nil {
		return err
	}
	from := d.place
	d.place = dir
	return syscall.Unmount(from, syscall.MNT_DETACH)
}

// fill leaves roomLeft on the disk.
func (d *smallDisk) fill() error {
	var fsys syscall.Statfs_t
	if err := syscall.Statfs(d.place, &fsys); err != nil {
		return err
	}
	unit := uint64(fsys.Bsize) //nolint:gosec // never negative
	if !d.loop {
		return d.resize(syscall.MS_REMOUNT, (fsys.Blocks-fsys.Bavail)*unit+roomLeft)
	}
	f, err := os.Create(d.ballast())
	if err != nil {
		return err
	}
	defer f.Close()
	return syscall.Fallocate(int(f.Fd()), 0, 0, int64(fsys.Bavail*unit)-roomLeft) //nolint:gosec // some GiB
}

// makeRoom undoes fill.
func (d *smallDisk) makeRoom() error {
	if !d.loop {
		return d.resize(syscall.MS_REMOUNT, smallDiskSize)
	}
	return os.Remove(d.ballast())
}

func (d *smallDisk) ballast() string { return filepath.Join(d.place, "ballast") }

// The requests that fsfreeze(8) makes of a file system.
const (
	freeze = 0xc0045877 // FIFREEZE
	thaw   = 0xc0045878 // FITHAW
)

// stall has all writes to the disk wait, or go on.
func (d *smallDisk) stall(on bool) error {
	dir, err := os.Open(d.place)
	if err != nil {
		return err
	}
	defer dir.Close()
	if on {
		return unix.IoctlSetInt(int(dir.Fd()), freeze, 0)
	}
	return unix.IoctlSetInt(int(dir.Fd()), thaw, 0)
}

func (s *suffering) diskKinds() []kind {
	slow := kind{name: "disk slow", disk: true, does: func(w *writer, _ view.Deployment) { s.slowDown(s.disks[w.name]) }}
	full := kind{name: "disk full", disk: true, does: func(w *writer, _ view.Deployment) { s.runFull(w) }}
	switch first := s.disks[s.writers[0].name]; {
	case first == nil:
		return []kind{s.flood()}
	case !first.loop:
		return []kind{full, s.flood()}
	}
	return []kind{full, slow}
}

// runFull has no room left on a disk until status has said so and a write was refused.
func (s *suffering) runFull(w *writer) {
	d, refused := s.disks[w.name], w.refused.Load()
	if err := d.fill(); err != nil {
		s.t.Fatal(err)
	}
	full := func(d view.Deployment) bool { return says(d, "full") || says(d, "no space left") }
	s.wait("status says that the disk is full", named(w.name, full))
	s.until("a write is refused", func() bool { return w.refused.Load() > refused })
	if err := d.makeRoom(); err != nil {
		s.t.Fatal(err)
	}
	s.wait("status no longer says that the disk is full", named(w.name, func(d view.Deployment) bool { return !full(d) }))
}

// slowDown has a disk stand still for a fifth of a second again and again: a write that
// takes less than a millisecond takes some hundred.
func (s *suffering) slowDown(d *smallDisk) {
	for end := time.Now().Add(slowFor); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err := d.stall(true); err != nil {
			s.t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
		if err := d.stall(false); err != nil {
			s.t.Fatal(err)
		}
	}
}

// flood stands in for a slow disk where there is none of our own that could be slowed
// down: others write to the disk that all volumes are on, and flush it all the time.
func (s *suffering) flood() kind {
	s.t.Log("torture: no disk is slowed down, as that needs root and loop devices; instead others write and flush beside the databases")
	return kind{name: "disk shared with others who flush it", does: func(*writer, view.Deployment) {
		var others sync.WaitGroup
		for n := range 4 { // more than a disk's queue lets through at once makes databases wait
			others.Go(func() { s.flush(filepath.Join(s.dir, fmt.Sprint("flood-", n))) })
		}
		others.Wait()
	}}
}

// flush writes a megabyte over and over, each time down to the disk.
func (s *suffering) flush(path string) {
	defer os.Remove(path)
	f, err := os.Create(path)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer f.Close()
	megabyte := make([]byte, 1<<20)
	for end := time.Now().Add(slowFor); time.Now().Before(end); {
		if _, err := f.WriteAt(megabyte, 0); err != nil {
			s.t.Error(err)
			return
		}
		if err := f.Sync(); err != nil {
			s.t.Error(err)
			return
		}
	}
}
