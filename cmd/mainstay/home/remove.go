package home

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Remove deletes what belongs to a home, and the directory when nothing else is
// in it: a person may have named one that holds their own files too. The lock
// goes last, so that a removal which was cut short can be repeated.
func (h Home) Remove() error {
	for _, path := range []string{
		h.Hub(), h.Cloud(), h.Clone(), h.Clients(), h.Secrets(), h.SecretsKey(), h.CA(), h.Log(), h.Log() + ".old",
		filepath.Join(h.root, "run.json"), filepath.Join(h.root, "holder"), h.lockFile(),
	} {
		if err := removeAll(path); err != nil {
			return fmt.Errorf("cannot remove %s; run this again: %w", path, cause(err))
		}
	}
	if err := os.Remove(h.root); err != nil && !errors.Is(err, unix.ENOTEMPTY) {
		return fmt.Errorf("cannot remove %s: %w", h.root, cause(err))
	}
	return nil
}

// removeBound is for a child that a dolt server starts when it ends, which writes
// a file or two into the directory that is being removed and is gone then.
const removeBound = 2 * time.Second

func removeAll(path string) error {
	for deadline := time.Now().Add(removeBound); ; time.Sleep(20 * time.Millisecond) {
		err := os.RemoveAll(path)
		if !errors.Is(err, unix.ENOTEMPTY) || time.Now().After(deadline) {
			return err
		}
	}
}
