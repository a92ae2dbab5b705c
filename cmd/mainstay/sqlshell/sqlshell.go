// Package sqlshell speaks SQL with one server for people: it runs statements and
// prints what comes back, or prompts for them. It is what connect uses where no
// MySQL client is installed.
//
// It promises that a server with a CA is spoken to over TLS alone and verified,
// and that the password goes into no argument, file or message. It understands no
// SQL: the server splits statements and says what is wrong with them.
package sqlshell

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// A Target is one server.
type Target struct {
	Host     string
	Port     int
	User     string
	Password string
	Database string // empty: none chosen
	CA       []byte // PEM of the fleet's CA; nil: no TLS
	// ID is the deployment's, by which the fleet's certificates can be checked
	// whatever the database is called just now.
	ID string
	// Public: it shows a certificate of a public authority, of which the fleet's CA
	// says nothing.
	Public bool
	// Domain is where a public authority's certificate is believed: names below it.
	// Empty: nowhere.
	Domain string
}

// dialBound is for a server on this or a near machine: one that takes longer is
// not there.
const dialBound = 10 * time.Second

// Open gives one session: USE and variables hold from one statement to the next.
func (t Target) Open(ctx context.Context) (*Session, error) {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.DBName = t.User, t.Password, t.Database
	c.Net, c.Addr = "tcp", net.JoinHostPort(t.Host, strconv.Itoa(t.Port))
	c.Timeout = dialBound
	c.MultiStatements = true
	c.Logger = &mysql.NopLogger{} // what goes wrong comes back as an error
	if t.CA != nil {
		var err error
		if c.TLS, err = t.tls(); err != nil {
			return nil, err
		}
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("connect with %s: %w", c.Addr, err)
	}
	db := sql.OpenDB(connector)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot connect with %s; is it serving? %w", c.Addr, err), db.Close())
	}
	return &Session{db: db, conn: conn}, nil
}

// tls checks the server by the fleet's CA or, as its certificate may be a public
// authority's, by those that this computer trusts.
func (t Target) tls() (*tls.Config, error) {
	fleet := x509.NewCertPool()
	if !fleet.AppendCertsFromPEM(t.CA) {
		return nil, errors.New("the fleet's CA holds no certificate; the secret store may be damaged")
	}
	return &tls.Config{
		ServerName: t.Host, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection is the check: there are two who may have signed
		VerifyConnection: func(cs tls.ConnectionState) error {
			leaf, rest := cs.PeerCertificates[0], x509.NewCertPool()
			for _, c := range cs.PeerCertificates[1:] {
				rest.AddCert(c)
			}
			for _, name := range []string{t.ID, t.Host} {
				if _, err := leaf.Verify(x509.VerifyOptions{Roots: fleet, DNSName: name}); name != "" && err == nil {
					return nil
				}
			}
			if t.Domain == "" || !strings.HasSuffix(t.Host, "."+t.Domain) {
				return fmt.Errorf("the certificate that %s shows is not one of the fleet's, and public authorities are not believed about that name", t.Host)
			}
			_, err := leaf.Verify(x509.VerifyOptions{Intermediates: rest, DNSName: t.Host})
			return err
		},
	}, nil
}

// A Session is one connection.
type Session struct {
	db   *sql.DB
	conn *sql.Conn
}

// Close ends the session.
func (s *Session) Close() error { return errors.Join(s.conn.Close(), s.db.Close()) }

// A Result is what one statement gave; without columns it gave no rows.
type Result struct {
	Columns []string
	Rows    [][]any // nil or text
}

// Run runs statements and gives the result of each.
func (s *Session) Run(ctx context.Context, statements string) ([]Result, error) {
	rows, err := s.conn.QueryContext(ctx, statements)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var results []Result
	for {
		r, err := read(rows)
		if err != nil {
			return results, err
		}
		results = append(results, r)
		if !rows.NextResultSet() {
			return results, rows.Err()
		}
	}
}

func read(rows *sql.Rows) (Result, error) {
	columns, err := rows.Columns()
	if err != nil {
		return Result{}, err
	}
	r := Result{Columns: columns}
	cells := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range cells {
		into[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return r, err
		}
		row := make([]any, len(columns))
		for i, c := range cells {
			if c.Valid {
				row[i] = c.String
			}
		}
		r.Rows = append(r.Rows, row)
	}
	return r, rows.Err()
}
