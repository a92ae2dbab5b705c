package local

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/mainstaydb/mainstay/agent/durable"
)

// explain says in one sentence what could not be done and what to do about it.
func explain(err error, doing string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("cannot %s: the disk is full; free some space, it is tried again: %w", doing, err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("cannot %s: the file system is read-only; mount it for writing: %w", doing, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("cannot %s: not permitted; run as the owner of the directory, or give it back to the user who runs this: %w", doing, err)
	}
	return fmt.Errorf("cannot %s: %w", doing, err)
}

// replaceFile puts new content in the place of a file's old content: readers see
// the one or the other.
func replaceFile(path string, data []byte) error {
	tmp := filepath.Join(filepath.Dir(path), ".new-"+rand.Text())
	if err := durable.Create(tmp, data, 0o600); err != nil {
		os.Remove(tmp)
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		os.Remove(tmp)
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// linkNew makes a file with its content, or fails with fs.ErrExist when there is
// one: a rename would replace it.
func linkNew(path, staging string, data []byte) error {
	tmp := filepath.Join(staging, "file-"+rand.Text())
	defer os.Remove(tmp)
	if err := durable.Create(tmp, data, 0o600); err != nil {
		return err
	}
	if err := os.Link(tmp, path); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// smallFile is more than any file has that a look at the cloud reads.
const smallFile = 4 << 10

// readSmall reads a small file in three system calls. os.ReadFile makes twice as
// many, and a look at the cloud is little else.
func readSmall(path string) ([]byte, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(fd)
	buffer := make([]byte, smallFile)
	n, err := syscall.Read(fd, buffer) // a regular file comes whole, or up to the buffer's end
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	if n == smallFile {
		return os.ReadFile(path)
	}
	return buffer[:n], nil
}

func readJSON(path string, v any) error {
	b, err := readSmall(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func mustJSON(v any) []byte {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // only plain structs of this package come here
	}
	return append(b, '\n')
}

// A stage is a directory in the making: built aside, then renamed into place
// whole. Two that race to one place: the first stands.
type stage struct {
	dir string
	err error
}

func newStage(staging string) *stage {
	s := &stage{dir: filepath.Join(staging, "dir-"+rand.Text())}
	s.err = os.Mkdir(s.dir, 0o700)
	return s
}

func (s *stage) file(name string, data []byte) {
	if s.err == nil {
		s.err = durable.Create(filepath.Join(s.dir, name), data, 0o600)
	}
}

func (s *stage) link(name, target string) {
	if s.err == nil {
		s.err = os.Symlink(target, filepath.Join(s.dir, name))
	}
}

// place renames the directory to path; fs.ErrExist when path is taken. Whatever
// happens nothing is left in the staging area.
func (s *stage) place(path string) error {
	defer os.RemoveAll(s.dir)
	if s.err == nil {
		s.err = durable.SyncDir(s.dir)
	}
	if s.err != nil {
		return s.err
	}
	err := os.Rename(s.dir, path)
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) {
		return fs.ErrExist
	}
	if err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}
