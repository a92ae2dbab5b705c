package doltserver

// Dolt makes the first account from DOLT_ROOT_HOST and DOLT_ROOT_PASSWORD, and an
// environment can be read for as long as its process lives. So the first account
// is made with a random password that is good for one use: as soon as the server
// answers, the real one replaces it over TLS, as a hash. What the environment
// holds from then on opens nothing. This costs one statement; a separate run of
// dolt, or a restart after it, would cost another start.

import (
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // mysql_native_password is defined by it
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"github.com/mainstaydb/mainstay/agent/durable"
)

// Administrator is the account that the agent and the control plane use.
const Administrator = "root"

func newBootstrapPassword() string { return rand.Text() + rand.Text() }

// bootstrapPassword returns the first password, or "" once it was replaced.
func (s *Server) bootstrapPassword() (string, error) {
	data, err := os.ReadFile(s.place.bootstrap())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(data), err
}

// settle makes want.Password the administrator's, whichever of the known ones it
// has now. It returns ErrAccessDenied when it has none of them. It takes conn over,
// which may be nil; first is the first password, or empty.
func (s *Server) settle(ctx context.Context, w Want, first string, conn net.Conn) error {
	candidates := w.Former
	if first != "" {
		candidates = append([]string{first}, candidates...)
	}
	for _, old := range candidates {
		err := s.ask(ctx, w, conn, old, setPassword(w.Password))
		conn = nil
		if errors.Is(err, ErrAccessDenied) {
			continue
		}
		if err != nil {
			return err
		}
		s.log.Info("administrator's password set")
		return s.forgetBootstrap()
	}
	return ErrAccessDenied
}

func (s *Server) forgetBootstrap() error {
	if err := durable.Remove(s.place.bootstrap()); err != nil {
		return fmt.Errorf("remove the first password: %w", err)
	}
	return nil
}

// setPassword is a statement without the password: Dolt writes statements to its
// log at level debug, and shows them in its process list.
func setPassword(password string) string {
	once := sha1.Sum([]byte(password)) //nolint:gosec // see the import
	twice := sha1.Sum(once[:])         //nolint:gosec // see the import
	return fmt.Sprintf("ALTER USER '%s'@'%%' IDENTIFIED WITH mysql_native_password AS '*%s'",
		Administrator, strings.ToUpper(hex.EncodeToString(twice[:])))
}
