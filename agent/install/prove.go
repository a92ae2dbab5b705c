package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mainstaydb/mainstay/agent/fetch"
)

const (
	// answerLimit bounds a program that says its version: Dolt does in a tenth of
	// a second, read from a cold disk in some seconds.
	answerLimit = 30 * time.Second
	// busyTries and busyPause are for a file that was just written: a process that
	// is being started elsewhere in this program may hold it open until it runs,
	// which takes a millisecond.
	busyTries = 20
	busyPause = 50 * time.Millisecond
)

// Prove runs a program of Dolt, which must say that it is this version.
func Prove(ctx context.Context, path, version string) error {
	home, err := os.MkdirTemp("", "mainstay-dolt-")
	if err != nil {
		return fmt.Errorf("make a place to run Dolt: %w", err)
	}
	defer func() { _ = os.RemoveAll(home) }()
	// Without this Dolt would ask the network for its newest version, and report
	// that it was run.
	quiet := []byte(`{"metrics.disabled":"true","versioncheck.disabled":"true"}`)
	if err := os.Mkdir(filepath.Join(home, ".dolt"), 0o700); err != nil {
		return fmt.Errorf("make a place to run Dolt: %w", err)
	}
	if err := os.WriteFile(filepath.Join(home, ".dolt", "config_global.json"), quiet, 0o600); err != nil {
		return fmt.Errorf("make a place to run Dolt: %w", err)
	}
	env := []string{"HOME=" + home, "DOLT_ROOT_PATH=" + home, "DOLT_DISABLE_EVENT_FLUSH=1"}
	return Says(ctx, home, env, "dolt version "+version, path, "version")
}

// Says runs a program and compares the first line of its answer.
func Says(ctx context.Context, dir string, env []string, want string, command ...string) error {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	out, err := run(ctx, dir, env, command)
	if ctx.Err() != nil {
		return fmt.Errorf("%w: the program does not say its version: %w", fetch.ErrWrong, ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("%w: the program does not run: %w", fetch.ErrWrong, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	if line = strings.TrimSpace(line); line != want {
		return fmt.Errorf("%w: the program says it is %.80q, want %q", fetch.ErrWrong, line, want)
	}
	return nil
}

func run(ctx context.Context, dir string, env, command []string) (out []byte, err error) {
	for range busyTries {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Dir, cmd.Env = dir, env
		cmd.WaitDelay = 10 * time.Second // a child of its own may hold the answer open
		out, err = cmd.Output()
		if !errors.Is(err, syscall.ETXTBSY) {
			return out, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(busyPause):
		}
	}
	return out, err
}
