package update

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"
)

const (
	// startsAllowed is how often a new program may be started before it serves:
	// once for an accident, such as a port that is not free yet, and once more.
	startsAllowed = 3
	// serveLimit is how long a started one may take to serve. It listens within
	// seconds; before that it may wait for the network for a minute.
	serveLimit = 2 * time.Minute
	// lookEvery is how often it is looked whether it does.
	lookEvery = 500 * time.Millisecond
)

// A Guard stands between whoever starts the agent and a program on trial. It is to
// be run by a program that works: one that runs already, or the former one.
type Guard struct {
	Program string // file that is started
	Dir     string // the machine's
	Log     *slog.Logger

	limit time.Duration // zero: serveLimit
}

// Before is to be called before each start of the agent. It takes a program back
// that was started often enough.
func (g *Guard) Before() error {
	last, err := inDir(g.Dir).read()
	if err != nil || last.Version == "" {
		return err
	}
	sum, err := sumOf(g.Program)
	if err != nil {
		return fmt.Errorf("look at the agent's program: %w", err)
	}
	if sum != last.Program {
		return nil // it is not in place: not yet, or not any more
	}
	if last.Failed { // the power went before it was taken back
		return g.takeBack()
	}
	if last.Starts >= startsAllowed {
		return g.fail(last, fmt.Sprintf("it was started %d times and did not come to serve", last.Starts))
	}
	last.Starts++
	return inDir(g.Dir).write(last)
}

// Watch returns an error when the agent that was started last is on trial and does
// not serve in time. It must be ended then: the next start is the former one's.
// Without a trial Watch returns at once.
func (g *Guard) Watch(ctx context.Context) error {
	limit := g.limit
	if limit == 0 {
		limit = serveLimit
	}
	over := time.NewTimer(limit)
	defer over.Stop()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		last, err := inDir(g.Dir).read()
		if err != nil || last.Version == "" || last.Failed {
			return nil //nolint:nilerr // a file that cannot be read is no reason to end an agent
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-over.C:
			// One start of this length is enough.
			last.Starts = startsAllowed
			return errors.Join(fmt.Errorf("version %s of the agent does not serve %v after its start", last.Version, limit), inDir(g.Dir).write(last))
		}
	}
}

// fail notes why a release is taken back, before it is: the same must not be tried
// again, whenever the power goes.
func (g *Guard) fail(last trial, reason string) error {
	last.Failed, last.Reason = true, reason
	if err := inDir(g.Dir).write(last); err != nil {
		return err
	}
	g.Log.Error("the agent's new version is taken back", "version", last.Version, "former", last.From, "err", reason)
	return g.takeBack()
}

func (g *Guard) takeBack() error {
	previous := g.Program + previousSuffix
	if _, err := os.Stat(previous); err != nil {
		return fmt.Errorf("the former program is not there, install a version of the agent that works as %s: %w", g.Program, err)
	}
	if err := rename(previous, g.Program); err != nil {
		return fmt.Errorf("put the agent's former program back: %w", err)
	}
	return nil
}
