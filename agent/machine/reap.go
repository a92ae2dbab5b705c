package machine

import (
	"errors"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// reap makes this program the parent of whatever below it loses its own, such as
// a database whose agent died, and clears all of them away when they end. A
// zombie would look to the next agent like a database that will not stop.
func reap() (stop func(), err error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("become the parent of orphans: %w", err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGCHLD)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range signals {
			reapAll()
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}, nil
}

// reapAll reaps every child that has ended. One signal may stand for many.
func reapAll() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
	}
}
