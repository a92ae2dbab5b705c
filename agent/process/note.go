package process

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"
)

// NoteSelf makes this program the one that the pid file names, so that others
// find it however it was started. It is an error if the file names another
// process that runs.
func NoteSelf(pidfile string) error {
	if other, err := Find(pidfile); err == nil {
		if other.PID() == os.Getpid() {
			return nil
		}
		return fmt.Errorf("process %d does this already, stop it first", other.PID())
	} else if !errors.Is(err, ErrNotRunning) {
		return err
	}
	boot, err := bootID()
	if err != nil {
		return err
	}
	ticks, err := startTicks(os.Getpid())
	if err != nil {
		return fmt.Errorf("learn when this process started: %w", err)
	}
	return record{Mark: rand.Text(), Boot: boot, PID: os.Getpid(), Ticks: ticks, StartedAt: time.Now()}.begin(pidfile)
}
