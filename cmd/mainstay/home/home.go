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

	"golang.org/x/sys/unix"
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

// A Lock is held until it is closed or its process ends, however it ends.
type Lock struct{ file *os.File }

// Lock takes the directory for this process, or fails with ErrHeld.
func (h Home) Lock() (*Lock, error) {
	lock, err := lockFile(h.lockFile(), lockPatience)
	if err != nil {
		return nil, err
	}
	// The number is for PID alone: what holds is the lock.
	if err := errors.Join(lock.file.Truncate(0), writeAt(lock.file, strconv.Itoa(os.Getpid()))); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot write %s: %w", h.lockFile(), cause(err)), lock.Close())
	}
	return lock, nil
}

func writeAt(f *os.File, s string) error {
	_, err := f.WriteAt([]byte(s), 0)
	return err
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

// lockPatience is for another command's Held, which has the lock for an instant.
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

func lockFile(path string, patience time.Duration) (*Lock, error) {
	deadline := time.Now().Add(patience)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open the lock %s: %w", path, cause(err))
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return &Lock{file: f}, nil
		case errors.Is(err, unix.EWOULDBLOCK) && time.Now().Before(deadline):
			time.Sleep(5 * time.Millisecond)
		case errors.Is(err, unix.EWOULDBLOCK):
			f.Close()
			return nil, ErrHeld
		default:
			f.Close()
			return nil, fmt.Errorf("cannot lock %s: %w", path, err)
		}
	}
}

// Close lets go of the lock. The file stays: removing it would let two processes
// hold two files of one name.
func (l *Lock) Close() error { return l.file.Close() }

// cause drops the path from a path error: the sentence around it has it already.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
