package secrets

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// A Dir is a Store in a directory of this machine: one file for each secret,
// readable by its owner alone. Several processes may use it at the same time.
type Dir struct {
	root string
}

// OpenDir opens the store at path and makes it if there is none. A directory
// that others can look into is refused and not repaired: who could read it
// may have.
func OpenDir(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the secret store %s; choose a directory that you may write to: %w", path, err)
	}
	if err := checkPrivate(path); err != nil {
		return nil, err
	}
	return &Dir{root: path}, nil
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
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("the secret store %s belongs to user %d and not to the user who runs this (%d); run as its owner or choose another directory", path, st.Uid, os.Geteuid())
	}
	return nil
}

// Get implements Store.
func (d *Dir) Get(_ context.Context, name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	value, err := os.ReadFile(d.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("secret %s in %s: %w", name, d.root, ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("cannot read secret %s; check that %s belongs to you: %w", name, d.root, err)
	}
	return value, nil
}

// Create implements Store.
func (d *Dir) Create(ctx context.Context, name string, value []byte) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	path := d.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, writeError(name, d.root, err)
	}
	err := linkNew(path, value)
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

// linkNew makes path with the value, whole and on disk, or fails with
// fs.ErrExist. A link and not a rename: a rename would replace what another
// process made first. The temporary name begins with a dot, which no secret's
// name does.
func linkNew(path string, value []byte) error {
	tmp := filepath.Join(filepath.Dir(path), ".new-"+rand.Text())
	defer os.Remove(tmp)
	if err := writeSynced(tmp, value); err != nil {
		return err
	}
	if err := os.Link(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func writeSynced(path string, value []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(value)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
