package hub

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"
)

// A Watcher learns from the embedded hub, over one SQL connection, when a branch
// moves and when somebody left rows uncommitted on main. A query costs the hub
// and us about half a millisecond together, a fetch twenty times that: that is
// why the control plane is woken by this and not by fetching all the time. It asks
// when the hub's files change, and now and then anyway.
type Watcher struct {
	Files    string // directory that the hub writes every commit to
	Port     int
	Password string
	Log      *slog.Logger
	// Moved is called with a branch and its new commit, also at the beginning.
	Moved func(branch, commit string)
	// Dirty is called when rows are left uncommitted on main, with a sentence that
	// names them and says what to do, and with an empty one when they are gone.
	Dirty func(message string)
}

const (
	// watchEvery is for what the files did not tell: a second costs a tenth of a
	// percent of a core for both sides.
	watchEvery = time.Second
	// settleFor is how long a writing hub is let write before it is asked: a push is
	// several writes, and a bulk load thousands.
	settleFor = 10 * time.Millisecond
	// dirtyAfter is how long rows lie on main before it is said: whoever edits by
	// hand and commits at once should not set off an alarm.
	dirtyAfter = 3 * time.Second
	// askBound is for a hub that hangs: then it is asked anew.
	askBound = 5 * time.Second
)

// Run watches until ctx is done. A hub that is away is asked again; that it is
// away is the supervisor's to say.
func (w *Watcher) Run(ctx context.Context) error {
	db, err := Connect(w.Port, w.Password, Database)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	seen := &sight{watcher: w, heads: map[string]string{}}
	files := newFileWatch(w.Files, w.Log)
	defer files.close()
	for {
		if err := seen.look(ctx, db); err != nil && ctx.Err() == nil {
			w.Log.Debug("the hub did not answer", "err", err)
		}
		if !files.wait(ctx, watchEvery) {
			return nil
		}
	}
}

// A sight is what was seen last.
type sight struct {
	watcher *Watcher
	heads   map[string]string
	dirty   time.Time // since when; zero: main is clean
	told    string    // what was last said about it
}

func (s *sight) look(ctx context.Context, db *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, askBound)
	defer cancel()
	heads, dirty, err := branches(ctx, db)
	if err != nil {
		return err
	}
	for branch, commit := range heads {
		if s.heads[branch] != commit {
			s.heads[branch] = commit
			s.watcher.Moved(branch, commit)
		}
	}
	return s.lookAtDirt(ctx, db, dirty)
}

// branches asks for the two branches a control plane lives on, and whether main
// has uncommitted rows.
func branches(ctx context.Context, db *sql.DB) (heads map[string]string, dirty bool, err error) {
	rows, err := db.QueryContext(ctx, "SELECT name, hash, dirty FROM dolt_branches WHERE name IN ('main', 'status')")
	if err != nil {
		return nil, false, fmt.Errorf("ask for branches: %w", err)
	}
	defer rows.Close()
	heads = map[string]string{}
	for rows.Next() {
		var name, hash string
		var unclean bool
		if err := rows.Scan(&name, &hash, &unclean); err != nil {
			return nil, false, fmt.Errorf("read branches: %w", err)
		}
		heads[name] = hash
		dirty = dirty || name == "main" && unclean
	}
	return heads, dirty, rows.Err()
}

func (s *sight) lookAtDirt(ctx context.Context, db *sql.DB, dirty bool) error {
	switch {
	case !dirty && s.told != "":
		s.told = ""
		s.watcher.Dirty("")
		fallthrough
	case !dirty:
		s.dirty = time.Time{}
		return nil
	case s.dirty.IsZero():
		s.dirty = time.Now()
	}
	// Then again as often: the rows may become others.
	if time.Since(s.dirty) < dirtyAfter {
		return nil
	}
	s.dirty = time.Now()
	message, err := describeDirt(ctx, db)
	if err != nil {
		return err
	}
	if message != s.told {
		s.told = message
		s.watcher.Dirty(message)
	}
	return nil
}
