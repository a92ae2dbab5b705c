package doltserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"
)

// ErrAccessDenied: the server serves, but not to us.
var ErrAccessDenied = errors.New("the database refuses the administrator's password; " +
	"set the password of root@'%' back to the one Mainstay has stored")

// errNumberAccessDenied is ER_ACCESS_DENIED_ERROR of the MySQL protocol.
const errNumberAccessDenied = 1045

// Check tells whether the server serves: nil, or ErrAccessDenied, which proves it
// as well, or what is wrong. It asks a statement over TLS and accepts only the
// certificate it was told to present, so that no other server is taken for it.
func (s *Server) Check(ctx context.Context, w Want) error {
	// Most questions end here, at a server that is coming up: nothing before it
	// may cost anything.
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	first, err := s.bootstrapPassword()
	if err != nil {
		return errors.Join(fmt.Errorf("read the first password: %w", err), conn.Close())
	}
	if first != "" {
		// Most likely the first answer of a new server: no failed login on its log.
		if err := s.settle(ctx, w, first, conn); !errors.Is(err, ErrAccessDenied) {
			return err
		}
		conn = nil
	}
	err = s.ask(ctx, w, conn, w.Password, "SELECT 1")
	if !errors.Is(err, ErrAccessDenied) {
		return errors.Join(err, s.forgetBootstrapAfter(first, err))
	}
	if err := s.settle(ctx, w, first, nil); err != nil {
		return err
	}
	return s.ask(ctx, w, nil, w.Password, "SELECT 1")
}

// forgetBootstrapAfter ends the case of a crash between setting the real
// password and removing the first one.
func (s *Server) forgetBootstrapAfter(first string, err error) error {
	if first == "" || err != nil {
		return nil
	}
	return s.forgetBootstrap()
}

// ask runs one statement on a connection of its own: what is asked is whether
// somebody who connects now is served. It takes conn over, or makes one if nil.
func (s *Server) ask(ctx context.Context, w Want, conn net.Conn, password, statement string) (err error) {
	if conn == nil {
		if conn, err = s.dial(ctx); err != nil {
			return err
		}
	}
	defer func() { _ = conn.Close() }()
	connector, err := s.connector(w, password, conn)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(ctx, statement)
	var refused *mysql.MySQLError
	if errors.As(err, &refused) && refused.Number == errNumberAccessDenied {
		return ErrAccessDenied
	}
	return err
}

func (s *Server) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: connectTimeout}
	return dialer.DialContext(ctx, "tcp", s.address())
}

// connectTimeout bounds a connection's making and each read on it. On loopback a
// healthy server needs milliseconds; seconds are for one starved of processor time.
const connectTimeout = 5 * time.Second

// connector makes one session of an open connection.
func (s *Server) connector(w Want, password string, conn net.Conn) (driver.Connector, error) {
	pinned, err := pin(w.Certificate)
	if err != nil {
		return nil, err
	}
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd = Administrator, password
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	cfg.TLS = pinned
	cfg.Timeout, cfg.ReadTimeout, cfg.WriteTimeout = connectTimeout, connectTimeout, connectTimeout
	// Errors are returned; the driver would also print them.
	cfg.Logger = log.New(io.Discard, "", 0)
	return mysql.NewConnector(cfg)
}

// pin accepts exactly the certificate that the listener was given. Names and
// dates are for clients to judge; here the question is whether it is our server.
func pin(certificate []byte) (*tls.Config, error) {
	block, _ := pem.Decode(certificate)
	if block == nil {
		return nil, errors.New("the listener's certificate is not PEM")
	}
	want := block.Bytes
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // replaced by the stricter check below
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			if len(raw) == 0 || !bytes.Equal(raw[0], want) {
				return errors.New("another server answers on the database's port")
			}
			return nil
		},
	}, nil
}
