package acme

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

// maxBundles ends a search that should end after some steps: a deployment gets some
// ten certificates a year.
const maxBundles = 10_000

// A shelf is what was read of a deployment's bundles in the secret store, without
// the keys. Bundles never change, so each is read once.
type shelf struct {
	bundles []*stored // by number; one that cannot be used is nil
	revoked map[string]bool
}

func newShelf() shelf { return shelf{revoked: make(map[string]bool)} }

// newest is the last certificate for the names that was not revoked; nil: none.
func (s shelf) newest(names string) *stored {
	for _, b := range slices.Backward(s.bundles) {
		if b != nil && b.names == names && !s.revoked[b.fingerprint] {
			return b
		}
	}
	return nil
}

// find is the certificate with a fingerprint; nil: none.
func (s shelf) find(fingerprint string) *stored {
	for _, b := range s.bundles {
		if b != nil && b.fingerprint == fingerprint {
			return b
		}
	}
	return nil
}

func bundleName(deployment string, number int) string {
	return fmt.Sprintf("deployments/%s/acme/%d", deployment, number)
}

func revokedName(deployment, fingerprint string) string {
	return fmt.Sprintf("deployments/%s/acme/revoked/%s", deployment, fingerprint)
}

// read returns the shelf with what the store has got since, and whether it was said
// of the newest certificate for the names that it is revoked. Certificates of
// another authority than directory are not used: a test authority's are worthless.
func (s shelf) read(ctx context.Context, store secrets.Store, directory, deployment, names string) (shelf, error) {
	next := shelf{bundles: slices.Clone(s.bundles), revoked: maps.Clone(s.revoked)}
	for {
		number := len(next.bundles) + 1
		if number > maxBundles {
			return s, fmt.Errorf("deployment %s has had %d certificates; remove the oldest from the secret store", deployment, maxBundles)
		}
		bundle, err := store.Get(ctx, bundleName(deployment, number))
		if errors.Is(err, secrets.ErrNotFound) {
			break
		}
		if err != nil {
			return s, err
		}
		next.put(number, bundle, directory)
	}
	for b := next.newest(names); b != nil; b = next.newest(names) {
		gone, err := isRevoked(ctx, store, deployment, b.fingerprint)
		if err != nil {
			return s, err
		}
		if !gone {
			break
		}
		next.revoked[b.fingerprint] = true
	}
	return next, nil
}

// put takes note of a bundle.
func (s *shelf) put(number int, bundle []byte, directory string) {
	b, err := parseBundle(bundle)
	if err != nil || b.directory != directory {
		s.bundles = append(s.bundles, nil)
		return
	}
	b.number = number
	s.bundles = append(s.bundles, b)
}

func isRevoked(ctx context.Context, store secrets.Store, deployment, fingerprint string) (bool, error) {
	_, err := store.Get(ctx, revokedName(deployment, fingerprint))
	if errors.Is(err, secrets.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
