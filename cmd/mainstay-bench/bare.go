package main

import (
	"context"
	"crypto/tls"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

// bareServer starts a dolt sql-server the way a person would by hand, on an empty
// directory with a password, and returns how long it took to SELECT 1. The server
// runs until stop.
func (s *suite) bareServer(ctx context.Context, port int) (took time.Duration, stop func(), err error) {
	dir, err := os.MkdirTemp(s.dir, "bare-")
	if err != nil {
		return 0, nil, err
	}
	if err := layBare(dir, port); err != nil {
		return 0, nil, err
	}
	cmd := exec.CommandContext(ctx, s.dolt(), "sql-server", "--config", "config.yaml")
	cmd.Dir = dir
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return 0, nil, err
	}
	defer log.Close() // the server has its own
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = []string{"DOLT_ROOT_PATH=" + dir, "HOME=" + dir, "DOLT_DISABLE_EVENT_FLUSH=1", "DOLT_ROOT_HOST=%", "DOLT_ROOT_PASSWORD=bench"}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	stop = func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	}
	if err := answers(ctx, port, "bench"); err != nil {
		stop()
		return 0, nil, err
	}
	return time.Since(start), stop, nil
}

// dolt is the server that is compared with, the one that new deployments run.
func (s *suite) dolt() string { return filepath.Join(s.build, "dolt", "2.2.0", "dolt") }

// layBare makes the directory of a bare server.
func layBare(dir string, port int) error {
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
		return err
	}
	config := fmt.Sprintf("log_level: info\ndata_dir: %[1]s/data\ncfg_dir: %[1]s/cfg\nlistener: {host: 127.0.0.1, port: %[2]d, socket: %[1]s/sock}\n", dir, port)
	return os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o600)
}

// every is how often a server is asked whether it answers: often enough not to
// blur what is measured, seldom enough not to be what is measured.
const every = 5 * time.Millisecond

func answers(ctx context.Context, port int, password string) error {
	return until(ctx, fmt.Sprintf("port %d answers SELECT 1", port), func() error {
		db, err := dial(port, password, "")
		if err != nil {
			return err
		}
		defer db.Close()
		_, err = db.ExecContext(ctx, "SELECT 1")
		return err
	})
}

// dial connects over TLS where the server has it. Who it is does not matter here.
func dial(port int, password, database string) (*sql.DB, error) {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.DBName = "root", password, database
	c.Net, c.Addr = "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	c.TLS = &tls.Config{InsecureSkipVerify: true} // a stopwatch, not a client
	c.AllowFallbackToPlaintext = true
	c.InterpolateParams = true
	c.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// until asks again and again.
func until(ctx context.Context, what string, ok func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := ok()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("not within %s: %s: %w", patience, what, err)
		}
		time.Sleep(every)
	}
}
