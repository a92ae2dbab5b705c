package agent

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/agent/agentpb"
)

// TestDiskFullForReal fills a small file system of its own.
func TestDiskFullForReal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.smallVolume()
	r.attach()
	r.deployed()
	r.serving()
	for _, statement := range []string{"CREATE DATABASE shop", "CREATE TABLE shop.b (id int primary key auto_increment, v longblob)"} {
		if _, err := r.query("the password", statement); err != nil && !strings.Contains(err.Error(), "no rows") {
			t.Fatal(err)
		}
	}
	var err error
	// Random bytes, which do not compress away; the error comes when it is full.
	insert := "INSERT INTO shop.b (v) VALUES (concat(" + strings.TrimSuffix(strings.Repeat("random_bytes(1000),", 500), ",") + "))"
	for range 100 {
		if _, err = r.query("the password", insert); err != nil && !strings.Contains(err.Error(), "no rows") {
			break
		}
	}
	st := r.await("a full disk", func(st *agentpb.StatusResponse) bool { return holding(st, DiskFull) != nil })
	if st.GetVolume().GetSizeBytes() != 16<<20 {
		t.Fatalf("volume %v", st.GetVolume())
	}
	t.Logf("the database said: %v; the agent: %v; %v", err, holding(st, DiskFull), st.GetDatabase())
	if err := syscall.Mount("tmpfs", r.volume, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	r.await("room again", func(st *agentpb.StatusResponse) bool {
		return holding(st, DiskFull) == nil && st.GetDatabase().GetState() == agentpb.Database_SERVING
	})
}

// TestStillFull: a full volume is told of also while the database serves again that
// ended for the lack of room.
func TestStillFull(t *testing.T) {
	t.Parallel()
	r, first := fullRig(t)
	full := func(st *agentpb.StatusResponse) bool { return holding(st, DiskFull) != nil }
	log, err := os.OpenFile(filepath.Join(r.dir, "log", "dolt.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.WriteString("no space left on device\n"); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(int(first.GetPid()), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.another(first.GetPid())
	if st := r.await("an answer", func(*agentpb.StatusResponse) bool { return true }); !full(st) {
		t.Fatalf("the volume is full, and that is not told: %v", st)
	}
	r.makeRoom()
	r.await("room again", func(st *agentpb.StatusResponse) bool { return !full(st) })
}

// fullRig has a database that serves on a full volume.
func fullRig(t *testing.T) (*rig, *agentpb.Database) {
	t.Helper()
	r := newRig(t)
	r.smallVolume()
	r.attach()
	r.deployed()
	first := r.serving()
	r.write(r.ballast(), strings.Repeat("x", 31<<19)) // 15.5 MiB of 16: full, with room for a start
	r.await("a full disk", func(st *agentpb.StatusResponse) bool { return holding(st, DiskFull) != nil })
	return r, first
}

func (r *rig) ballast() string { return filepath.Join(r.volume, "ballast") }

func (r *rig) makeRoom() {
	r.t.Helper()
	if err := os.Remove(r.ballast()); err != nil {
		r.t.Fatal(err)
	}
}

// smallVolume puts a small file system in place of the volume, or skips the test.
func (r *rig) smallVolume() {
	r.t.Helper()
	r.detach()
	r.volume = r.t.TempDir()
	err := syscall.Mount("tmpfs", r.volume, "tmpfs", 0, "size=16m,mode=700")
	if errors.Is(err, syscall.EPERM) {
		r.t.Skip("mounting a small file system needs the right to; run this test as root")
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		r.cleanUp()
		if err := syscall.Unmount(r.volume, syscall.MNT_DETACH); err != nil {
			r.t.Error(err)
		}
	})
}

// TestRoomAgain: what failed for the lack of room is tried at once when there is room,
// and not after the pause that its failures have earned it.
func TestRoomAgain(t *testing.T) {
	t.Parallel()
	a := newRig(t).idleAgent()
	dir := a.volumes.attachNow()
	const size = 1 << 30
	a.super.nextTry = time.Now().Add(longestPause)
	a.volumes.show(dir, measurement{"vol-1", size, size})
	if a.super.step(t.Context()); a.super.nextTry.IsZero() {
		t.Fatal("a full volume is no reason to try again")
	}
	a.volumes.show(dir, measurement{"vol-1", size, size / 2})
	if a.super.step(t.Context()); !a.super.nextTry.IsZero() {
		t.Fatal("there is room, and the database still waits for its pause to end")
	}
}
