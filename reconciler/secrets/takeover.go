package secrets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// markFile says that the store is encrypted, all of it, and with which key. From
// then on a plain file is refused, and opening costs the same for any number of
// secrets.
func (d *Dir) markFile() string { return filepath.Join(d.root, ".encrypted") }

func (d *Dir) readMark() (id string, err error) {
	data, err := os.ReadFile(d.markFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("cannot read the secret store %s; check that it belongs to you: %w", d.root, err)
	}
	return strings.TrimSpace(string(data)), nil
}

// unlock finds the key, and takes over a store that is not encrypted yet.
func (d *Dir) unlock() error {
	id, err := d.readMark()
	switch {
	case err != nil:
		return err
	case id != "":
		return d.useKey(id)
	case d.readOnly:
		return nil
	}
	return d.exclusively(func() error {
		if id, err := d.readMark(); err != nil || id != "" { // another process was first
			return errors.Join(err, d.useKey(id))
		}
		return d.takeOver()
	})
}

// useKey takes the key that the store's mark names.
func (d *Dir) useKey(id string) (err error) {
	if d.key, err = d.loadKey(); err != nil {
		return err
	}
	return d.rightKey(id)
}

// loadKey reads the key of a store that needs one.
func (d *Dir) loadKey() (*key, error) {
	k, err := readKey(d.keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the secrets in %s are encrypted and their key %s is missing; put it back from your copy of it. "+
			"No new one is made: it could not open them: %w", d.root, d.keyFile, err)
	}
	return k, err
}

func (d *Dir) rightKey(id string) error {
	if d.key.id != id {
		return fmt.Errorf("%s is not the key of the secret store %s: the store is encrypted with the key %s and this one is %s; "+
			"put the right one there, from your copy of it", d.keyFile, d.root, id, d.key.id)
	}
	return nil
}

// exclusively keeps other processes from making a key or taking over meanwhile.
// The lock ends with the process, however it ends.
func (d *Dir) exclusively(do func() error) error {
	lock, err := os.Open(d.root)
	if err == nil {
		defer lock.Close()
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		return fmt.Errorf("cannot lock the secret store %s; keep it on a file system that has locks: %w", d.root, err)
	}
	return do()
}

// takeOver encrypts what is plain. The order makes a crash harmless at any moment:
// the key is on disk before the first value needs it, a value is replaced whole,
// and the mark comes last. Whoever opens the store next goes on.
func (d *Dir) takeOver() error {
	all, err := d.list()
	if err != nil {
		return err
	}
	for _, id := range all.encrypted {
		if d.key == nil {
			if d.key, err = d.loadKey(); err != nil {
				return err
			}
		}
		if err := d.rightKey(id); err != nil {
			return err
		}
	}
	if d.key == nil {
		if d.key, err = makeKey(d.keyFile, d.root); err != nil {
			return err
		}
	}
	for _, name := range all.plain {
		if err := d.encrypt(name); err != nil {
			return err
		}
	}
	if err := replace(d.markFile(), []byte(d.key.id+"\n")); err != nil {
		return fmt.Errorf("cannot write to the secret store %s; check its permissions and the space on its disk: %w", d.root, err)
	}
	return nil
}

func (d *Dir) encrypt(name string) error {
	value, err := os.ReadFile(d.path(name))
	if err != nil {
		return fmt.Errorf("cannot read secret %s to encrypt it; check that %s belongs to you: %w", name, d.root, err)
	}
	if err := replace(d.path(name), d.key.seal(name, value)); err != nil {
		return writeError(name, d.root, err)
	}
	return nil
}

// A listing is what a store without a mark holds.
type listing struct {
	plain     []string          // names
	encrypted map[string]string // id of the key by name
}

// list looks at every file. What a crash left half written goes: it may be plain.
func (d *Dir) list() (listing, error) {
	all := listing{encrypted: map[string]string{}}
	err := filepath.WalkDir(d.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if strings.HasPrefix(entry.Name(), unfinished) {
			return os.Remove(path)
		}
		name, err := filepath.Rel(d.root, path)
		if err != nil {
			return err
		}
		if name = filepath.ToSlash(name); CheckName(name) != nil {
			return nil // no secret: nothing of ours can have been written there
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if id := keyID(content); id != "" {
			all.encrypted[name] = id
		} else {
			all.plain = append(all.plain, name)
		}
		return nil
	})
	if err != nil {
		return all, fmt.Errorf("cannot look through the secret store %s; check that all of it belongs to you: %w", d.root, err)
	}
	return all, nil
}
