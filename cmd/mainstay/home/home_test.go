package home

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func testHome(t *testing.T) Home {
	t.Helper()
	h, err := At(filepath.Join(t.TempDir(), "fleet"))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Make(); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestOneControlPlaneAtATime(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	if h.Held() || h.PID() != 0 {
		t.Error("nobody holds it yet")
	}
	lock, err := h.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Lock(); !errors.Is(err, ErrHeld) {
		t.Errorf("got %v, want ErrHeld", err)
	}
	if h.PID() != os.Getpid() {
		t.Errorf("held by %d, want %d", h.PID(), os.Getpid())
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if h.Held() || h.PID() != 0 {
		t.Error("nobody holds it any more")
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	if _, err := h.ReadRun(); !errors.Is(err, ErrNoRun) {
		t.Errorf("got %v, want ErrNoRun", err)
	}
	want := Run{PID: 1, Hub: "http://127.0.0.1:1/fleet", HTTP: "127.0.0.1:2"}
	if err := h.WriteRun(want); err != nil {
		t.Fatal(err)
	}
	if got, err := h.ReadRun(); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	info, err := os.Stat(filepath.Join(h.Root(), "run.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("run.json: %v %v", info.Mode(), err)
	}
}

func TestSeats(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := TakeSeat(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := TakeSeat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if first.Dir == second.Dir {
		t.Errorf("two have the seat %s", first.Dir)
	}
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Fatal(err)
	}
	third, err := TakeSeat(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	if third.Dir != first.Dir {
		t.Errorf("got %s, want the freed %s", third.Dir, first.Dir)
	}
}

func TestHolderStays(t *testing.T) {
	t.Parallel()
	h, other := testHome(t), testHome(t)
	first, err := h.Holder()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := h.Holder(); err != nil || again != first {
		t.Errorf("got %s, %v, want %s", again, err, first)
	}
	if another, err := other.Holder(); err != nil || another == first {
		t.Errorf("two control planes are called %s (%v)", another, err)
	}
}

func TestRemoveLeavesWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	if err := os.MkdirAll(h.Hub(), 0o700); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(h.Root(), "thesis.txt")
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("a file that is not ours is gone: %v", err)
	}
	if _, err := os.Stat(h.Hub()); err == nil {
		t.Error("the hub is still there")
	}
}
