// Package notes keeps small values in a directory, one file for each, so that a
// restart remembers what was seen and written on GitHub.
//
// It promises that a value is whole or as it was before, also after a power cut. It
// is for one process; who loses the directory loses time and nothing else.
package notes

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/mainstaydb/mainstay/agent/durable"
	"github.com/mainstaydb/mainstay/webhooks"
)

const suffix = ".json"

// A Dir is notes in a directory. Safe for concurrent use on different keys.
type Dir struct{ path string }

var _ webhooks.Notes = Dir{}

// Open opens the notes at path and makes the directory if there is none.
func Open(path string) (Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return Dir{}, fmt.Errorf("cannot make the directory %s for notes about pull requests; choose one that you may write to: %w", path, err)
	}
	return Dir{path}, nil
}

// file escapes a key, so that none climbs out of the directory. Hidden files are
// what a crash left half written.
func (d Dir) file(key string) string { return filepath.Join(d.path, "n"+url.QueryEscape(key)+suffix) }

// Get implements webhooks.Notes.
func (d Dir) Get(key string) ([]byte, error) {
	value, err := os.ReadFile(d.file(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return value, err
}

// Put implements webhooks.Notes.
func (d Dir) Put(key string, value []byte) error { return durable.WriteFile(d.file(key), value, 0o600) }

// Delete implements webhooks.Notes.
func (d Dir) Delete(key string) error { return durable.Remove(d.file(key)) }

// Keys implements webhooks.Notes.
func (d Dir) Keys() ([]string, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, fmt.Errorf("cannot list the notes about pull requests: %w", err)
	}
	var keys []string
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok || !strings.HasPrefix(name, "n") {
			continue
		}
		if key, err := url.QueryUnescape(name[1:]); err == nil {
			keys = append(keys, key)
		}
	}
	return keys, nil
}
