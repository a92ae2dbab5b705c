package acme

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-acme/lego/v4/certificate"
)

// saveTimeout bounds the storing of a certificate that was issued when the caller has
// given up meanwhile: it would be lost, and count against the limits all the same.
const saveTimeout = 15 * time.Second

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

// An ordering is one order under way.
type ordering struct {
	client    *Client
	session   *session
	id, names string
	replaces  string
	reserved  **issue
}

// run brings the order to a bundle.
func (o *ordering) run(ctx context.Context) ([]byte, error) {
	c, names := o.client, splitNames(o.names)
	if o.replaces != "" && o.session.core.GetDirectory().RenewalInfo == "" {
		if err := o.asNew(); err != nil {
			return nil, err
		}
		o.replaces = ""
	}
	order, err := o.session.newOrder(names, o.replaces, o.asNew)
	if err != nil {
		return nil, err
	}
	if err := c.prove(ctx, o.session, o.id, order.Authorizations); err != nil {
		return nil, err
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	chain, err := o.session.finish(ctx, order, key, names)
	if err != nil {
		if !refused(err) {
			c.book.keep(*o.reserved)
		}
		return nil, err
	}
	return makeBundle(chain, key, c.opts.Directory, c.now(), order.Replaces != "")
}

// asNew is asked when the authority does not take the order as a renewal: then its
// limits are those of a new one.
func (o *ordering) asNew() error {
	c := o.client
	c.book.release(*o.reserved)
	reserved, h := c.book.reserve(o.names, false, c.now())
	if reserved == nil {
		return &heldError{h}
	}
	*o.reserved = reserved
	return nil
}

// save stores a bundle under the next number that is free. One that is not taken is
// kept for the next try, as it cannot be had again.
func (c *Client) save(ctx context.Context, id string, r *record, bundle []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	mine, err := parseBundle(bundle)
	if err != nil {
		return err
	}
	c.book.saw(mine)
	for {
		c.mu.Lock()
		sh, number := r.shelf, len(r.shelf.bundles)+1
		c.mu.Unlock()
		standing, err := c.opts.Secrets.Create(ctx, bundleName(id, number), bundle)
		c.mu.Lock()
		r.unsaved = nil
		if err != nil {
			r.unsaved = bundle
			c.mu.Unlock()
			return &storeError{fmt.Errorf("a new certificate cannot be stored; it is kept in memory and stored at the next try: %w", err)}
		}
		sh.bundles = slices.Clone(sh.bundles)
		sh.put(number, standing, c.opts.Directory)
		r.shelf.bundles = sh.bundles
		c.mu.Unlock()
		if other := sh.bundles[number-1]; other != nil && other.names == mine.names {
			c.noteTaken(id, mine, other)
			return nil
		}
	}
}

// noteTaken says which certificate the deployment has now: that of another control
// plane when both ordered at the same time.
func (c *Client) noteTaken(id string, mine, taken *stored) {
	if taken.fingerprint == mine.fingerprint {
		c.log.Info("a certificate was obtained", "deployment", id, "names", taken.names, "fingerprint", taken.fingerprint, "expires", taken.leaf.NotAfter)
		return
	}
	c.book.saw(taken)
	c.log.Warn("two control planes obtained a certificate at the same time; the first one is used", "deployment", id, "fingerprint", taken.fingerprint)
}

// saveAgain stores what the store did not take before.
func (c *Client) saveAgain(ctx context.Context, id string, r *record) error {
	c.mu.Lock()
	bundle := r.unsaved
	c.mu.Unlock()
	if bundle == nil {
		return nil
	}
	if err := c.reread(ctx, id, r, ""); err != nil {
		return err
	}
	return c.save(ctx, id, r, bundle)
}

// reread brings the record up to what the store has. The caller holds the record.
func (c *Client) reread(ctx context.Context, id string, r *record, names string) error {
	c.mu.Lock()
	sh := r.shelf
	c.mu.Unlock()
	read, err := sh.read(ctx, c.opts.Secrets, c.opts.Directory, id, names)
	if err != nil {
		return &storeError{err}
	}
	for _, s := range read.bundles {
		if s != nil {
			c.book.saw(s)
		}
	}
	c.mu.Lock()
	maps.Copy(read.revoked, r.shelf.revoked) // Revoke may have come in between
	r.shelf = read
	c.mu.Unlock()
	return nil
}
