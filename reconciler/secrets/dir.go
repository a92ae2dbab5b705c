package secrets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A Dir is a Store in a directory of this machine: one file for each secret,
// readable by its owner alone and encrypted with a key that is kept elsewhere, so
// that a copy of the directory tells nothing. Several processes may use it at the
// same time.
type Dir struct {
	root     string
	keyFile  string
	readOnly bool
	key      *key // nil: only of a store that is read and was never encrypted
}

// An Option changes how a Dir is opened.
type Option func(*Dir)

// KeyFile says where the store's key is, in place of the directory's name with
// .key appended. It cannot be in the directory: who copies the one has the other.
func KeyFile(path string) Option { return func(d *Dir) { d.keyFile = path } }

// ReadOnly opens a store that is there for looking things up: no directory and no
// key is made, nothing is encrypted, Create refuses. It is for commands beside a
// control plane that may be of an older release, which could not read what they
// encrypt.
func ReadOnly() Option { return func(d *Dir) { d.readOnly = true } }

// OpenDir opens the store at path and makes it if there is none. A directory or
// key that others can look into is refused and not repaired: who could read it
// may have. Plain files of an earlier release are encrypted in place. A key is
// made for a store that has none and never needed one; when encrypted secrets are
// there and their key is not, OpenDir fails.
func OpenDir(path string, options ...Option) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("the secret store %s has no absolute path; write one: %w", path, err)
	}
	d := &Dir{root: path, keyFile: path + ".key"}
	for _, option := range options {
		option(d)
	}
	if d.keyFile, err = filepath.Abs(d.keyFile); err != nil {
		return nil, fmt.Errorf("the key of the secret store has no absolute path; write one: %w", err)
	}
	if strings.HasPrefix(d.keyFile, path+string(filepath.Separator)) {
		return nil, fmt.Errorf("the key %s is in the secret store that it opens; keep it in another directory", d.keyFile)
	}
	if !d.readOnly {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, fmt.Errorf("cannot make the secret store %s; choose a directory that you may write to: %w", path, err)
		}
	}
	if err := checkPrivate(path); err != nil {
		return nil, err
	}
	return d, d.unlock()
}

func checkPrivate(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("cannot look at the secret store %s; check the path and its permissions: %w", path, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("the secret store %s is not a directory; move that file away or choose another directory", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("the secret store %s can be read by others (mode %04o); decide whether its secrets are still good, then run: chmod 700 %s", path, mode, path)
	}
	return checkOwner("the secret store", path, info)
}

func checkOwner(what, path string, info fs.FileInfo) error {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s %s belongs to user %d and not to the user who runs this (%d); run as its owner or choose another path", what, path, st.Uid, os.Geteuid())
	}
	return nil
}

// Get implements Store.
func (d *Dir) Get(_ context.Context, name string) ([]byte, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(d.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, fmt.Errorf("secret %s in %s: %w", name, d.root, ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("cannot read secret %s; check that %s belongs to you: %w", name, d.root, err)
	}
	return d.decrypt(name, content)
}

func (d *Dir) decrypt(name string, content []byte) ([]byte, error) {
	key := d.key
	switch {
	case keyID(content) == "" && key == nil:
		return content, nil // plain, in a store that no control plane has encrypted yet
	case keyID(content) == "":
		return nil, fmt.Errorf("secret %s in %s is not encrypted, though the store is: it is damaged, or somebody put it there; "+
			"restore it from a backup, or if it is as you want it remove %s and start again", name, d.root, d.markFile())
	case key == nil: // encrypted since this store was opened
		var err error
		if key, err = d.loadKey(); err != nil {
			return nil, err
		}
	}
	return key.open(name, content)
}

// Create implements Store.
func (d *Dir) Create(ctx context.Context, name string, value []byte) ([]byte, error) {
	if err := CheckNew(name, value); err != nil {
		return nil, err
	}
	if d.readOnly {
		return nil, fmt.Errorf("secret %s is not there, and only a control plane makes one; start it with mainstay up or mainstay serve", name)
	}
	path := d.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, writeError(name, d.root, err)
	}
	err := linkNew(path, d.key.seal(name, value))
	if errors.Is(err, fs.ErrExist) {
		return d.Get(ctx, name)
	}
	if err != nil {
		return nil, writeError(name, d.root, err)
	}
	return bytes.Clone(value), nil
}

func (d *Dir) path(name string) string { return filepath.Join(d.root, filepath.FromSlash(name)) }

func writeError(name, root string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("cannot store secret %s: the disk of %s is full; free some space and try again: %w", name, root, err)
	}
	return fmt.Errorf("cannot store secret %s; check that %s can be written to: %w", name, root, err)
}
