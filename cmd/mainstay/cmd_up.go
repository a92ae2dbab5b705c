package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/mainstaydb/mainstay/agent/alone"
	"github.com/mainstaydb/mainstay/cmd/mainstay/home"
	"github.com/spf13/cobra"
)

type upOptions struct {
	hubPort     int
	remotePort  int
	listen      string
	versionsDir string
	logLevel    string
}

func newUpCommand(a *app) *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run a hub, a control plane and a fleet here, in the foreground",
		Long: `Runs a whole fleet on this machine: a hub (a real dolt sql-server that holds the desired
state), the control plane, and the databases as child processes. The first start makes an example
fleet of three databases. Ctrl-C stops everything in order and keeps all data; up again resumes.`,
		Example: `  mainstay up
  mainstay up --dir ~/fleet --hub-port 3307`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.hub != "" {
				return usagef("up starts a hub of its own; for a control plane on the hub %s use mainstay serve", a.hub)
			}
			return a.up(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.hubPort, "hub-port", 0, "port of the hub for SQL; the first start chooses a free one and keeps it")
	flags.IntVar(&o.remotePort, "hub-remote-port", 0, "port of the hub for clone and push; likewise")
	flags.StringVar(&o.listen, "listen", "127.0.0.1:0", "address for metrics and health")
	flags.StringVar(&o.versionsDir, "versions-dir", a.getenv("MAINSTAY_VERSIONS_DIR"), "directory with <version>/dolt; MAINSTAY_VERSIONS_DIR, else dolt beside this program's directory")
	flags.StringVar(&o.logLevel, "log-level", "info", "how much goes to mainstay.log in the directory: debug, info, warn or error")
	return cmd
}

// up checks what can be checked before anything is made, and then runs the fleet
// until a signal ends it.
func (a *app) up(ctx context.Context, o upOptions) error {
	for flag, port := range map[string]int{"--hub-port": o.hubPort, "--hub-remote-port": o.remotePort} {
		if port < 0 || port > 65535 {
			return usagef("%s %d is no port; choose one from 1 to 65535", flag, port)
		}
	}
	level, err := parseLevel(o.logLevel)
	if err != nil {
		return err
	}
	programs, err := findPrograms(o.versionsDir)
	if err != nil {
		return err
	}
	h, err := home.At(a.dir)
	if err != nil {
		return err
	}
	lock, err := takeHome(h)
	if err != nil {
		return err
	}
	defer lock.Close()
	log, file, err := openLog(h.Log(), level)
	if err != nil {
		return err
	}
	defer file.Close()
	running, hurry, stop := untilSignal(ctx)
	defer stop()
	f := &fleet{app: a, opts: o, home: h, programs: programs, log: log}
	return f.run(running, hurry)
}

// programs are the files a control plane runs.
type programs struct {
	agent    string
	versions string // directory of releases
	dolt     string // of the hub
}

func findPrograms(dir string) (programs, error) {
	var p programs
	var err error
	if p.versions, err = versionsDir(dir); err != nil {
		return p, err
	}
	if p.dolt, err = newestDolt(p.versions); err != nil {
		return p, err
	}
	p.agent, err = agentBinary()
	return p, err
}

// takeHome makes the directory and locks it for this process.
func takeHome(h home.Home) (*alone.Lock, error) {
	if err := h.Make(); err != nil {
		return nil, err
	}
	lock, err := h.Lock()
	if errors.Is(err, home.ErrHeld) {
		return nil, fmt.Errorf("a control plane runs in %s already (process %d); end it with mainstay down, or choose another directory with --dir", h.Root(), h.PID())
	}
	return lock, err
}

// untilSignal gives a context that the first signal ends, and one that the second
// ends: a person who presses Ctrl-C again does not want to wait.
func untilSignal(ctx context.Context) (running, hurry context.Context, stop func()) {
	running, end := context.WithCancel(ctx)
	hurry, endAtOnce := context.WithCancel(context.WithoutCancel(ctx))
	signals := make(chan os.Signal, 2)
	// A terminal that is closed is a way to end it too, and what is then printed to
	// nobody must not be: without this a write to a closed pipe is the end.
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE)
	done := make(chan struct{})
	go func() {
		for _, f := range []context.CancelFunc{end, endAtOnce} {
			select {
			case <-signals:
				f()
			case <-done:
				return
			}
		}
	}()
	return running, hurry, func() {
		signal.Stop(signals)
		close(done)
		end()
		endAtOnce()
	}
}

// display shows a path as people would type it.
func display(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || len(rel) >= len(path) {
		return path
	}
	return rel
}
