package repo

import (
	"fmt"
	"math"
	"syscall"

	"golang.org/x/sys/unix"
)

// keepFromChildren marks every open file to be closed in the programs that this
// process starts. The engine opens its lock without that mark: a database started
// by a control plane would hold the clone's lock for as long as it runs, and the
// control plane could not open its clone again after a crash.
func keepFromChildren() error {
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("the clone's lock cannot be kept from child processes; Linux 5.11 or newer is needed: %w", err)
	}
	return nil
}

// childless does something while this process starts no program, which would inherit
// what the engine opens meanwhile.
func childless(do func() error) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return do()
}

// pushing is childless where the hub is a directory: a push opens the hub's lock for some
// milliseconds, and a program that began within them would lock the hub to everybody
// until it ends. Pushes to other hubs open no lock, and may take their time.
func (r *Repo) pushing(push func() error) error {
	if _, ok := r.hubDirectory(); ok {
		return childless(push)
	}
	return push()
}
