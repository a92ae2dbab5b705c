// Package secrets keeps what must never be in the fleet's repository, a log, an
// argument or an environment: the fleet CA's key, the administrators' passwords
// and the keys of the SQL listeners.
//
// It promises that a secret is made once: Create is create-if-absent and
// returns the value that stands, so two control planes that start together
// agree on one CA and one password without talking to each other. Nothing here
// overwrites a secret; a certificate that is about to end gets a successor
// under the next name.
//
// It does not hand secrets to machines (package agentclient does, over mutual
// TLS), and it does not rotate passwords.
package secrets

import (
	"context"
	"errors"
	"fmt"
	"regexp"
)

// ErrNotFound is returned by Get for a name that was never created.
var ErrNotFound = errors.New("no such secret")

// A Store holds named secrets. Names are slash-separated, such as
// "deployments/<id>/password".
type Store interface {
	// Get returns the value, or an error that is ErrNotFound.
	Get(ctx context.Context, name string) ([]byte, error)
	// Create stores the value unless the name has one, and returns the value that
	// stands afterwards: the caller's, or that of whoever came first. A value has 1
	// to 65,536 bytes.
	Create(ctx context.Context, name string, value []byte) ([]byte, error)
}

// namePattern leaves no way out of a directory and nothing a shell or a cloud's
// secret manager would read differently.
var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*$`)

const (
	// maxName keeps every store's limits: 255 bytes is the shortest one (a file name).
	maxName = 255
	// maxValue is what AWS Secrets Manager takes. Every store refuses more, so that a
	// fleet that runs on one of them runs on the others.
	maxValue = 65536
)

// CheckName is for stores: it refuses a name that one of them cannot hold.
func CheckName(name string) error {
	if len(name) > maxName || !namePattern.MatchString(name) {
		return fmt.Errorf("secret name %q is not valid: use lower-case letters, digits, '.', '_' and '-' in parts joined by '/', at most %d characters", name, maxName)
	}
	return nil
}

// CheckNew is for stores: it refuses what cannot be created. An empty value is
// never meant: it would be a database without a password.
func CheckNew(name string, value []byte) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if len(value) == 0 || len(value) > maxValue {
		return fmt.Errorf("secret %s cannot have %d bytes: a value has 1 to %d", name, len(value), maxValue)
	}
	return nil
}

// getOrMake returns the secret, making it at first use. The value is made only
// when it is missing, because making one may cost a key or entropy.
func getOrMake(ctx context.Context, s Store, name string, make func() ([]byte, error)) ([]byte, error) {
	value, err := s.Get(ctx, name)
	if !errors.Is(err, ErrNotFound) {
		return value, err
	}
	value, err = make()
	if err != nil {
		return nil, err
	}
	return s.Create(ctx, name, value)
}
