package home

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/mainstaydb/mainstay/agent/alone"
)

// seats bounds how many commands can use one directory at a time. A person and
// their scripts stay far below it, and each seat costs a clone on disk.
const seats = 64

// A Seat is a private clone that no other process uses now.
type Seat struct {
	Dir  string // of the clone; empty when it was never used
	lock *alone.Lock
}

// TakeSeat finds the first free private clone below dir: Dolt lets one process
// use a directory, and commands must not wait for each other.
func TakeSeat(dir string) (*Seat, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot create %s for the private clone; choose a writable directory with --dir: %w", dir, cause(err))
	}
	for n := range seats {
		name := filepath.Join(dir, strconv.Itoa(n))
		lock, err := lockFile(name+".lock", 0)
		if errors.Is(err, ErrHeld) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &Seat{Dir: name, lock: lock}, nil
	}
	return nil, fmt.Errorf("all %d private clones below %s are in use; wait for other mainstay commands to end", seats, dir)
}

// Close frees the seat. The clone stays for the next command, which then needs no
// more than a fetch.
func (s *Seat) Close() error { return s.lock.Close() }
