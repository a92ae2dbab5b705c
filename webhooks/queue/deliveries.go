package queue

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/mainstaydb/mainstay/agent/durable"
)

// deliveries remembers the newest ids: a file with one on each line, added to and
// synced, and written anew when it has twice as many as are to be remembered.
type deliveries struct {
	path string
	keep int
	ids  []string
	set  map[string]struct{}
	file *os.File
}

func openDeliveries(path string, keep int) (*deliveries, error) {
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read which deliveries were seen: %w", err)
	}
	d := &deliveries{path: path, keep: keep, set: map[string]struct{}{}}
	// What follows the last end of a line was being written when a process was killed.
	whole := content[:bytes.LastIndexByte(content, '\n')+1]
	for id := range strings.Lines(string(whole)) {
		d.ids = append(d.ids, strings.TrimSuffix(id, "\n"))
	}
	return d, d.rewrite()
}

// rewrite writes the newest ids and begins to add to them.
func (d *deliveries) rewrite() error {
	d.ids = d.ids[max(0, len(d.ids)-d.keep):]
	clear(d.set)
	var b strings.Builder
	for _, id := range d.ids {
		d.set[id] = struct{}{}
		b.WriteString(id + "\n")
	}
	if err := durable.WriteFile(d.path, []byte(b.String()), 0o600); err != nil {
		return err
	}
	file, err := os.OpenFile(d.path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_ = d.close()
	d.file = file
	return nil
}

func (d *deliveries) has(id string) bool {
	_, ok := d.set[id]
	return ok
}

// add remembers an id; none is none.
func (d *deliveries) add(id string) error {
	if id == "" {
		return nil
	}
	if _, err := d.file.WriteString(id + "\n"); err != nil {
		return errors.Join(err, d.rewrite()) // a part of a line must not be added to
	}
	if err := d.file.Sync(); err != nil {
		return err
	}
	d.ids = append(d.ids, id)
	d.set[id] = struct{}{}
	if len(d.ids) < 2*d.keep {
		return nil
	}
	return d.rewrite()
}

func (d *deliveries) close() error {
	if d.file == nil {
		return nil
	}
	return d.file.Close()
}
