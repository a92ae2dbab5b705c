package repo

import (
	"fmt"
	"math"

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
