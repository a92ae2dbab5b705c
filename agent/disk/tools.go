package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Tools run the system's programs: blkid, wipefs, mkfs.ext4, e2fsck, resize2fs,
// mount and umount.
type Tools interface {
	// Run returns what a program said, and its exit code. An error means that it
	// did not run to its end.
	Run(ctx context.Context, name string, args ...string) (said string, code int, err error)
}

// system runs them as they are installed.
type system struct{}

// Run implements Tools.
func (system) Run(ctx context.Context, name string, args ...string) (string, int, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	// What is compared must not depend on who started the agent.
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	// It is asked to end, and has time to leave things in order.
	cmd.Cancel = func() error { return cmd.Process.Signal(terminate) }
	cmd.WaitDelay = 5 * time.Second
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	var exit *exec.ExitError
	if ctx.Err() != nil {
		return "", 0, ctx.Err()
	}
	if errors.As(err, &exit) && exit.Exited() {
		return said.String(), exit.ExitCode(), nil
	}
	if err != nil {
		return "", 0, fmt.Errorf("run %s: %w", name, err)
	}
	return said.String(), 0, nil
}

// must runs a program that has to succeed.
func (d *Disk) must(ctx context.Context, name string, args ...string) error {
	said, code, err := d.config.Tools.Run(ctx, name, args...)
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("%s %s ended with %d: %s", name, strings.Join(args, " "), code, strings.TrimSpace(said))
	}
	return nil
}
