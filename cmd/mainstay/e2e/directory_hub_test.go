package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDirectoryHub has two control planes on one machine and a hub that is no server but a
// directory: databases start while both push, and a person with the dolt CLI pushes too.
// Whoever holds the directory's lock gives it back, be it the programs that were started.
func TestDirectoryHub(t *testing.T) {
	t.Parallel()
	f := &fleet{t: t, dir: filepath.Join(t.TempDir(), "fleet"), out: &output{}}
	t.Cleanup(f.endMachines)
	hub := filepath.Join(filepath.Dir(f.dir), "hub")
	for _, dir := range []string{hub, f.dir} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	f.do("init", "--hub", "file://"+hub)
	first := f.serveDirectory(hub, f.dir)
	f.serveDirectory(hub, filepath.Join(filepath.Dir(f.dir), "second"))

	const many = 6
	for n := range many {
		f.sql(fmt.Sprintf("INSERT INTO deployments (name) VALUES ('db-%d')", n)) // while the one before starts
	}
	f.wait("all serve", servesAll)
	for n := range many {
		f.alone(fmt.Sprintf("db-%d", n))
	}
	lock, err := os.Open(filepath.Join(hub, "LOCK"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	f.until("nobody holds the hub's lock", func() bool {
		return unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
	})
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_UN); err != nil {
		t.Fatal(err)
	}

	first.kill()
	f.addAsPerson("survivor")
	first.start()
	f.alone("survivor")
}

// serveDirectory runs a control plane with a directory of its own on a hub that is one.
func (f *fleet) serveDirectory(hub, dir string) *daemon {
	f.t.Helper()
	d := &daemon{t: f.t, config: filepath.Join(f.t.TempDir(), "mainstay.yaml")}
	write(f.t, d.config, localConfiguration([]string{"url: file://" + hub}, dir, filepath.Join(f.dir, "cloud"), filepath.Join(f.dir, "secrets")))
	f.t.Cleanup(d.end)
	d.start()
	return d
}

// endMachines ends what runs on when the control planes have ended.
func (f *fleet) endMachines() {
	for _, pid := range pids("mainstay-agent machine", f.dir) {
		_ = syscall.Kill(pid, syscall.SIGTERM)
	}
	f.until("all machines have ended", func() bool { return len(pids(f.dir)) == 0 })
}
