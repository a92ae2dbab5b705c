// Package local is the cloud on this computer: a machine is a process in its
// own session, a volume is a directory, an address is a loopback port.
//
// It promises what reconciler.Cloud promises, to several control planes that
// share one directory at the same time: what is made once is made by an atomic
// rename or link, and every change of a machine or volume happens under a lock
// on its directory. Machines outlive the control plane and are found again; a
// launch that was cut short is completed by its replay. A volume's data is
// removed by DeleteVolume and Purge alone.
//
// It does not look inside volumes, does not speak with agents and does not
// limit what a machine may use: sizes are bookkeeping.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/agent/process"
)

// Options say where the cloud lives and what its machines run.
type Options struct {
	Dir         string       // everything the cloud knows is in here
	AgentBinary string       // the program mainstay-agent
	VersionsDir string       // holds <version>/dolt
	FleetCA     []byte       // PEM; what agents check control planes with
	Logger      *slog.Logger // nil: nothing is logged
}

// A Cloud is a reconciler.Cloud in a directory. Safe for concurrent use.
type Cloud struct {
	dir      layout
	opts     Options
	log      *slog.Logger
	identity string
	now      func() time.Time
	changed  chan struct{}

	ports sync.Mutex        // see portOf
	held  map[int]io.Closer // see hold; guarded by ports

	mu       sync.Mutex
	known    map[string]machineRecord    // records never change once written: read once
	running  map[string]*process.Process // asked first, so that looking costs one system call
	starting map[string]bool             // being started by us right now
	dead     map[string]bool             // seen terminated
	again    func()                      // wakes the watcher; nil: none runs
}

// Open opens the cloud in a directory, and makes it if there is none. Looking
// and stopping need only Dir; Launch and StartMachine need the rest.
func Open(_ context.Context, opts Options) (*Cloud, error) {
	root, err := makeRoot(opts.Dir)
	if err != nil {
		return nil, err
	}
	// Machines have a working directory of their own.
	for _, path := range []*string{&opts.AgentBinary, &opts.VersionsDir} {
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return nil, explain(err, "find "+*path)
		}
	}
	c := &Cloud{dir: layout(root), opts: opts, log: opts.Logger, now: time.Now,
		changed: make(chan struct{}, 1), held: make(map[int]io.Closer), known: make(map[string]machineRecord), running: make(map[string]*process.Process), starting: make(map[string]bool), dead: make(map[string]bool)}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	for _, d := range []string{c.dir.machines(), c.dir.volumes(), c.dir.launches(), c.dir.ports(), c.dir.staging(), c.dir.trash()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, explain(err, "make "+d)
		}
	}
	c.identity, err = loadIdentity(c.dir)
	return c, err
}

// makeRoot returns the directory's real path: the kernel names open files by
// it, and machines must be found by whichever path people use.
func makeRoot(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("the local cloud needs a directory")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", explain(err, "make the local cloud's directory "+dir)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", explain(err, "find the local cloud's directory "+dir)
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return "", explain(err, "open the local cloud's directory "+dir)
	}
	return real, nil
}

// loadIdentity returns the identity of the directory, given to it at first use.
func loadIdentity(dir layout) (string, error) {
	err := linkNew(dir.identity(), dir.staging(), []byte("local:"+uuid.NewString()+"\n"))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", explain(err, "write "+dir.identity())
	}
	b, err := os.ReadFile(dir.identity())
	if err != nil {
		return "", explain(err, "read "+dir.identity())
	}
	id := strings.TrimSpace(string(b))
	if _, err := uuid.Parse(strings.TrimPrefix(id, "local:")); err != nil {
		return "", fmt.Errorf("%s does not hold an identity; restore it from a backup, or begin with another directory: %w", dir.identity(), err)
	}
	return id, nil
}

// Identity implements reconciler.Cloud.
func (c *Cloud) Identity(context.Context) (string, error) { return c.identity, nil }

// Changed receives after a machine's process started or ended, its agent's
// address became known or its volume came or went, as long as Run runs.
func (c *Cloud) Changed() <-chan struct{} { return c.changed }

func (c *Cloud) notify() {
	select {
	case c.changed <- struct{}{}:
	default: // one is waiting already
	}
}
