package acme

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// saveTimeout bounds the storing of a certificate that was issued when the caller has
// given up meanwhile: it would be lost, and count against the limits all the same.
const saveTimeout = 15 * time.Second

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
