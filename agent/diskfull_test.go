package agent

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/mainstaydb/mainstay/agent/agentpb"
)

// TestDiskFullForReal fills a small file system of its own.
func TestDiskFullForReal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.detach()
	r.volume = t.TempDir()
	err := syscall.Mount("tmpfs", r.volume, "tmpfs", 0, "size=16m,mode=700")
	if errors.Is(err, syscall.EPERM) {
		t.Skip("mounting a small file system needs the right to; run this test as root")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.cleanUp()
		if err := syscall.Unmount(r.volume, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	r.attach()
	r.deployed()
	r.serving()
	for _, statement := range []string{"CREATE DATABASE shop", "CREATE TABLE shop.b (id int primary key auto_increment, v longblob)"} {
		if _, err := r.query("the password", statement); err != nil && !strings.Contains(err.Error(), "no rows") {
			t.Fatal(err)
		}
	}
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
