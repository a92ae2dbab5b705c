// Package agentclient speaks with the agents on the machines: it watches what
// they report, gives new ones their identity, and hands them orders together
// with the secrets that belong to them.
//
// It promises that orders and secrets go only to an agent that proved, with a
// certificate of the fleet's CA, to be the machine that is meant; that every
// call has a deadline; that a report is as fresh as the connection is alive, and
// says since when and why when it is not; and that Changed stays silent while
// nothing changes that a plan depends on.
//
// It decides nothing and retries no order: the loop looks again and plans again.
package agentclient

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

// Tokens knows the one-time tokens of machines that have not been enrolled.
type Tokens interface {
	EnrolmentToken(ctx context.Context, machineID string) ([]byte, error)
}

// An Attestor tells whether the signed identity document that an agent sent is of
// the machine that the cloud lists.
type Attestor interface {
	Attest(ctx context.Context, m plan.Machine, document []byte) error
}

// Bundles has the certificates of a public authority with their keys.
type Bundles interface {
	Bundle(ctx context.Context, deployment, fingerprint string) (certPEM, keyPEM []byte, err error)
}

// Options are what a Client works with. How a fresh agent proves who it is depends
// on the cloud: either Attestor or Tokens is set.
type Options struct {
	CA       *secrets.CA
	Secrets  secrets.Store
	Tokens   Tokens       // of a cloud that hands machines a one-time token
	Attestor Attestor     // of a cloud that vouches for its machines
	Bundles  Bundles      // of a public authority; nil: there is none
	Domain   string       // that databases have names in; empty: they have addresses alone
	Logger   *slog.Logger // nil: nothing is logged
}

// A Client is a reconciler.Agents. Safe for concurrent use. Its watchers live
// as long as Run does.
type Client struct {
	opts    Options
	log     *slog.Logger
	changed chan struct{}

	mu       sync.Mutex
	running  context.Context // Run's; nil: not running
	watchers map[string]*watcher
	reports  map[string]*plan.Agent // never changed: a newer one is another
	news     chan struct{}          // closed at the next report
	ends     sync.WaitGroup
}

// New returns a client that knows no machine.
func New(opts Options) *Client {
	c := &Client{opts: opts, log: opts.Logger, changed: make(chan struct{}, 1),
		watchers: make(map[string]*watcher), reports: make(map[string]*plan.Agent), news: make(chan struct{})}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Run watches the tracked machines until ctx ends, and returns when no watcher
// is left.
func (c *Client) Run(ctx context.Context) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	c.mu.Lock()
	c.running = nil
	c.mu.Unlock()
	c.ends.Wait()
	return nil
}

func (c *Client) begin(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil {
		return errors.New("the agents are watched already: Run was called twice")
	}
	c.running = ctx
	for _, w := range c.watchers {
		c.start(w)
	}
	return nil
}

// Track implements reconciler.Agents.
func (c *Client) Track(machines []plan.Machine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wanted := make(map[string]bool, len(machines))
	for _, m := range machines {
		if m.State == plan.MachineTerminated {
			continue
		}
		wanted[m.ID] = true
		c.track(m)
	}
	for id, w := range c.watchers {
		if !wanted[id] {
			w.stop()
			delete(c.watchers, id)
			delete(c.reports, id)
		}
	}
}

func (c *Client) track(m plan.Machine) {
	if w := c.watchers[m.ID]; w != nil {
		w.setTarget(targetOf(m))
		return
	}
	w := newWatcher(c, m)
	c.watchers[m.ID] = w
	if c.running != nil {
		c.start(w)
	}
}

// start begins to watch. The caller has the lock.
func (c *Client) start(w *watcher) {
	ctx, cancel := context.WithCancel(c.running)
	w.cancel = cancel
	c.ends.Go(func() {
		defer cancel()
		w.run(ctx)
	})
}

// Reports implements reconciler.Agents.
func (c *Client) Reports() map[string]*plan.Agent {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.reports)
}

// Changed implements reconciler.Agents.
func (c *Client) Changed() <-chan struct{} { return c.changed }

// report files a watcher's report, unless its machine is no longer tracked. Whoever sees
// the report was told of it before.
func (c *Client) report(w *watcher, r plan.Agent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.reports[w.id]
	if c.watchers[w.id] != w {
		return
	}
	if old != nil && old.Reachable == r.Reachable {
		r.Since = old.Since
	} else {
		r.Since = time.Now()
	}
	c.reports[w.id] = &r
	close(c.news)
	c.news = make(chan struct{})
	if old != nil && sameForPlan(*old, r) {
		return
	}
	select {
	case c.changed <- struct{}{}:
	default: // one is waiting already
	}
}

func (c *Client) watcher(id string) *watcher {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.watchers[id]
}
