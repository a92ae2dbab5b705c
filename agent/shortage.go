package agent

import (
	"syscall"
	"time"
)

const (
	// tightRoom is the room below which a disk counts as having ended: it is looked at
	// twice a second, and Dolt writes some ten MB at a time.
	tightRoom = 64 << 20
	// tightPart bounds it on small disks, as a part of the disk.
	tightPart = 20
	// shortageRest is the least time between two databases that are started anew for it:
	// a disk that is full and has room again all the time must not keep one from serving.
	shortageRest = time.Minute
)

// A shortage remembers that a disk had no room. Dolt 2.2.0 keeps a failure of writing its
// journal's index: it serves on, and refuses every write until it is started anew, without
// a word in its log.
type shortage struct {
	dir   string
	last  time.Time // when there was no room; zero: there was, or that has been told
	ended time.Time // when the end of one was told last
}

// look takes in how much room there is, in bytes. When a shortage is over it says when there
// was no room last; zero: there is none, or it is not over.
func (s *shortage) look(size, free int64, now time.Time) (full time.Time) {
	tight := min(tightRoom, size/tightPart)
	if free < tight {
		s.last = now
		return time.Time{}
	}
	if s.last.IsZero() || free < 2*tight || now.Sub(s.ended) < shortageRest {
		return time.Time{}
	}
	full, s.last, s.ended = s.last, time.Time{}, now
	return full
}

// room measures the disk that a directory is on, which may have more on it than this.
func room(dir string) (size, free int64, ok bool) {
	var fsys syscall.Statfs_t
	if err := syscall.Statfs(dir, &fsys); err != nil {
		return 0, 0, false
	}
	return int64(fsys.Blocks) * fsys.Bsize, int64(fsys.Bavail) * fsys.Bsize, true
}
