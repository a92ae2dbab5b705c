package webhooks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"
)

// A Config says what a worker works with.
type Config struct {
	Repository Repository
	Base       string // branch that stands for the fleet's main; empty: main
	Dir        string // of the files of the desired state; empty: specs
	// Drafts has drafts judged too. Else they are when they are ready for review.
	Drafts bool
	// Render says how a change that came by other ways gets into the files.
	Render Render
	// Details gives the page with all that is told of a pull request; nil: its checks.
	Details func(number int, head string) string
	// Sweep is how often everything is looked at; zero: DefaultSweep. Rechecks is how
	// many pull requests a sweep has judged anew at most; zero: DefaultRechecks.
	Sweep    time.Duration
	Rechecks int

	GitHub GitHub
	Fleet  Fleet
	Queue  Queue
	Notes  Notes
	Log    *slog.Logger
}

// A Render is a way to bring changes of the fleet's main back to GitHub.
type Render string

// The ways.
const (
	RenderOff         Render = "off"
	RenderCommit      Render = "commit"       // on the base branch
	RenderPullRequest Render = "pull-request" // for somebody to merge
)

const (
	// DefaultSweep is how late a delivery that was lost is made good. A sweep with
	// nothing new is a few requests that do not count.
	DefaultSweep = time.Minute
	// DefaultRechecks spreads 500 pull requests over nine minutes. Each is one request
	// when nothing of it changed, so that a main that moves all the time uses up no
	// more than 3,600 of the 5,000 that GitHub gives for an hour.
	DefaultRechecks = 60
)

// A Worker does what items ask for. Make it with New; Run it once.
type Worker struct {
	cfg   Config
	log   *slog.Logger
	notes notes
	files *fileCache
	turns turns
}

// New makes a worker; nothing happens before Run.
func New(cfg Config) (*Worker, error) {
	if cfg.GitHub == nil || cfg.Fleet == nil || cfg.Queue == nil || cfg.Notes == nil || cfg.Repository.Owner == "" || cfg.Repository.Name == "" {
		return nil, errors.New("a worker for GitHub needs a repository, a client, a fleet, a queue and notes")
	}
	setDefaults(&cfg)
	switch cfg.Render {
	case RenderOff, RenderCommit, RenderPullRequest:
	default:
		return nil, fmt.Errorf("render is %q; use commit, pull-request or off", cfg.Render)
	}
	return &Worker{cfg: cfg, log: cfg.Log.With("repository", cfg.Repository.String()), notes: notes{cfg.Notes}, files: newFileCache(), turns: turns{}}, nil
}

func setDefaults(cfg *Config) {
	if cfg.Base == "" {
		cfg.Base = "main"
	}
	if cfg.Dir == "" {
		cfg.Dir = "specs"
	}
	if cfg.Render == "" {
		cfg.Render = RenderOff
	}
	if cfg.Sweep == 0 {
		cfg.Sweep = DefaultSweep
	}
	if cfg.Rechecks == 0 {
		cfg.Rechecks = DefaultRechecks
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
}

// Run works off the queue, and asks for a sweep at the start and then as often as the
// configuration says, until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return w.cfg.Queue.Run(ctx, w.work) })
	group.Go(func() error { return w.tick(ctx) })
	group.Go(func() error { return w.follow(ctx) })
	return group.Wait()
}

// followEvery is how soon GitHub hears that a merged commit is carried out. A look asks
// the fleet's repository alone.
const followEvery = 5 * time.Second

// follow looks after merged commits between sweeps.
func (w *Worker) follow(ctx context.Context) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		all, err := w.notes.pulls()
		if err == nil {
			err = w.deployments(ctx, all)
		}
		if err != nil && ctx.Err() == nil {
			w.log.Warn("cannot look how far merged pull requests are; it is tried again", "err", err)
		}
	}
}

// Wake asks for a sweep now, for who knows that the fleet moved.
func (w *Worker) Wake(ctx context.Context) error { return w.ask(ctx, 0) }

func (w *Worker) tick(ctx context.Context) error {
	for {
		if err := w.Wake(ctx); err != nil {
			w.log.Error("cannot ask for a sweep; it is tried again", "err", err)
		}
		// Several control planes must not ask GitHub at the same moment for ever.
		timer := time.NewTimer(w.cfg.Sweep + rand.N(w.cfg.Sweep/10+1))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

func (w *Worker) work(ctx context.Context, item Item) error {
	if item.Repository != w.cfg.Repository {
		w.log.Warn("an item for another repository is dropped; the configuration changed", "other", item.Repository.String())
		return nil
	}
	if item.Number == 0 {
		return w.sweep(ctx)
	}
	return w.visit(ctx, item.Number, item.Anew)
}
