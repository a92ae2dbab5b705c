package agent

import (
	"context"
	"database/sql"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/mainstaydb/mainstay/agent/freeport"
)

// BenchmarkDeployToServing is the time from the Deploy call on an empty volume
// until a client of the database has its answer to SELECT 1 over TLS.
func BenchmarkDeployToServing(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		r := newRig(b)
		r.start()
		r.enrol()
		req := r.order()
		b.StartTimer()
		r.deploy(req)
		r.serving() // as the control plane learns of it
		r.mustQuery("SELECT 1", "1")
		b.StopTimer()
		r.cleanUp()
		b.StartTimer()
	}
}

// BenchmarkRestart is the time from killing a database until it serves again,
// the first time.
func BenchmarkRestart(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		r := newRig(b)
		r.deployed()
		db := r.serving()
		b.StartTimer()
		if err := syscall.Kill(int(db.GetPid()), syscall.SIGKILL); err != nil {
			b.Fatal(err)
		}
		r.another(db.GetPid())
		r.mustQuery("SELECT 1", "1")
		b.StopTimer()
		r.cleanUp()
		b.StartTimer()
	}
}

// BenchmarkBareServer is what a person would start by hand.
func BenchmarkBareServer(b *testing.B) {
	dolt := filepath.Join(build(b), "dolt", "2.2.0", "dolt")
	for b.Loop() {
		b.StopTimer()
		dir, port := b.TempDir(), freeport.Take(b)
		cmd := exec.Command(dolt, "sql-server", "--host", "127.0.0.1", "--port", strconv.Itoa(port))
		cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "DOLT_ROOT_PATH=" + dir, "DOLT_DISABLE_EVENT_FLUSH=1", "PATH=" + os.Getenv("PATH")}
		b.StartTimer()
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		until(b, func() bool { return ask(b.Context(), port) == nil })
		b.StopTimer()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		b.StartTimer()
	}
}

func ask(ctx context.Context, port int) error {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr = "root", "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	cfg.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(ctx, "SELECT 1")
	return err
}
