// Package hub runs the embedded hub: one real dolt sql-server on this machine
// that holds the fleet's repository, open to SQL clients and to Dolt's clone,
// fetch and push.
//
// It promises that the hub keeps its ports and its password for ever, that a hub
// which outlived its control plane is found again and never started twice, that
// one which dies is started again while Run lives, and that the password is in no
// argument and that the one in the server's environment is worthless a moment
// after the first start. SQL listens on loopback alone; Dolt's remotesapi cannot
// be told an address and listens on every interface, guarded by the password.
// It knows nothing of what is in the repository.
package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/mainstaydb/mainstay/agent/process"
)

// Database is the name of the fleet's repository on the hub.
const Database = "fleet"

// User is who the control plane and the commands are on the hub.
const User = "root"

// A Config says where the hub lives and how it is reached.
type Config struct {
	Dir        string // everything the hub keeps
	Binary     string // the dolt program to run
	SQLPort    int    // 0: the one kept, or a free one at first start
	RemotePort int    // likewise, for clone, fetch and push
	Password   string // of User, for ever
	// Bootstrap is the password User has for the first moments only: Dolt takes
	// the first one from the environment, where other programs of this user could
	// read it for as long as the server runs.
	Bootstrap string
	Log       *slog.Logger
}

// A Hub is the embedded hub. Its methods are for one goroutine at a time.
type Hub struct {
	cfg   Config
	ports ports
	proc  *process.Process // nil: not known to run
}

// Open settles the hub's ports and files; nothing is started.
func Open(cfg Config) (*Hub, error) {
	for _, dir := range []string{"data", "root"} {
		if err := os.MkdirAll(filepath.Join(cfg.Dir, dir), 0o700); err != nil {
			return nil, fmt.Errorf("cannot make the hub's directory; check who owns %s: %w", cfg.Dir, err)
		}
	}
	p, err := settlePorts(filepath.Join(cfg.Dir, "ports.json"), cfg.SQLPort, cfg.RemotePort)
	if err != nil {
		return nil, err
	}
	return &Hub{cfg: cfg, ports: p}, nil
}

// URL is the repository's address for clone, fetch and push.
func (h *Hub) URL() string { return fmt.Sprintf("http://127.0.0.1:%d/%s", h.ports.Remote, Database) }

// SQLPort is where MySQL clients reach the hub, on loopback.
func (h *Hub) SQLPort() int { return h.ports.SQL }

// startBound is for a start with a large repository on a slow disk; a small one
// serves after a tenth of a second.
const startBound = time.Minute

// Files is the directory in which the hub writes with every commit.
func (h *Hub) Files() string { return filepath.Join(h.cfg.Dir, "data", Database, ".dolt", "noms") }

// Start finds the hub running or starts it, and returns when it answers.
func (h *Hub) Start(ctx context.Context) error {
	running, err := h.find()
	if err != nil {
		return err
	}
	if running {
		h.cfg.Log.Info("found the hub running", "pid", h.proc.PID())
	} else if err := h.launch(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startBound,
		fmt.Errorf("the hub did not answer for %s; its log is %s", startBound, h.logFile()))
	defer cancel()
	return h.settle(ctx)
}

// find looks for the hub of an earlier control plane.
func (h *Hub) find() (bool, error) {
	proc, err := process.Find(h.pidFile())
	if errors.Is(err, process.ErrNotRunning) {
		h.proc = nil
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot tell whether the hub runs: %w", err)
	}
	h.proc = proc
	return true, nil
}

// launch starts the server; whether it serves is settled afterwards.
func (h *Hub) launch() error {
	if err := h.ports.free(); err != nil {
		return err
	}
	if err := os.WriteFile(h.configFile(), h.renderConfig(), 0o600); err != nil {
		return fmt.Errorf("cannot write the hub's configuration: %w", err)
	}
	proc, err := process.Start(process.Spec{
		Path:    h.cfg.Binary,
		Args:    []string{"sql-server", "--config", h.configFile()},
		Dir:     h.cfg.Dir,
		Env:     h.environment(),
		Log:     h.logFile(),
		PIDFile: h.pidFile(),
	})
	if err != nil {
		return fmt.Errorf("cannot start the hub with %s: %w", h.cfg.Binary, err)
	}
	h.proc = proc
	h.cfg.Log.Info("started the hub", "pid", proc.PID(), "sql_port", h.ports.SQL, "url", h.URL())
	return nil
}

// environment is all the server is given. The first password is in it only while
// there are no users yet.
func (h *Hub) environment() []string {
	env := []string{
		"HOME=" + h.cfg.Dir,
		"DOLT_ROOT_PATH=" + filepath.Join(h.cfg.Dir, "root"),
		// No usage events leave this machine. Without this the server also starts a
		// program as it ends, which writes to the directory of a hub that is stopped.
		"DOLT_DISABLE_EVENT_FLUSH=1",
	}
	if _, err := os.Stat(h.privilegeFile()); errors.Is(err, os.ErrNotExist) {
		env = append(env, "DOLT_ROOT_HOST=%", "DOLT_ROOT_PASSWORD="+h.cfg.Bootstrap)
	}
	return env
}

// stopGrace is for draining connections and writing out what is in memory.
const stopGrace = 20 * time.Second

// Stop ends the hub, also one that an earlier control plane left. A done ctx ends
// the wait, and the hub then ends by itself.
func (h *Hub) Stop(ctx context.Context) error { return Stop(ctx, h.cfg.Dir) }

// Stop ends the hub of a directory, if one runs.
func Stop(ctx context.Context, dir string) error {
	proc, err := process.Find(pidFile(dir))
	if errors.Is(err, process.ErrNotRunning) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot tell whether the hub runs: %w", err)
	}
	if err := proc.Stop(ctx, stopGrace); err != nil {
		return fmt.Errorf("the hub (process %d) did not stop; run mainstay down: %w", proc.PID(), err)
	}
	return nil
}

func pidFile(dir string) string { return filepath.Join(dir, "hub.pid") }

func (h *Hub) pidFile() string       { return pidFile(h.cfg.Dir) }
func (h *Hub) logFile() string       { return filepath.Join(h.cfg.Dir, "hub.log") }
func (h *Hub) configFile() string    { return filepath.Join(h.cfg.Dir, "config.yaml") }
func (h *Hub) privilegeFile() string { return filepath.Join(h.cfg.Dir, "privileges.db") }
