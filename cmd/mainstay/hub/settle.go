package hub

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
)

// denied is MySQL's error for a wrong password.
const denied = 1045

// poll is how often a starting hub is asked: it serves after about 100 ms, and
// asking costs less than a millisecond.
const poll = 20 * time.Millisecond

// settle waits until the hub answers, with the password and the database that it
// shall have for ever.
func (h *Hub) settle(ctx context.Context) error {
	for {
		err := h.ready(ctx)
		var refused *mysql.MySQLError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &refused) && refused.Number == denied:
			if err := h.replaceBootstrap(ctx); err != nil {
				return err
			}
			continue
		case !h.proc.Alive():
			return fmt.Errorf("the hub ended while starting; %s; its log is %s", lastLine(h.logFile()), h.logFile())
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(poll):
		}
	}
}

// ready asks for the repository and makes it where it is missing.
func (h *Hub) ready(ctx context.Context) error {
	return h.exec(ctx, h.cfg.Password, "CREATE DATABASE IF NOT EXISTS "+Database)
}

// replaceBootstrap ends the use of the password that the environment showed.
func (h *Hub) replaceBootstrap(ctx context.Context) error {
	// Both passwords are our own letters and digits: nothing to quote.
	err := h.exec(ctx, h.cfg.Bootstrap, fmt.Sprintf("ALTER USER '%s'@'%%' IDENTIFIED BY '%s'", User, h.cfg.Password))
	if err != nil {
		return fmt.Errorf("the hub refuses the password in the secret store; put back %s as it was: %w", h.cfg.Dir, err)
	}
	return nil
}

func (h *Hub) exec(ctx context.Context, password, statement string) error {
	db, err := Connect(h.ports.SQL, password, "")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, statement)
	return err
}

// Connect opens the embedded hub's SQL side; an empty database is none.
func Connect(port int, password, database string) (*sql.DB, error) {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.DBName = User, password, database
	c.Net, c.Addr = "tcp", fmt.Sprintf("127.0.0.1:%d", port)
	c.Timeout = 5 * time.Second   // the hub is on this machine: what takes longer hangs
	c.Logger = &mysql.NopLogger{} // failed attempts at start are expected
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("open the hub's SQL side: %w", err)
	}
	return sql.OpenDB(connector), nil
}
