// Package update changes the agent over to another version of itself.
//
// It promises: the new program is in place only after it has the right sum and has
// said the right version; the former is kept beside it; what was under way when
// the power went ends as the former or as the new, whole; a new program that does
// not serve within a few starts, or within minutes, is taken back, and the same
// release is not tried again. A program so broken that it cannot do any of this is
// what the Guard is for: whoever starts the agent asks it first.
//
// It starts and stops nothing, and does not touch the database.
package update

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/mainstaydb/mainstay/agent/durable"
	"github.com/mainstaydb/mainstay/agent/fetch"
	"github.com/mainstaydb/mainstay/agent/install"
)

// name is what the program calls itself, whatever its file is called.
const name = "mainstay-agent"

// previousSuffix is the former program's, beside the present one.
const previousSuffix = ".previous"

// A Release is a version of the agent to change over to.
type Release struct {
	Version string
	fetch.Source
}

// ErrTriedBefore: the release was taken back on this machine already.
var ErrTriedBefore = errors.New("this release was tried on this machine and taken back")

// An Updater replaces one program.
type Updater struct {
	program string // file that whoever starts the agent starts
	version string // that runs
	trials  trials
	fetcher *fetch.Fetcher
}

// New returns the updater of the program that runs as this version. Dir is the
// machine's directory.
func New(program, version, dir string) *Updater {
	return &Updater{program: program, version: version, trials: inDir(dir), fetcher: fetch.New()}
}

// Apply puts a release in place. It takes effect at the next start.
func (u *Updater) Apply(ctx context.Context, r Release) error {
	last, err := u.trials.read()
	if err != nil {
		return err
	}
	if last.Failed && last.Version == r.Version && last.SHA256 == r.SHA256 {
		return fmt.Errorf("%w: %s; publish another one", ErrTriedBefore, last.Reason)
	}
	if err := fetch.Clean(u.parts(), u.part(r)); err != nil {
		return err
	}
	part := u.part(r)
	file, err := u.fetcher.File(ctx, r.Source, part, func(int64, int64) {})
	if err != nil {
		return err
	}
	defer func() { _ = fetch.Release(file) }()
	work := fetch.Workplace(part)
	staged, err := stage(ctx, r.Version, file, work)
	if err != nil {
		return err
	}
	if err := u.place(r, staged); err != nil {
		return fmt.Errorf("put version %s of the agent in place: %w", r.Version, err)
	}
	return errors.Join(os.RemoveAll(work), os.Remove(part))
}

// parts is beside the program, as a file is only renamed within one file system.
func (u *Updater) parts() string {
	return filepath.Join(filepath.Dir(u.program), "."+filepath.Base(u.program)+".fetch")
}

func (u *Updater) part(r Release) string { return filepath.Join(u.parts(), r.SHA256) }

// stage has the new program prove itself apart.
func stage(ctx context.Context, version string, file io.Reader, work string) (string, error) {
	if err := os.RemoveAll(work); err != nil {
		return "", fmt.Errorf("remove what a former update left: %w", err)
	}
	if err := os.Mkdir(work, 0o755); err != nil {
		return "", fmt.Errorf("make a place for the new program: %w", err)
	}
	staged := filepath.Join(work, name)
	if err := install.Unpack(file, staged, name); err != nil {
		return "", err
	}
	return staged, install.Says(ctx, work, []string{"PATH=/usr/bin:/bin"}, name+" "+version, staged, "--version")
}

// place changes the programs. The trial is noted first: from the moment that the
// new program can be started, each start counts.
func (u *Updater) place(r Release, staged string) error {
	sum, err := sumOf(staged)
	if err != nil {
		return err
	}
	if err := u.trials.write(trial{Version: r.Version, SHA256: r.SHA256, Program: sum, From: u.version}); err != nil {
		return err
	}
	if now, err := sumOf(u.program); err != nil || now == sum {
		return err // another agent with the same program was faster; what it kept is the former one
	}
	previous := u.program + previousSuffix
	if err := os.Remove(previous + ".new"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Link(u.program, previous+".new"); err != nil {
		return err
	}
	if err := os.Rename(previous+".new", previous); err != nil {
		return err
	}
	return rename(staged, u.program)
}

// Proved notes that the program that runs serves. It ends a trial of it, and one
// that never came about.
func (u *Updater) Proved() error {
	last, err := u.trials.read()
	if err != nil || last.Version == "" || last.Failed && last.Version != u.version {
		return err
	}
	return u.trials.end()
}

// Failure says which release was taken back and why; empty: none.
func (u *Updater) Failure() (version, reason string) {
	last, err := u.trials.read()
	if err != nil {
		return "unknown", err.Error()
	}
	if !last.Failed || last.Version == u.version {
		return "", ""
	}
	return last.Version, last.Reason
}

func sumOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// rename lasts over a power cut.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(to))
}
