package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// open connects with a deployment, which must be possible.
func (f *fleet) open(name string) *sql.DB {
	f.t.Helper()
	db, err := f.dial(name)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { db.Close() })
	return db
}

// dial connects as a MySQL client of a person does: with what mainstay connect
// --print and --password say, over TLS, the server verified.
func (f *fleet) dial(name string) (*sql.DB, error) {
	f.t.Helper()
	return f.dialTrusting(name, nil)
}

// dialTrusting is dial by somebody who trusts others than the CA that connect names,
// if any are given.
func (f *fleet) dialTrusting(name string, roots *x509.CertPool) (*sql.DB, error) {
	f.t.Helper()
	stdout, stderr, code := f.run("connect", name, "--print", "-o", "json")
	if code != 0 {
		return nil, errors.New(stderr)
	}
	var at struct {
		Host, User, Database, CA string
		Port                     int
	}
	if err := json.Unmarshal([]byte(stdout), &at); err != nil {
		return nil, err
	}
	password, stderr, code := f.run("connect", name, "--password")
	if code != 0 {
		return nil, errors.New(stderr)
	}
	c := mysql.NewConfig()
	c.User, c.DBName, c.Passwd = at.User, at.Database, strings.TrimSpace(password)
	c.Net, c.Addr = "tcp", net.JoinHostPort(at.Host, strconv.Itoa(at.Port))
	if f.resolve != nil {
		c.Addr = net.JoinHostPort(f.resolve(at.Host), strconv.Itoa(at.Port))
	}
	c.Timeout = 5 * time.Second // loopback: longer is never
	c.Logger = &mysql.NopLogger{}
	if at.CA != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(readFile(f.t, at.CA))) {
			return nil, errors.New("no certificate in the CA's file")
		}
		c.TLS = &tls.Config{RootCAs: pool, ServerName: at.Host}
	}
	if roots != nil {
		c.TLS = &tls.Config{RootCAs: roots, ServerName: at.Host}
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// fill makes a table with a row in it.
func (f *fleet) fill(name string) {
	f.t.Helper()
	db := f.open(name)
	for _, statement := range []string{
		"CREATE DATABASE IF NOT EXISTS shop", "CREATE TABLE shop.things (id INT PRIMARY KEY, name VARCHAR(20))",
		"INSERT INTO shop.things VALUES (1, 'kept')",
	} {
		if _, err := db.ExecContext(f.t.Context(), statement); err != nil {
			f.t.Fatalf("%s: %s: %v", name, statement, err)
		}
	}
}

// holds checks that what fill made is there.
func (f *fleet) holds(name string) {
	f.t.Helper()
	if err := f.holding(name); err != nil {
		f.t.Errorf("%s: %v", name, err)
	}
}

func (f *fleet) holding(name string) error {
	f.t.Helper()
	db, err := f.dial(name)
	if err != nil {
		return err
	}
	defer db.Close()
	var kept string
	if err := db.QueryRowContext(f.t.Context(), "SELECT name FROM shop.things WHERE id = 1").Scan(&kept); err != nil {
		return fmt.Errorf("the row is not there: %w", err)
	}
	if kept != "kept" {
		return fmt.Errorf("the row says %q", kept)
	}
	return nil
}

// one asks for one value.
func (f *fleet) one(db *sql.DB, query string) string {
	f.t.Helper()
	var v string
	if err := db.QueryRowContext(f.t.Context(), query).Scan(&v); err != nil {
		f.t.Fatalf("%s: %v", query, err)
	}
	return v
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
