// Package install brings releases of Dolt onto this machine.
//
// It promises: a version is there whole or not at all, and only after the program
// itself has said which version it is; nothing is written outside the directory
// of versions; what broken installations leave is removed; several agents may
// share the directory.
//
// It removes no version: which are still needed is not known here.
package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mainstaydb/mainstay/agent/durable"
	"github.com/mainstaydb/mainstay/agent/fetch"
)

// program is the name of the one file of a version.
const program = "dolt"

// An Installer installs into one directory of <version>/dolt.
type Installer struct {
	dir     string
	fetcher *fetch.Fetcher
}

// New returns an installer. It touches nothing.
func New(dir string) *Installer { return &Installer{dir: dir, fetcher: fetch.New()} }

// Install fetches a version, unless it is there. Called again after an error it
// goes on where it ended.
func (i *Installer) Install(ctx context.Context, version string, src fetch.Source, progress fetch.Progress) error {
	if err := CheckVersion(version); err != nil {
		return err
	}
	target := filepath.Join(i.dir, version)
	if _, err := os.Stat(filepath.Join(target, program)); err == nil {
		return nil
	}
	part := i.part(version, src)
	file, err := i.fetcher.File(ctx, src, part, progress)
	if err != nil {
		return err
	}
	defer func() { _ = fetch.Release(file) }()
	staged, err := i.stage(ctx, version, file, fetch.Workplace(part))
	if err != nil {
		return err
	}
	if err := os.Rename(staged, target); err != nil {
		return fmt.Errorf("put Dolt %s in place; if %s is there without a program, remove it: %w", version, target, err)
	}
	return errors.Join(durable.SyncDir(i.dir), os.RemoveAll(fetch.Workplace(part)), os.Remove(part))
}

// stage makes the version's directory apart, and has the program prove itself.
func (i *Installer) stage(ctx context.Context, version string, file *os.File, work string) (string, error) {
	staged := filepath.Join(work, "version")
	if err := os.RemoveAll(work); err != nil {
		return "", fmt.Errorf("remove what an installation left: %w", err)
	}
	if err := os.MkdirAll(staged, 0o755); err != nil {
		return "", fmt.Errorf("make a place for Dolt %s: %w", version, err)
	}
	path := filepath.Join(staged, program)
	if err := Unpack(file, path, program); err != nil {
		return "", err
	}
	if err := Prove(ctx, path, version); err != nil {
		return "", err
	}
	return staged, durable.SyncDir(staged)
}

// Clean removes what broken installations left; the one of this version and
// source may go on and stays.
func (i *Installer) Clean(version string, src fetch.Source) error {
	return fetch.Clean(i.parts(), i.part(version, src))
}

// parts begins with a dot, as no version does.
func (i *Installer) parts() string { return filepath.Join(i.dir, ".fetch") }

// part is a source's own: what is half fetched of one must not become another.
func (i *Installer) part(version string, src fetch.Source) string {
	return filepath.Join(i.parts(), version+"-"+src.SHA256)
}

// CheckVersion keeps a version to one path element: nothing of a row may lead
// elsewhere.
func CheckVersion(version string) error {
	if version == "" || strings.HasPrefix(version, ".") || strings.ContainsRune(version, filepath.Separator) {
		return fmt.Errorf("%q is no version of Dolt, write it as in 2.2.0", version)
	}
	return nil
}
