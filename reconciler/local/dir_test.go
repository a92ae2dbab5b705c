package local

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// bare is a cloud in which nothing runs: no programs are needed.
func bare(t *testing.T) *Cloud {
	t.Helper()
	return open(t, Options{Dir: filepath.Join(t.TempDir(), "cloud")})
}

// What cannot be read is a gap that names it, and the rest is still seen.
func TestUnreadableIsAGap(t *testing.T) {
	t.Parallel()
	c := bare(t)
	good, bad := machineID("good", 0), machineID("bad", 0)
	for id, content := range map[string]string{good: `{"id":"` + good + `","token":"good"}`, bad: `{"id":`} {
		if err := os.Mkdir(c.dir.machine(id), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(c.dir.machine(id), recordFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(c.dir.machines(), "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(c.dir.volumes()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.dir.volumes(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	inv := c.Observe(t.Context())
	if len(inv.Machines) != 1 || inv.Machines[0].ID != good {
		t.Errorf("machines %+v, want the good one", inv.Machines)
	}
	if !strings.Contains(inv.Gaps.Machines, c.dir.machine(bad)) || strings.Contains(inv.Gaps.Machines, good) {
		t.Errorf("gap %q does not name the bad one alone", inv.Gaps.Machines)
	}
	if !strings.Contains(inv.Gaps.Volumes, c.dir.volumes()) {
		t.Errorf("gap %q does not name the directory", inv.Gaps.Volumes)
	}
}

func TestIdentityIsKeptAndChecked(t *testing.T) {
	t.Parallel()
	c := bare(t)
	first, _ := c.Identity(t.Context())
	if _, err := uuid.Parse(strings.TrimPrefix(first, "local:")); err != nil {
		t.Fatal(err)
	}
	if again, _ := open(t, c.opts).Identity(t.Context()); again != first {
		t.Fatalf("identity %s became %s", first, again)
	}
	if err := os.WriteFile(c.dir.identity(), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), c.opts); err == nil || !strings.Contains(err.Error(), c.dir.identity()) {
		t.Fatalf("a damaged identity: %v", err)
	}
}

func TestOpenRefusesWhatIsNoDirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", file, filepath.Join(file, "below")} {
		if _, err := Open(t.Context(), Options{Dir: dir}); err == nil {
			t.Errorf("Open took %q", dir)
		}
	}
}

func TestPurgeLeavesForeignFilesAlone(t *testing.T) {
	t.Parallel()
	c := bare(t)
	foreign := filepath.Join(string(c.dir), "letter.txt")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(string(c.dir))
	if err != nil || len(entries) != 1 || entries[0].Name() != "letter.txt" {
		t.Fatalf("left: %v, %v", entries, err)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, perm := range map[string]fs.FileMode{"2.10.0": 0o755, "2.9.0": 0o755, "1.86.4": 0o755, "3.0.0": 0o644} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "dolt"), nil, perm); err != nil {
			t.Fatal(err)
		}
	}
	opts := Options{Dir: filepath.Join(t.TempDir(), "cloud"), VersionsDir: dir}
	got, err := open(t, opts).Versions()
	if d := cmp.Diff([]string{"1.86.4", "2.9.0", "2.10.0"}, got); d != "" || err != nil {
		t.Fatalf("%s %v", d, err)
	}
	opts.VersionsDir = filepath.Join(dir, "nowhere")
	if _, err := open(t, opts).Versions(); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Fatalf("a missing directory: %v", err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for cause, want := range map[error]string{
		&fs.PathError{Op: "write", Path: "f", Err: syscall.ENOSPC}: "free some space",
		&fs.PathError{Op: "write", Path: "f", Err: syscall.EDQUOT}: "free some space",
		&fs.PathError{Op: "write", Path: "f", Err: syscall.EROFS}:  "read-only",
		&fs.PathError{Op: "open", Path: "f", Err: syscall.EACCES}:  "not permitted",
	} {
		if err := explain(cause, "do it"); !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", cause, err)
		}
	}
}

func TestIDsFollowFromTheLaunch(t *testing.T) {
	t.Parallel()
	slot := plan.SlotID{Deployment: "d", Ordinal: 1, Generation: 1}
	for _, other := range []plan.SlotID{
		{Deployment: "d", Ordinal: 1, Generation: 2}, {Deployment: "d", Ordinal: 2, Generation: 1}, {Deployment: "d1", Ordinal: 1, Generation: 1}, {Deployment: "d", Ordinal: 11},
	} {
		if volumeID(slot) == volumeID(other) {
			t.Errorf("%+v and %+v have one volume", slot, other)
		}
	}
	if machineID("t", 1) == machineID("t", 2) || machineID("t1", 1) == machineID("t", 11) {
		t.Error("two machines have one id")
	}
	if !machinePattern.MatchString(machineID("t", 1)) || !volumePattern.MatchString(volumeID(slot)) {
		t.Error("an id is not one")
	}
}
