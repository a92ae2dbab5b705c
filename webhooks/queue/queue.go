// Package queue keeps what GitHub told of in a directory until it is worked off.
//
// It promises that what Put returned for is worked off, whatever kills the process in
// between; that items for one pull request that wait are one, and no two of them are
// worked on at a time; that a delivery is taken once, as far back as it remembers; and
// that what fails is tried again with growing pauses, with a reason that can be seen.
// It keeps no order, and one process alone may use a directory.
package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/mainstaydb/mainstay/agent/alone"
	"github.com/mainstaydb/mainstay/agent/durable"
	"github.com/mainstaydb/mainstay/webhooks"
)

const (
	suffix = ".json"
	// DefaultWorkers is a few: GitHub asks not to be called by many at once, and the
	// fleet's repository lets one in at a time.
	DefaultWorkers = 4
	// DefaultRemember is a week of a busy team's deliveries. GitHub delivers again what
	// is up to three days old.
	DefaultRemember = 10_000
	// DefaultTime is far above what a pull request takes, also when GitHub makes us wait
	// for a minute or two.
	DefaultTime = 10 * time.Minute
)

// Options change how a queue works.
type Options struct {
	Workers  int           // at a time; 0: DefaultWorkers
	Remember int           // ids of deliveries; 0: DefaultRemember
	Time     time.Duration // that one try may take; 0: DefaultTime
	Log      *slog.Logger
}

// A Queue is a durable queue. Safe for concurrent use.
type Queue struct {
	dir  string
	opt  Options
	lock *alone.Lock
	wake chan struct{}

	mu      sync.Mutex
	entries map[string]*entry // by file name
	seen    *deliveries
}

var _ webhooks.Queue = (*Queue)(nil)

// An entry is an item that is not worked off.
type entry struct {
	item  webhooks.Item
	asked int // how often; more when it ends than when it began: once again
	busy  bool
	due   time.Time
	tries int // that failed
	err   error
	pause *backoff.ExponentialBackOff
}

// A Waiting is an item that is not worked off, with why not.
type Waiting struct {
	Item  webhooks.Item
	Busy  bool
	Tries int // that failed
	Err   error
	Due   time.Time
}

// Open opens the queue in a directory and makes it if there is none.
func Open(dir string, opt Options) (*Queue, error) {
	if opt.Workers == 0 {
		opt.Workers = DefaultWorkers
	}
	if opt.Remember == 0 {
		opt.Remember = DefaultRemember
	}
	if opt.Time == 0 {
		opt.Time = DefaultTime
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the directory %s for deliveries; choose one that you may write to: %w", dir, err)
	}
	q := &Queue{dir: dir, opt: opt, wake: make(chan struct{}, 1), entries: map[string]*entry{}}
	if err := q.open(); err != nil {
		_ = q.Close()
		return nil, err
	}
	return q, nil
}

func (q *Queue) open() (err error) {
	switch q.lock, err = alone.File(filepath.Join(q.dir, "lock"), alone.Patience); {
	case errors.Is(err, alone.ErrTaken):
		return fmt.Errorf("another process works off the queue %s; give each its own directory: %w", q.dir, err)
	case err != nil:
		return fmt.Errorf("cannot open the queue %s; check that it belongs to you: %w", q.dir, err)
	}
	if q.seen, err = openDeliveries(filepath.Join(q.dir, "deliveries"), q.opt.Remember); err != nil {
		return err
	}
	return q.load()
}

// load finds what a process before did not work off.
func (q *Queue) load() error {
	files, err := os.ReadDir(q.dir)
	if err != nil {
		return fmt.Errorf("cannot list the queue %s: %w", q.dir, err)
	}
	for _, f := range files {
		path := filepath.Join(q.dir, f.Name())
		switch {
		case strings.HasPrefix(f.Name(), "."): // half written when a process was killed
			_ = os.Remove(path)
		case strings.HasSuffix(f.Name(), suffix):
			item, err := readItem(path)
			if err != nil {
				q.opt.Log.Error("an item of the queue cannot be read and is left out; the sweep makes up for it", "path", path, "err", err)
				continue
			}
			q.entries[f.Name()] = newEntry(item)
		}
	}
	return nil
}

func readItem(path string) (webhooks.Item, error) {
	var item webhooks.Item
	content, err := os.ReadFile(path)
	if err != nil {
		return item, err
	}
	return item, json.Unmarshal(content, &item)
}

// Close lets go of the directory. Run must have ended.
func (q *Queue) Close() error {
	var err error
	if q.seen != nil {
		err = q.seen.close()
	}
	_ = q.lock.Close()
	return err
}

// Put implements webhooks.Inbox. The item comes before the id: killed in between, the
// delivery is worked off and may come again, which costs a look.
func (q *Queue) Put(_ context.Context, item webhooks.Item) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.seen.has(item.Delivery) {
		return false, nil
	}
	if err := q.add(item); err != nil {
		return false, fmt.Errorf("cannot keep a delivery in %s; check that its disk is not full: %w", q.dir, err)
	}
	if err := q.seen.add(item.Delivery); err != nil {
		return false, fmt.Errorf("cannot note a delivery in %s; check that its disk is not full: %w", q.dir, err)
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true, nil
}

func (q *Queue) add(item webhooks.Item) error {
	name := fileName(item)
	e := q.entries[name]
	if e == nil || item.Anew && !e.item.Anew {
		content, err := json.Marshal(item)
		if err != nil {
			return err
		}
		if err := durable.WriteFile(filepath.Join(q.dir, name), content, 0o600); err != nil {
			return err
		}
	}
	if e == nil {
		e = newEntry(item)
		q.entries[name] = e
	}
	e.item.Anew = e.item.Anew || item.Anew
	e.asked++
	if item.Delivery != "" { // something happened: what failed may go well now
		e.due = time.Time{}
	}
	return nil
}
