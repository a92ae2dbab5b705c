package secrets

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
)

// maxListeners ends a search that should end at the first or second step: a
// certificate a year, or one each time the database's address changes.
const maxListeners = 10_000

// Listener returns the certificate and key of a deployment's SQL listener, made
// at first use. The same certificate comes back until it has less than
// ListenerRenewal to live or lacks one of the names: a new one costs the
// database a restart. Passing names are put into a new one and are no reason for it.
func (c *CA) Listener(ctx context.Context, deployment string, names, passing []string) (certPEM, keyPEM []byte, err error) {
	for n := 1; n <= maxListeners; n++ {
		name := fmt.Sprintf("deployments/%s/listener/%d", deployment, n)
		bundle, err := c.store.Get(ctx, name)
		if errors.Is(err, ErrNotFound) {
			bundle, err = c.makeListener(ctx, name, slices.Concat(names, passing))
		}
		if err != nil {
			return nil, nil, fmt.Errorf("the listener certificate of deployment %s: %w", deployment, err)
		}
		if c.stillGood(bundle, names) {
			certPEM, keyPEM = splitBundle(bundle)
			return certPEM, keyPEM, nil
		}
	}
	return nil, nil, fmt.Errorf("deployment %s has had %d listener certificates; remove the oldest from the secret store", deployment, maxListeners)
}

func (c *CA) makeListener(ctx context.Context, name string, names []string) ([]byte, error) {
	bundle, err := c.issueListener(names)
	if err != nil {
		return nil, err
	}
	return c.store.Create(ctx, name, bundle)
}

// stillGood tells whether a stored certificate can go on being shown. One that
// cannot be read is passed over like one that ended: a successor is made.
func (c *CA) stillGood(bundle []byte, names []string) bool {
	pair, err := tls.X509KeyPair(bundle, bundle)
	if err != nil || pair.Leaf.CheckSignatureFrom(c.cert) != nil {
		return false
	}
	if pair.Leaf.NotAfter.Sub(c.now()) < ListenerRenewal {
		return false
	}
	return !slices.ContainsFunc(names, func(n string) bool { return pair.Leaf.VerifyHostname(n) != nil })
}

func splitBundle(bundle []byte) (certPEM, keyPEM []byte) {
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		encoded := pem.EncodeToMemory(block)
		if block.Type == "CERTIFICATE" {
			certPEM = append(certPEM, encoded...)
		} else {
			keyPEM = append(keyPEM, encoded...)
		}
	}
	return certPEM, keyPEM
}
