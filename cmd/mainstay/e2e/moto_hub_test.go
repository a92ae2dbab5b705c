package e2e

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/mainstaydb/mainstay/agent/freeport"
)

// A bareHub is a dolt sql-server that somebody else runs, as a control plane of its
// own finds one.
type bareHub struct {
	url      string
	password string
}

// newHub starts a hub with an empty repository on it, and makes the fleet's schema
// there with mainstay init.
func newHub(t *testing.T) bareHub {
	t.Helper()
	dir := t.TempDir()
	sqlPort, remotePort := freeport.Take(t), freeport.Take(t)
	h := bareHub{url: fmt.Sprintf("http://127.0.0.1:%d/fleet", remotePort), password: "of-the-test"}
	config := filepath.Join(dir, "config.yaml")
	content := fmt.Sprintf("log_level: warning\ndata_dir: %s\ncfg_dir: %s\nprivilege_file: %s\nbranch_control_file: %s\n"+
		"listener: {host: 127.0.0.1, port: %d, max_connections: 200}\nremotesapi: {port: %d}\n",
		filepath.Join(dir, "data"), filepath.Join(dir, "cfg"), filepath.Join(dir, "privileges.db"), filepath.Join(dir, "branch_control.db"), sqlPort, remotePort)
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, config, content)
	log := &output{}
	cmd := exec.Command(dolt(t, "2.2.0"), "sql-server", "--config", config)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = append(environmentIn(dir), "DOLT_ROOT_PATH="+dir, "DOLT_DISABLE_EVENT_FLUSH=1", "DOLT_ROOT_HOST=%", "DOLT_ROOT_PASSWORD="+h.password)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // a hub that was told to end may say so in its exit code
	})
	h.makeDatabase(t, sqlPort, log)
	if _, stderr, code := runIn(t, "", []string{"MAINSTAY_HUB_PASSWORD=" + h.password}, "init", "--hub", h.url, "--hub-user", "root"); code != 0 {
		t.Fatalf("mainstay init: %s", stderr)
	}
	return h
}

// makeDatabase waits for the hub, too.
func (h bareHub) makeDatabase(t *testing.T, port int, log *output) {
	t.Helper()
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.Logger = "root", h.password, "tcp", fmt.Sprintf("127.0.0.1:%d", port), &mysql.NopLogger{}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	for deadline := time.Now().Add(patience); ; time.Sleep(pause) {
		_, err := db.ExecContext(t.Context(), "CREATE DATABASE IF NOT EXISTS fleet")
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the hub does not answer: %v\n%s", err, log)
		}
	}
}
