// Package repo is the fleet's Dolt repository: a private clone that meets other
// processes at the hub by fetch and push.
//
// It promises that a change is on the hub whole or not at all: every change is
// made on a scratch branch of the clone, from the hub's commit, and pushed as a
// fast-forward, which the hub takes only while its branch is where it was. So a
// push is a compare-and-set, the loser learns it as ErrLost, and the clone holds
// nothing that could be lost. Every commit carries the author of Options.
//
// It does not judge the rows: packages specs and ci do. It does not serve SQL to
// others, and one process at a time uses a directory.
//
// This is the only package that imports the Dolt driver. Build with the tag
// gms_pure_go.
package repo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"
	embedded "github.com/dolthub/driver"
)

// The names inside a clone.
const (
	database = "fleet"
	remote   = "origin"

	// MainBranch holds the desired state, StatusBranch what was seen and done.
	MainBranch   = "main"
	StatusBranch = "status"
	// ProposalsBranch holds what is suggested for main, and who agreed.
	ProposalsBranch = "proposals"
)

// Options say which repository to open, where, and as whom.
type Options struct {
	Dir            string // of the clone; made if it is not there
	Hub            string // URL of the Dolt remote
	User, Password string // for a hub that is a dolt sql-server; empty: none
	Author         Author // of every commit
	Logger         *slog.Logger
}

// An Author is who a commit is by.
type Author struct{ Name, Email string }

func (a Author) String() string { return a.Name + " <" + a.Email + ">" }

// A Repo is an open clone. Its methods may be called side by side.
type Repo struct {
	opts      Options
	connector *embedded.Connector
	db        *sql.DB
	lock      *os.File
	link      *link
	counter   atomic.Uint64 // of scratch branches
	// mu serialises what talks to the hub or moves refs; reads run beside it.
	mu sync.Mutex
	// sums serialises the use of the file of statistics.
	sums sync.Mutex
}

// openTimeout bounds the wait for a directory that another process holds: a
// command that is just ending lets go within it, and a person does not wonder.
const openTimeout = 2 * time.Second

// Open opens the clone of the hub in Dir, or makes it where there is none.
func Open(ctx context.Context, o Options) (*Repo, error) {
	if err := check(&o); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("the directory %s cannot be made; choose another: %w", o.Dir, err)
	}
	lock, err := lockDir(ctx, o.Dir)
	if err != nil {
		return nil, err
	}
	r := &Repo{opts: o, lock: lock, link: &link{user: o.User, password: o.Password}}
	if err := r.open(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func check(o *Options) error {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Author.Name == "" || o.Author.Email == "" {
		return errors.New("commits need an author: give a name and an e-mail address")
	}
	if err := CheckHub(o.Hub); err != nil {
		return err
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return fmt.Errorf("the directory %s cannot be found: %w", o.Dir, err)
	}
	o.Dir = dir
	return nil
}

func (r *Repo) open(ctx context.Context) error {
	silence()
	shareLinks()
	if err := giveEngineRoot(r.opts.Dir); err != nil {
		return err
	}
	cloned := isDir(filepath.Join(r.opts.Dir, database))
	stampUsageEvent(filepath.Join(r.opts.Dir, database))
	connector, err := embedded.NewConnector(embedded.Config{
		Directory:  r.opts.Dir,
		CommitName: r.opts.Author.Name, CommitEmail: r.opts.Author.Email,
		BackOff: backoff.NewExponentialBackOff(
			backoff.WithInitialInterval(20*time.Millisecond), backoff.WithMaxElapsedTime(openTimeout)),
	})
	if err != nil {
		return fmt.Errorf("the clone in %s cannot be opened: %w", r.opts.Dir, err)
	}
	r.connector, r.db = connector, sql.OpenDB(connector)
	err = childless(func() error {
		if err := r.db.PingContext(r.link.with(ctx)); err != nil {
			return openError(r.opts.Dir, err)
		}
		return keepFromChildren()
	})
	if err != nil {
		return err
	}
	if !cloned {
		if err := r.clone(ctx); err != nil {
			return err
		}
		return keepFromChildren() // no program was kept from starting: a clone may take minutes
	}
	if err := r.checkSameHub(ctx); err != nil {
		return err
	}
	return r.dropScratch(ctx)
}

// Close ends the use of the clone. Nothing is lost by it.
func (r *Repo) Close() error {
	errs := []error{r.link.close()}
	if r.db != nil {
		errs = append(errs, r.db.Close())
	}
	if r.connector != nil {
		errs = append(errs, r.connector.Close())
	}
	if r.lock != nil {
		errs = append(errs, r.lock.Close())
		r.lock = nil
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing the clone in %s: %w", r.opts.Dir, err)
	}
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
