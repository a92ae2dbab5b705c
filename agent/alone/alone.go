// Package alone lets one process at a time have a file or a directory.
//
// It promises that a lock ends with its process, however that ends, and with Close at
// once, also while the process starts another one. It says nothing about who has a lock,
// keeps nobody out who does not ask, and never removes the file: two processes could hold
// two files of one name.
package alone

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// Patience is for a process that has just ended: one that it was starting in that moment
// holds its lock too, until it has become another program.
const Patience = time.Second

// pause is between two tries: a try costs a system call.
const pause = 5 * time.Millisecond

// ErrTaken: another process has it.
var ErrTaken = errors.New("another process has it")

// A Lock is held until it is closed or its process ends.
type Lock struct{ file *flock.Flock }

// Close gives it back. A nil lock holds nothing.
func (l *Lock) Close() error {
	if l == nil {
		return nil
	}
	return l.file.Close()
}

// File locks a file, which is made when it is not there. It waits for as long as patience
// says, and then fails with ErrTaken.
func File(path string, patience time.Duration) (*Lock, error) {
	return take(path, os.O_CREATE|os.O_RDWR, patience)
}

// Dir is File for a directory, which has to be there.
func Dir(path string, patience time.Duration) (*Lock, error) {
	return take(path, os.O_RDONLY, patience)
}

func take(path string, flag int, patience time.Duration) (*Lock, error) {
	l := flock.New(path, flock.SetFlag(flag), flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	got, err := l.TryLock() // also without patience
	if err == nil && !got {
		got, err = l.TryLockContext(ctx, pause)
	}
	switch {
	case got:
		return &Lock{l}, nil
	case errors.Is(err, context.DeadlineExceeded):
		err = ErrTaken
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}
