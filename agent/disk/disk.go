// Package disk has the data volume of an EC2 instance mounted at its place.
//
// It promises: the root disk and anything in use is never touched; a file system
// is made on a volume once, and only on one that is entirely blank; what is on a
// volume is never made anew, whatever state it is in: what cannot be used is told
// as a Problem; the volume is checked before it is mounted, grows while it is in
// use when EBS has grown it, and is unmounted cleanly when it is given back. The
// place is a link that is there exactly while the volume is mounted, so nothing is
// ever written to the root disk in its stead.
//
// It does not attach or detach volumes, and knows volumes of EBS on NVMe alone,
// which is what every instance type of the last years has. Mounts must reach the
// whole machine: whoever runs it may not give it a mount namespace of its own.
package disk

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"time"
)

const (
	// lookEvery is how often it is looked whether the volume came or went: it is
	// what a waiting deployment waits for, and costs a few reads in /sys.
	lookEvery = time.Second
	// growEvery is how often the volume's size is looked at: EBS takes longer than
	// this to grow one.
	growEvery = 30 * time.Second
	// firstPause and longestPause bound the waits after a failure: each try runs
	// several programs, and most failures wait for a person.
	firstPause   = time.Second
	longestPause = 30 * time.Second
)

// Config says where things are.
type Config struct {
	Place string // becomes a link to the mounted volume
	Dir   string // of the machine: mount points, and what must be known after a crash
	// Find returns the volume's device, nil when none is attached. Nil: FindEBS.
	Find func() (*Device, error)
	// Tools run the system's programs. Nil: as they are installed.
	Tools Tools
}

// A State is what is known of the volume.
type State struct {
	ID       string // of the volume that is attached; empty: none
	Size     int64  // in bytes
	Mounted  bool   // at its place
	Released bool   // it was given back, and is not mounted until it is wanted
	Problem  *Problem
}

// A Disk is the one data volume of a machine.
type Disk struct {
	config Config
	log    *slog.Logger
	woken  chan struct{}

	mu       sync.Mutex
	state    State
	released string        // volume that was given back; empty: none
	wish     int           // rises with every Mount and Unmount
	seen     int           // the wish that the state is from
	changed  chan struct{} // closed at the next state

	// The rest belongs to Run.
	nextTry time.Time
	tried   string // volume of the last failure
	told    string // what was last said of it
	pause   time.Duration
	sized   time.Time // when the size was last looked at
	size    int64     // that the file system was last grown to
	ungrown error     // why it could not be
}

// New returns the disk. Released names a volume that was given back before the
// agent's restart; empty: none. It touches nothing.
func New(config Config, released string, log *slog.Logger) *Disk {
	if config.Find == nil {
		config.Find = func() (*Device, error) { return FindEBS("/", config.mounts()) }
	}
	if config.Tools == nil {
		config.Tools = system{}
	}
	return &Disk{config: config, log: log, released: released, woken: make(chan struct{}, 1), changed: make(chan struct{}), seen: -1}
}

// State returns what is known now.
func (d *Disk) State() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

// Mount has the volume that is attached mounted, and returns once it is, or why it
// is not. No volume at all is no error: State tells.
func (d *Disk) Mount(ctx context.Context) error {
	err := d.turn(ctx, func() { d.released = "" })
	if d.State().Mounted {
		return nil // what may trouble it does not keep the database from it
	}
	return err
}

// Unmount gives the volume that is attached back: it returns once it is not
// mounted, or why it is. It stays so until Mount.
func (d *Disk) Unmount(ctx context.Context) error {
	return d.turn(ctx, func() { d.released = d.state.ID })
}

// Settle returns after the first look.
func (d *Disk) Settle(ctx context.Context) error { return d.await(ctx, 0) }

// turn changes the wish and waits for the first state that is from it.
func (d *Disk) turn(ctx context.Context, change func()) error {
	if err := d.Settle(ctx); err != nil && ctx.Err() != nil {
		return err
	}
	d.mu.Lock()
	change()
	d.wish++
	mine := d.wish
	d.mu.Unlock()
	select {
	case d.woken <- struct{}{}:
	default:
	}
	return d.await(ctx, mine)
}

func (d *Disk) await(ctx context.Context, wish int) error {
	for {
		d.mu.Lock()
		state, seen, changed := d.state, d.seen, d.changed
		d.mu.Unlock()
		if seen >= wish {
			if state.Problem != nil {
				return state.Problem
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// Run keeps the volume as it is wished until ctx ends. It leaves it mounted.
func (d *Disk) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		timer := time.NewTimer(d.look(ctx))
		select {
		case <-ctx.Done():
		case <-d.woken:
			d.nextTry = time.Time{}
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// mounts is where mount points are made.
func (c Config) mounts() string { return filepath.Join(c.Dir, "volumes") }
