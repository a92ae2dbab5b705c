package secrets

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
)

// unfinished begins the names of files that are being written. It begins with a
// dot, which no secret's name does.
const unfinished = ".new-"

// linkNew makes path with the content, whole and on disk, or fails with
// fs.ErrExist. A link and not a rename: a rename would replace what another
// process made first.
func linkNew(path string, content []byte) error { return place(path, content, os.Link) }

// replace puts the content in a file's place: a crash leaves the one or the other,
// whole.
func replace(path string, content []byte) error { return place(path, content, os.Rename) }

func place(path string, content []byte, settle func(from, to string) error) error {
	dir := filepath.Dir(path)
	tmp := filepath.Join(dir, unfinished+rand.Text())
	defer os.Remove(tmp) // after a rename there is nothing of this name
	if err := writeSynced(tmp, content); err != nil {
		return err
	}
	if err := settle(tmp, path); err != nil {
		return err
	}
	return syncDir(dir)
}

func writeSynced(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
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
