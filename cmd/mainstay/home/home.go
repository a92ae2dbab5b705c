// Package home is the layout of a fleet's directory: where the hub, the clones,
// the local cloud and the secrets of one control plane are, who may use them now,
// and how the other commands find the control plane that runs there.
//
// It promises that one control plane at a time holds a directory, that run.json
// is written whole or not at all, and that files with secrets beside them are
// closed to other users. It starts nothing and speaks with nobody.
package home

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mainstaydb/mainstay/agent/alone"
)

// Default is where a fleet lives when nothing else is said.
const Default = ".mainstay"

// A Home is one fleet's directory.
type Home struct{ root string }

// At is the home in the directory, which need not exist. The path is made
// absolute, as it ends up in files that other processes read.
func At(dir string) (Home, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Home{}, fmt.Errorf("the directory %s has no absolute path; give one with --dir: %w", dir, err)
	}
	return Home{root: abs}, nil
}

// Root is the directory itself.
func (h Home) Root() string { return h.root }

// Hub is where the embedded hub keeps its repository and its files.
func (h Home) Hub() string { return filepath.Join(h.root, "hub") }

// Cloud is the local cloud's directory.
func (h Home) Cloud() string { return filepath.Join(h.root, "cloud") }

// Clone is the control plane's private clone.
func (h Home) Clone() string { return filepath.Join(h.root, "clone") }

// Clients holds the private clones of the other commands.
func (h Home) Clients() string { return filepath.Join(h.root, "clients") }

// Secrets is the secret store's directory.
func (h Home) Secrets() string { return filepath.Join(h.root, "secrets") }

// SecretsKey is what the secret store is encrypted with.
func (h Home) SecretsKey() string { return h.Secrets() + ".key" }

// CA is where clients find the fleet's certificate authority. It is public.
func (h Home) CA() string { return filepath.Join(h.root, "ca.pem") }

// Log is where a control plane in the foreground writes its log.
func (h Home) Log() string { return filepath.Join(h.root, "mainstay.log") }

// Make creates the directory, closed to other users: it holds the passwords of
// every database and their data.
func (h Home) Make() error {
	if err := os.MkdirAll(h.root, 0o700); err != nil {
		return fmt.Errorf("cannot create %s; choose another directory with --dir: %w", h.root, cause(err))
	}
	info, err := os.Stat(h.root)
	if err != nil {
		return fmt.Errorf("cannot read %s; choose another directory with --dir: %w", h.root, cause(err))
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is a file; choose a directory with --dir", h.root)
	}
	// Writing is tried, as the permission bits say little for root or on a
	// read-only mount.
	f, err := os.CreateTemp(h.root, ".writable-*")
	if err != nil {
		return fmt.Errorf("cannot write in %s; choose another directory with --dir: %w", h.root, cause(err))
	}
	f.Close()
	return os.Remove(f.Name())
}

// Exists says whether a fleet was ever started here.
func (h Home) Exists() bool {
	_, err := os.Stat(h.lockFile())
	return err == nil
}

// ErrHeld: another control plane runs in the directory.
var ErrHeld = errors.New("another control plane runs here")

// Lock takes the directory for this process, or fails with ErrHeld.
func (h Home) Lock() (*alone.Lock, error) {
	lock, err := lockFile(h.lockFile(), lockPatience)
	if err != nil {
		return nil, err
	}
	// The number is for PID alone: what holds is the lock.
	if err := os.WriteFile(h.lockFile(), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot write %s: %w", h.lockFile(), cause(err)), lock.Close())
	}
	return lock, nil
}

func (h Home) lockFile() string { return filepath.Join(h.root, "lock") }

// PID is the process that holds the directory; 0: none does.
func (h Home) PID() int {
	if !h.Held() {
		return 0
	}
	data, err := os.ReadFile(h.lockFile())
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(string(data)) // not yet written: 0
	return pid
}

// lockPatience is for another command's Held, which has the lock for an instant, and for
// what a process that was killed was just starting.
const lockPatience = 200 * time.Millisecond

// Held says whether a control plane holds the directory now.
func (h Home) Held() bool {
	if !h.Exists() {
		return false
	}
	lock, err := lockFile(h.lockFile(), 0)
	if err != nil {
		return errors.Is(err, ErrHeld)
	}
	return lock.Close() != nil
}

func lockFile(path string, patience time.Duration) (*alone.Lock, error) {
	lock, err := alone.File(path, patience)
	switch {
	case errors.Is(err, alone.ErrTaken):
		err = ErrHeld
	case err != nil:
		err = fmt.Errorf("cannot lock %s: %w", path, cause(err))
	}
	return lock, err
}

// cause drops the path from a path error: the sentence around it has it already.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
