package acme

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-acme/lego/v4/certificate"
)

// Obtain implements reconciler.Certificates. While a retry that the report names is
// still ahead, nothing is done.
func (c *Client) Obtain(ctx context.Context, deployment string, names []string) error {
	wanted := joinNames(names)
	if wanted == "" {
		return fmt.Errorf("a certificate of deployment %s needs a name", deployment)
	}
	r := c.recordOf(deployment, wanted)
	if err := r.acquire(ctx); err != nil {
		return err
	}
	defer r.release()
	if c.waiting(r, wanted) {
		return nil
	}
	err := c.obtain(ctx, deployment, r, wanted)
	if err != nil {
		return fmt.Errorf("the certificate of deployment %s: %w", deployment, err)
	}
	return nil
}

// recordOf is the deployment's record; one that is not tracked gets one of its own.
func (c *Client) recordOf(deployment, names string) *record {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.records[deployment]; r != nil {
		return r
	}
	r := newRecord()
	r.want(names)
	return r
}

// waiting tells whether the last failure asks for patience.
func (c *Client) waiting(r *record, names string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return r.names == names && c.now().Before(r.retry)
}

// obtain takes what stands in the store, or orders. The caller holds the record.
func (c *Client) obtain(ctx context.Context, id string, r *record, names string) error {
	if err := c.saveAgain(ctx, id, r); err != nil {
		return err
	}
	if err := c.reread(ctx, id, r, names); err != nil {
		return err
	}
	current := c.usable(r, names)
	if current == nil {
		old := c.newest(r, names)
		wait, err := c.order(ctx, id, r, names, old)
		var held *heldError
		var store *storeError
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &held):
			c.held(id, r, names, held.hold)
			return nil
		case errors.As(err, &store):
			return err
		case !c.overtaken(ctx, id, r, names):
			c.failed(id, r, names, err, wait)
			return nil
		}
	}
	c.suggest(ctx, id, r)
	c.done(id, r, names)
	return nil
}

// overtaken tells whether another control plane was faster at what this one failed at.
func (c *Client) overtaken(ctx context.Context, id string, r *record, names string) bool {
	return c.reread(ctx, id, r, names) == nil && c.usable(r, names) != nil
}

// done files what there is now.
func (c *Client) done(id string, r *record, names string) {
	c.mu.Lock()
	if r.names == names {
		r.settle()
		r.looked, r.lookAt = true, c.now().Add(lookEvery)
	}
	c.mu.Unlock()
	c.file(id, r)
}

func (c *Client) newest(r *record, names string) *stored {
	c.mu.Lock()
	defer c.mu.Unlock()
	return r.shelf.newest(names)
}

// usable is the newest certificate for the names unless it needs a successor.
func (c *Client) usable(r *record, names string) *stored {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := r.shelf.newest(names)
	if s == nil || !c.now().Before(s.leaf.NotAfter) || !c.now().Before(r.renewAt(s)) {
		return nil
	}
	return s
}

// A heldError is an order that was not made.
type heldError struct{ hold hold }

func (e *heldError) Error() string { return e.hold.reason }

// order gets a new certificate and stores it. When the authority refused, it returns
// when it says that another try makes sense.
func (c *Client) order(ctx context.Context, id string, r *record, names string, old *stored) (time.Time, error) {
	replaces, err := replacesOf(old)
	if err != nil {
		return time.Time{}, err
	}
	reserved, h := c.book.reserve(names, replaces != "", c.now())
	if reserved == nil {
		return time.Time{}, &heldError{h}
	}
	defer func() { c.book.release(reserved) }()
	key, err := c.accountKey(ctx)
	if err != nil {
		return time.Time{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	s, err := c.login(ctx, key)
	if err != nil {
		return s.wire.waitUntil(), err
	}
	order := &ordering{client: c, session: s, id: id, names: names, replaces: replaces, reserved: &reserved}
	bundle, err := order.run(ctx)
	if err != nil {
		return s.wire.waitUntil(), err
	}
	return time.Time{}, c.save(ctx, id, r, bundle)
}

func replacesOf(old *stored) (string, error) {
	if old == nil {
		return "", nil
	}
	return certificate.MakeARICertID(old.leaf)
}
