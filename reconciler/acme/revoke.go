package acme

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"time"

	legoacme "github.com/go-acme/lego/v4/acme"
)

// A Reason is why a certificate is revoked, as RFC 5280 numbers them.
type Reason uint

// The reasons that an authority takes from those who own a certificate.
const (
	Unspecified  Reason = 0
	KeyExposed   Reason = 1
	Superseded   Reason = 4
	NotUsedAgain Reason = 5 // the database is gone
)

// Revoke has the authority revoke a certificate. It is not used again from then on,
// even when the authority could not be asked: then Revoke has to be called again,
// which does no harm when it was revoked.
func (c *Client) Revoke(ctx context.Context, deployment, fingerprint string, reason Reason) error {
	found, _, err := c.stored(ctx, deployment, fingerprint)
	if err != nil {
		return fmt.Errorf("the certificate of deployment %s that should be revoked: %w", deployment, err)
	}
	if err := c.disuse(ctx, deployment, fingerprint, reason); err != nil {
		return fmt.Errorf("certificate %s of deployment %s is not revoked: %w", fingerprint, deployment, err)
	}
	if err := c.revoke(ctx, found, reason); err != nil {
		return fmt.Errorf("certificate %s of deployment %s is not used any more, but the authority %s has not revoked it yet; revoke it again: %w", fingerprint, deployment, c.host, err)
	}
	c.log.Info("a certificate was revoked", "deployment", deployment, "fingerprint", fingerprint, "reason", reason)
	return nil
}

// disuse remembers in the store that a certificate is not to be used.
func (c *Client) disuse(ctx context.Context, deployment, fingerprint string, reason Reason) error {
	value := fmt.Sprintf("reason %d at %s\n", reason, c.now().UTC().Format(time.RFC3339))
	if _, err := c.opts.Secrets.Create(ctx, revokedName(deployment, fingerprint), []byte(value)); err != nil {
		return err
	}
	c.mu.Lock()
	r := c.records[deployment]
	if r != nil {
		revoked := maps.Clone(r.shelf.revoked) // what others read does not change
		revoked[fingerprint] = true
		r.shelf.revoked, r.askAt = revoked, time.Time{}
	}
	c.mu.Unlock()
	if r != nil {
		c.file(deployment, r)
		c.kick() // an older certificate may take its place
	}
	return nil
}

func (c *Client) revoke(ctx context.Context, s *stored, reason Reason) error {
	key, err := c.accountKey(ctx)
	if err != nil {
		return err
	}
	sess, err := c.login(ctx, key)
	if err != nil {
		return err
	}
	code := uint(reason)
	err = sess.core.Certificates.Revoke(legoacme.RevokeCertMessage{Certificate: base64.RawURLEncoding.EncodeToString(s.leaf.Raw), Reason: &code})
	if p := problemOf(err); p != nil && p.Type == alreadyRevoked {
		return nil
	}
	return err
}
