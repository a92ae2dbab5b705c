package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/doltserver"
	"github.com/mainstaydb/mainstay/agent/process"
)

const (
	// healthEvery is how often a serving database is asked whether it still does.
	// Its death is noticed at once without asking; this is for one that hangs, and
	// each question is two lines in the database's log.
	healthEvery = 30 * time.Second
	// missesUntilFailed is how many answers in a row must fail before people are
	// told. It is not killed: a database that is slow under load would lose its
	// work, and a long query's end cannot be told from a hang.
	missesUntilFailed = 3
	// firstPause and longestPause bound the waits between restarts. The first
	// restart is at once.
	firstPause   = 500 * time.Millisecond
	longestPause = 30 * time.Second
	// portLook is how often a port that somebody else has is tried again: nothing is
	// started for it, and it may be had again at any moment.
	portLook = time.Second
	// provenAfter is how long a database must serve before its next death is the
	// first again.
	provenAfter = time.Minute
)

// A supervisor brings the database to what the orders say, one step at a time.
// All but poke, ordered, relieve, renew and awaitIdle belong to its one goroutine.
type supervisor struct {
	config   Config
	orders   *orders
	board    *board
	programs *programs
	log      *slog.Logger
	woken    chan struct{}

	current  *doltserver.Running
	alive    context.Context //nolint:containedctx // the current one's: questions to it end with it
	asked    time.Time       // when the current one was first asked for: start, or found
	serving  time.Time       // since when it serves; zero: not yet
	misses   int
	died     bool // the next start follows a death, and not an order
	pause    *backoff.ExponentialBackOff
	nextTry  time.Time
	newOrder chan struct{}
	relieved chan struct{}
	outdated chan time.Time
	full     time.Time       // when the disk had no room last, of shortages that are over
	life     context.Context //nolint:containedctx // the agent's: watches of processes end with it

	mu     sync.Mutex
	idlers []chan struct{} // closed when there is no database, as ordered
}

func newSupervisor(config Config, o *orders, b *board, p *programs, log *slog.Logger) *supervisor {
	s := &supervisor{
		config: config, orders: o, board: b, programs: p, log: log,
		woken: make(chan struct{}, 1), newOrder: make(chan struct{}, 1), relieved: make(chan struct{}, 1), outdated: make(chan time.Time, 1),
		pause: backoff.NewExponentialBackOff(
			backoff.WithInitialInterval(firstPause), backoff.WithMaxInterval(longestPause),
			backoff.WithMultiplier(2), backoff.WithRandomizationFactor(0.3), // machines that failed together do not return together
			backoff.WithMaxElapsedTime(0), // there is no giving up
		),
	}
	return s
}

// poke makes the supervisor look again now.
func (s *supervisor) poke() {
	select {
	case s.woken <- struct{}{}:
	default: // a look is due already
	}
}

// ordered makes the supervisor carry out a new order now, whatever failed before.
func (s *supervisor) ordered() {
	select {
	case s.newOrder <- struct{}{}:
	default:
	}
	s.poke()
}

// relieve makes the supervisor try again now, as what the database failed for is over.
func (s *supervisor) relieve() {
	select {
	case s.relieved <- struct{}{}:
	default:
	}
	s.poke()
}

// renew makes the supervisor start a database anew that ran at a moment when its disk had
// no room.
func (s *supervisor) renew(full time.Time) {
	select {
	case s.outdated <- full:
	default: // an earlier one is not heard of yet, and is enough
	}
	s.poke()
}

// awaitIdle returns a channel that is closed once a step that began after this
// call found that there is no database, as ordered.
func (s *supervisor) awaitIdle() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := make(chan struct{})
	s.idlers = append(s.idlers, done)
	return done
}

func (s *supervisor) takeIdlers() []chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.idlers
	s.idlers = nil
	return taken
}

func (s *supervisor) giveBack(idlers []chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idlers = append(s.idlers, idlers...)
}

func (s *supervisor) run(ctx context.Context) error {
	for ctx.Err() == nil {
		timer := time.NewTimer(s.step(ctx))
		select {
		case <-ctx.Done():
		case <-s.woken:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// firstStep finds a database that runs, or starts it, before the agent answers.
// The bound is for one that hangs: then the agent had better say so.
func (s *supervisor) firstStep(ctx context.Context) {
	s.life = ctx
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	s.step(ctx)
}

// step does the one next thing and says when to look again at the latest.
func (s *supervisor) step(ctx context.Context) time.Duration {
	s.hear()
	idlers := s.takeIdlers()
	server := s.server()
	s.findAgain(server)
	want, source, wanted := s.orders.wanted()
	if wanted || s.current != nil {
		s.giveBack(idlers)
	}
	switch {
	case s.current != nil && !wanted:
		return s.stop(ctx, "ordered")
	case s.current != nil && s.current.StartedAt().Before(s.full):
		return s.stop(ctx, "its volume was full and has room again; until it is started anew it may refuse every write")
	case s.current != nil && s.current.Fingerprint != server.Fingerprint(want):
		return s.change(ctx, server, want, source)
	case s.current != nil:
		s.programs.settled()
		return s.check(ctx, server, want)
	case !wanted:
		s.idle()
		for _, done := range idlers {
			close(done)
		}
		return healthEvery
	case time.Now().Before(s.nextTry):
		return time.Until(s.nextTry)
	default:
		return s.begin(server, want, source)
	}
}

// hear takes in what others told since the last step: one step is made for all of it.
func (s *supervisor) hear() {
	for {
		select {
		case <-s.newOrder:
			s.forgive()
			s.board.update(func(st *agentpb.StatusResponse) { st.Database.Restarts = 0 })
		case <-s.relieved:
			s.forgive()
		case s.full = <-s.outdated:
		default:
			return
		}
	}
}

// server is the database's place. The volume may change between steps; the
// process is found without it.
func (s *supervisor) server() *doltserver.Server {
	return doltserver.New(doltserver.Place{
		Volume: s.orders.directory(), PIDFile: DatabasePIDFile(s.config.dir),
		Log: filepath.Join(s.config.logDir(), "dolt.log"), Versions: s.config.VersionsDir,
		Host: s.config.SQLHost, Port: s.config.SQLPort, MetricsPort: s.config.MetricsPort,
	}, s.log)
}

// findAgain settles whether a database runs: one started by an agent before this
// one, or one that has died since the last step.
func (s *supervisor) findAgain(server *doltserver.Server) {
	if s.current != nil && !s.current.Alive() {
		s.bury(server)
	}
	if s.current != nil {
		return
	}
	found, err := server.Find()
	if errors.Is(err, process.ErrNotRunning) {
		return
	}
	if err != nil {
		s.log.Error("cannot tell whether the database runs", "err", err)
		return
	}
	s.log.Info("database found again", "pid", found.PID(), "version", found.Version)
	s.watch(found)
}

// watch makes a process the current one and wakes the supervisor at its end.
func (s *supervisor) watch(r *doltserver.Running) {
	s.current, s.asked, s.serving, s.misses = r, time.Now(), time.Time{}, 0
	s.show(agentpb.Database_STARTING, "")
	var dead context.CancelFunc
	s.alive, dead = context.WithCancel(s.life)
	go func() {
		defer dead()
		if r.Wait(s.life) == nil {
			s.poke()
		}
	}()
}

// bury notes a death that nobody ordered.
func (s *supervisor) bury(server *doltserver.Server) {
	r := s.current
	detail := fmt.Sprintf("the database ended (%s)", r.Exit())
	if last := server.LastWords(r); last != "" {
		detail += "; its last words:\n" + last
	}
	s.log.Warn("database ended", "pid", r.PID(), "exit", r.Exit())
	s.fail(detail)
	if server.OutOfSpace(r) {
		s.board.update(func(st *agentpb.StatusResponse) {
			if holding(st, DiskFull) != nil {
				return // the volume measures full: that stays true while the next database serves
			}
			raise(st, trouble{DiskFull, "NoSpaceLeft", "the database ended because its volume has no space left; raise volume_gb"})
		})
	}
	s.current, s.died = nil, true
}

// fail shows why there is no database, and sets when to try again.
func (s *supervisor) fail(detail string) {
	if !s.serving.IsZero() && time.Since(s.serving) >= provenAfter {
		s.forgive()
	}
	if s.nextTry.IsZero() {
		s.nextTry = time.Now()
	} else {
		s.nextTry = time.Now().Add(s.pause.NextBackOff())
	}
	s.serving = time.Time{}
	s.show(agentpb.Database_FAILED, detail)
}

// forgive makes the next failure the first.
func (s *supervisor) forgive() {
	s.pause.Reset()
	s.nextTry = time.Time{}
}
