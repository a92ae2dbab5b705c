package acme

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// lookEvery is how often a deployment is looked at in the store for what another
	// control plane did. Rarely: the one that needs a certificate looks before it
	// orders, and every look is paid for.
	lookEvery = 6 * time.Hour
	// lookAgain is the pause when the store could not be read.
	lookAgain = 30 * time.Second
	// looks bounds how many deployments are looked up side by side: enough for a
	// fleet of a thousand to be known within a minute at a store that takes 50 ms.
	looks = 8
	// idle is how long nothing happens when nothing is due. Track ends it.
	idle = time.Hour
)

// Run looks up what is tracked until ctx ends.
func (c *Client) Run(ctx context.Context) error {
	if !c.begin() {
		return errors.New("the certificates are watched already: Run was called twice")
	}
	defer c.end()
	for ctx.Err() == nil {
		c.round(ctx)
		timer := time.NewTimer(c.untilNext())
		select {
		case <-ctx.Done():
		case <-c.kicks:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

func (c *Client) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.running
	c.running = true
	return !was
}

func (c *Client) end() {
	c.transport.CloseIdleConnections()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = false
}

// round looks up every deployment that is due.
func (c *Client) round(ctx context.Context) {
	var group errgroup.Group
	group.SetLimit(looks)
	for id, r := range c.due() {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			c.look(ctx, id, r)
			return nil
		})
	}
	_ = group.Wait() // none returns an error
}

func (c *Client) due() map[string]*record {
	c.mu.Lock()
	defer c.mu.Unlock()
	due := make(map[string]*record)
	for id, r := range c.records {
		if !c.now().Before(c.nextLook(r)) {
			due[id] = r
		}
	}
	return due
}

// nextLook is when a record is due. The caller has the lock.
func (c *Client) nextLook(r *record) time.Time {
	next := r.lookAt
	if r.shelf.newest(r.names) != nil && r.askAt.Before(next) {
		next = later(r.askAt, c.quietUntil)
	}
	return next
}

func (c *Client) untilNext() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	wait := idle
	for _, r := range c.records {
		wait = min(wait, c.nextLook(r).Sub(c.now()))
	}
	return max(wait, 0)
}

// look brings one deployment's report up to date. One that is being worked on gets
// its report from there.
func (c *Client) look(ctx context.Context, id string, r *record) {
	if !r.tryAcquire() {
		c.lookLater(r, lookAgain)
		return
	}
	defer r.release()
	c.mu.Lock()
	names, before, due := r.names, r.shelf.newest(r.names), !c.now().Before(r.lookAt)
	c.mu.Unlock()
	if due {
		if err := c.reread(ctx, id, r, names); err != nil {
			c.unreadable(ctx, id, r, err)
			return
		}
	}
	c.suggest(ctx, id, r)
	if !due || c.looked(r, names, before) {
		c.file(id, r)
	}
}

func (c *Client) unreadable(ctx context.Context, id string, r *record, err error) {
	if ctx.Err() == nil {
		c.log.Warn("a deployment's certificates cannot be looked up in the secret store; it is tried again", "deployment", id, "err", err)
	}
	c.lookLater(r, lookAgain)
}

// looked notes that a look is done, unless the names changed under it. Another
// control plane's success ends what this one failed at.
func (c *Client) looked(r *record, names string, before *stored) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.names != names {
		return false
	}
	r.looked, r.lookAt = true, c.now().Add(lookEvery)
	if r.shelf.newest(names) != before {
		r.settle()
	}
	return true
}

func (c *Client) lookLater(r *record, pause time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.lookAt = c.now().Add(pause)
}
