package fetch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// openAlone opens a file for this process alone: agents of the local cloud share
// a directory of versions. The lock ends with the process, however it ends.
func openAlone(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make a place for what is fetched: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make a place for what is fetched: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrBusy
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return file, nil
}

// Release closes a fetched file and gives it back at once: by closing alone, a process that
// is being started in that moment would keep it from others.
func Release(file *os.File) error {
	return errors.Join(unix.Flock(int(file.Fd()), unix.LOCK_UN), file.Close())
}

// Workplace is a directory beside a fetched file that belongs, like it, to whoever
// holds the file open. Clean removes it too.
func Workplace(path string) string { return path + workplaceSuffix }

const workplaceSuffix = ".d"

// Clean removes what broken downloads left in a directory, all but the one at
// keep, which may go on. What another agent is fetching stays.
func Clean(dir, keep string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for broken downloads: %w", err)
	}
	var errs []error
	for _, e := range entries {
		path := filepath.Join(dir, strings.TrimSuffix(e.Name(), workplaceSuffix))
		if path == keep {
			continue
		}
		file, err := openAlone(path)
		if errors.Is(err, ErrBusy) {
			continue
		}
		errs = append(errs, err)
		if err == nil {
			errs = append(errs, os.RemoveAll(Workplace(path)), os.Remove(path), Release(file))
		}
	}
	return errors.Join(errs...)
}
