package secrets

import (
	"crypto/rand"
	"os"
	"path/filepath"

	"github.com/mainstaydb/mainstay/agent/durable"
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
	if err := durable.Create(tmp, content, 0o600); err != nil {
		return err
	}
	if err := settle(tmp, path); err != nil {
		return err
	}
	return durable.SyncDir(dir)
}
