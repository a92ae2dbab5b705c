package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/disk"
)

const (
	// volumeLook is how often the agent looks whether a volume was attached, taken
	// away or resized: it is what a waiting deployment waits for, and costs a few
	// system calls.
	volumeLook = 500 * time.Millisecond
	// usageLook is how often the use of a volume without its own file system is
	// added up: walking a large database's directory is not free.
	usageLook = 30 * time.Second
	// fullAt is the part of a volume, in percent, from which it counts as full:
	// Dolt needs room to collect garbage, so at 100 it is too late.
	fullAt = 95
)

// volumes watches the volume's place.
type volumes struct {
	config   Config
	orders   *orders
	board    *board
	data     *data
	changed  func()
	relieved func()          // a full volume has room again
	outdated func(time.Time) // what ran at that moment met the end of its disk, which has room again
	log      *slog.Logger

	mu    sync.Mutex  // one look at what is attached at a time
	shown measurement // on the board
	disk  disk.State  // on the board, where the agent mounts the volume

	// The rest belongs to the goroutine that measures.
	measured    time.Time
	measuredDir string
	used        int64
	shortage    shortage
}

// A measurement is what was put on the board last.
type measurement struct {
	id         string
	size, used int64
}

func (v *volumes) run(ctx context.Context) error {
	tick := time.NewTicker(volumeLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			v.look()
		}
	}
}

// look brings the board up to what is attached, and how full it is.
func (v *volumes) look() {
	if dir := v.attachNow(); dir != "" {
		v.lookForRoom(dir) // before anybody hears that it is full and makes room
		v.measure(dir)
	}
	v.lookAtDisk()
}

// lookForRoom has a database started anew that met the end of its disk.
func (v *volumes) lookForRoom(dir string) {
	if dir != v.shortage.dir {
		v.shortage = shortage{dir: dir}
	}
	size, free, ok := room(dir)
	if !ok {
		return
	}
	if full := v.shortage.look(size, free, time.Now()); !full.IsZero() {
		v.outdated(full)
	}
}

// lookAtDisk tells of a volume that is attached and not mounted, and of why.
func (v *volumes) lookAtDisk() {
	v.mu.Lock()
	defer v.mu.Unlock()
	state := v.data.state()
	if state == v.disk {
		return
	}
	v.disk = state
	v.board.update(func(s *agentpb.StatusResponse) { v.data.describe(s, v.orders.directory() != "") })
}

// attachNow brings the orders up to what is attached and returns its directory.
func (v *volumes) attachNow() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	// The place may be a link: what it leads to stays the database's directory
	// even if the link changes under it.
	dir, err := filepath.EvalSymlinks(v.config.Volume)
	if err != nil && !notThere(err) {
		v.log.Warn("volume cannot be looked at", "err", err)
		return v.orders.directory()
	}
	if dir != v.orders.directory() {
		v.move(dir)
	}
	return dir
}

// move takes a volume up or gives it up. The caller holds mu.
func (v *volumes) move(dir string) {
	v.shown = measurement{}
	if dir == "" {
		v.orders.detach()
		v.log.Info("volume detached")
	} else if err := v.orders.attach(dir); err != nil {
		v.log.Error("the volume's stored order cannot be read", "volume", dir, "err", err)
	} else {
		v.log.Info("volume attached", "volume", dir)
	}
	v.board.update(func(s *agentpb.StatusResponse) {
		s.Volume = &agentpb.Volume{Attached: dir != ""}
		v.data.describe(s, dir != "")
		lower(s, DiskFull)
		v.orders.describe(s)
	})
	v.changed()
}

// measure tells the volume's size and use.
func (v *volumes) measure(dir string) {
	label := readLabel(dir)
	size, used, own := fileSystem(dir)
	if !own {
		size = label.SizeGB << 30
		if dir != v.measuredDir || time.Since(v.measured) >= usageLook {
			v.used, v.measured, v.measuredDir = directorySize(dir), time.Now(), dir
		}
		used = v.used
	}
	v.show(dir, measurement{label.ID, size, used})
}

// show puts a measurement on the board, unless it is there or the volume is gone.
func (v *volumes) show(dir string, now measurement) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now == v.shown || dir != v.orders.directory() {
		return // looking twice a second must cost next to nothing
	}
	v.shown = now
	room := false
	v.board.update(func(s *agentpb.StatusResponse) {
		s.Volume = &agentpb.Volume{Attached: true, Id: now.id, SizeBytes: now.size, UsedBytes: now.used}
		if now.size > 0 && now.used >= now.size/100*fullAt {
			raise(s, trouble{DiskFull, "VolumeFull", fmt.Sprintf(
				"the volume of %d GiB is %d %% full or more; raise volume_gb or delete data", now.size>>30, fullAt)})
		} else if c := holding(s, DiskFull); c != nil && c.GetReason() == "VolumeFull" {
			lower(s, DiskFull)
			room = true
		}
	})
	if room {
		v.relieved()
	}
}

// A label is volume.json, what the cloud wrote on a volume.
type label struct {
	ID     string `json:"id"`
	SizeGB int64  `json:"size_gb"`
}

func readLabel(dir string) label {
	var l label
	// A volume without a label is one whose size nobody told us: it is measured
	// and not judged.
	if data, err := os.ReadFile(filepath.Join(dir, "volume.json")); err == nil && json.Unmarshal(data, &l) != nil {
		return label{}
	}
	return l
}

// fileSystem measures a volume that is a mount of its own.
func fileSystem(dir string) (size, used int64, own bool) {
	var here, above syscall.Stat_t
	if syscall.Stat(dir, &here) != nil || syscall.Stat(filepath.Dir(dir), &above) != nil || here.Dev == above.Dev {
		return 0, 0, false
	}
	size, free, own := room(dir)
	return size, size - free, own
}

// directorySize adds up what the files occupy. Files that go meanwhile do not
// matter.
func directorySize(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrPermission) {
				return fs.SkipDir
			}
			return nil
		}
		if info, err := entry.Info(); err == nil {
			if stat, ok := info.Sys().(*syscall.Stat_t); ok {
				sum += stat.Blocks * 512 // the unit of st_blocks, whatever the file system's is
			}
		}
		return nil
	})
	return sum
}
