package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// resolving runs a command where the zone's addresses are known, as they are where
// Route 53 is asked: it has a file of hosts of its own.
var resolving = []string{"sh", "-c", `mount --bind "$1" /etc/hosts && shift && exec "$@"`, "resolving"}

// unshare gives a command mounts of its own.
func unshare() []string {
	if os.Getuid() == 0 {
		return []string{"unshare", "--mount"}
	}
	return []string{"unshare", "--map-root-user", "--mount"}
}

// canResolve tells whether this system lets the test do so.
func canResolve(t *testing.T) bool {
	t.Helper()
	words := slices.Concat(unshare(), resolving, []string{"/etc/hosts", "true"})
	out, err := exec.CommandContext(t.Context(), words[0], words[1:]...).CombinedOutput()
	if err != nil {
		t.Logf("this system gives no mount namespace, so no name of the zone can be connected with: %v: %s", err, out)
	}
	return err == nil
}

// connect runs SQL on a database with mainstay connect, which finds it by the name
// that is in the zone, and the password in the secret store.
func (f *cloudFleet) connect(name, statement string) (string, error) {
	hosts := filepath.Join(f.t.TempDir(), "hosts")
	var lines []string
	for key, value := range f.records() {
		if host, ok := strings.CutSuffix(key, " A"); ok {
			lines = append(lines, value+" "+host)
		}
	}
	write(f.t, hosts, "127.0.0.1 localhost\n"+strings.Join(lines, "\n")+"\n")
	words := slices.Concat(unshare(), resolving, []string{hosts, program(f.t), "connect", name, "-e", statement, "--dir", f.dir})
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = append(environment(f.t), f.env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("mainstay connect %s: %w", name, errors.Join(err, errors.New(errs.String())))
	}
	return out.String(), nil
}

// fillAll makes a table with the database's name in it in each.
func (f *cloudFleet) fillAll(names []string) {
	f.t.Helper()
	f.all(names, func(name string) error {
		_, err := f.connect(name, "CREATE DATABASE shop; CREATE TABLE shop.things (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO shop.things VALUES (1, 'of "+name+"')")
		return err
	})
}

// holdsAll looks for what fillAll made: the former name by the present one.
func (f *cloudFleet) holdsAll(made map[string]string) {
	f.t.Helper()
	f.all(slices.Collect(maps.Keys(made)), func(name string) error {
		out, err := f.connect(name, "SELECT name FROM shop.things")
		if err == nil && !strings.Contains(out, "of "+made[name]) {
			err = fmt.Errorf("%s does not hold what was written before: %s", name, out)
		}
		return err
	})
}

// all does something with each database, a few at a time: each is a program.
func (f *cloudFleet) all(names []string, do func(string) error) {
	f.t.Helper()
	var group errgroup.Group
	group.SetLimit(3)
	for _, name := range names {
		group.Go(func() error { return do(name) })
	}
	if err := group.Wait(); err != nil {
		f.t.Fatal(err)
	}
}
