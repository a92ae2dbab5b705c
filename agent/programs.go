package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/doltserver"
	"github.com/mainstaydb/mainstay/agent/fetch"
	"github.com/mainstaydb/mainstay/agent/install"
)

const (
	// firstFetchPause and longestFetchPause bound the waits between tries: a network
	// that failed for a moment costs a second, and a server that is down is asked
	// by each machine twice in a minute at most.
	firstFetchPause   = time.Second
	longestFetchPause = 30 * time.Second
	// wrongPause follows a file that is not the one ordered. Somebody must correct
	// it, and each look costs the whole download.
	wrongPause = 10 * time.Minute
)

// A target is a version that should be on this machine.
type target struct {
	version string
	source  fetch.Source
}

// programs brings the wanted version of Dolt onto this machine, apart from the
// supervisor: the running database is looked after meanwhile.
type programs struct {
	installer *install.Installer
	program   func(version string) (string, error)
	board     *board
	changed   func() // told when a version is ready, or has failed
	log       *slog.Logger
	news      chan struct{}

	mu      sync.Mutex
	want    target // zero: nothing
	proven  bool
	failure string // why want is not here, for people; empty: it is on its way
}

func newPrograms(config Config, b *board, log *slog.Logger) *programs {
	return &programs{
		installer: install.New(config.VersionsDir), board: b, log: log, news: make(chan struct{}, 1),
		program: doltserver.New(doltserver.Place{Versions: config.VersionsDir}, log).Program,
	}
}

// ready tells whether a version is here and has said itself that it is that
// version. If not, it is brought here.
func (p *programs) ready(version string, source fetch.Source) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(target{version, source})
	return p.proven
}

// settled: nothing is wanted that is not here.
func (p *programs) settled() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(target{})
	p.board.update(func(s *agentpb.StatusResponse) { lower(s, programTroubles...) })
}

// turn makes t the target. The caller holds mu.
func (p *programs) turn(t target) {
	if t == p.want {
		return
	}
	p.want, p.proven, p.failure = t, false, ""
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// state is the database's while it waits for its first program.
func (p *programs) state() (agentpb.Database_State, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failure != "" {
		return agentpb.Database_FAILED, p.failure
	}
	return agentpb.Database_STARTING, "Dolt " + p.want.version + " is being fetched"
}

// run works on the target, whichever it is, until ctx ends.
func (p *programs) run(ctx context.Context) error {
	for ctx.Err() == nil {
		p.mu.Lock()
		t := p.want
		p.mu.Unlock()
		work, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.bring(work, t)
		}()
		select {
		case <-ctx.Done():
		case <-p.news:
		}
		cancel()
		<-done
	}
	return nil
}

// bring tries until t is here or ctx ends.
func (p *programs) bring(ctx context.Context, t target) {
	if err := p.installer.Clean(t.version, t.source); err != nil {
		p.log.Warn("what broken downloads left cannot be removed", "err", err)
	}
	if t.version == "" {
		return
	}
	pause := backoff.NewExponentialBackOff(backoff.WithInitialInterval(firstFetchPause), backoff.WithMaxInterval(longestFetchPause),
		backoff.WithRandomizationFactor(0.3), // a fleet that waited for one server does not return as one
		backoff.WithMaxElapsedTime(0))
	for {
		err := p.once(ctx, t)
		if ctx.Err() != nil || p.conclude(t, err) {
			return
		}
		wait := pause.NextBackOff()
		if errors.Is(err, fetch.ErrWrong) {
			wait = wrongPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// once looks for the version, and fetches it where that helps.
func (p *programs) once(ctx context.Context, t target) error {
	path, err := p.program(t.version)
	if err != nil && t.source.URL == "" {
		return err
	}
	if err == nil {
		return install.Prove(ctx, path, t.version)
	}
	p.log.Info("Dolt is fetched", "version", t.version, "url", t.source.URL)
	p.tell(t, "")
	return p.installer.Install(ctx, t.version, t.source, p.progress(t))
}
