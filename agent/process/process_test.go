package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bound is how long any single wait in these tests may last: far more than is
// needed on a loaded machine, far less than the test binary's own limit.
const bound = 20 * time.Second

// starterVariable turns the test binary into a program that starts a process,
// says its pid, and waits to be killed.
const starterVariable = "PROCESS_TEST_STARTER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(starterVariable); dir != "" {
		p, err := Start(sleeper(dir))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(p.PID())
		time.Sleep(bound)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func sleeper(dir string) Spec {
	return Spec{Path: "/bin/sleep", Args: []string{"600"}, PIDFile: filepath.Join(dir, "pid")}
}

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	t.Cleanup(cancel)
	return ctx
}

func start(t *testing.T, spec Spec) *Process {
	t.Helper()
	p, err := Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), bound)
		defer cancel()
		if err := p.Kill(ctx); err != nil {
			t.Errorf("leave no process behind: %v", err)
		}
	})
	return p
}

func TestStartFindStop(t *testing.T) {
	t.Parallel()
	spec := sleeper(t.TempDir())
	spec.Tags = map[string]string{"version": "1"}
	p := start(t, spec)
	if !p.Alive() || p.Exit() != "running" {
		t.Fatalf("alive %v, exit %q", p.Alive(), p.Exit())
	}
	found, err := Find(spec.PIDFile)
	if err != nil || found.PID() != p.PID() || found.Tag("version") != "1" || !found.StartedAt().Equal(p.StartedAt()) {
		t.Fatalf("found %+v, %v", found, err)
	}
	if _, err := Start(spec); err == nil || !strings.Contains(err.Error(), "runs already") {
		t.Fatalf("second start: %v", err)
	}
	if err := found.Stop(limited(t), bound); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(spec.PIDFile); !errors.Is(err, ErrNotRunning) {
		t.Fatalf("after stop: %v", err)
	}
	if err := p.Signal(syscall.SIGTERM); !errors.Is(err, ErrNotRunning) {
		t.Fatalf("signal to the dead: %v", err)
	}
	if got := p.Exit(); got != "signal: terminated" {
		t.Fatalf("exit %q", got)
	}
	if err := found.Stop(limited(t), bound); err != nil {
		t.Fatalf("stop twice: %v", err)
	}
}

func TestStopKillsWhatWillNotEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ready := filepath.Join(dir, "ready")
	p := start(t, Spec{
		Path: "/bin/sh", Args: []string{"-c", `trap "" TERM; : >` + ready + `; while :; do read x </dev/zero; done`},
		PIDFile: filepath.Join(dir, "pid"),
	})
	until(t, func() bool { _, err := os.Stat(ready); return err == nil })
	if err := p.Stop(limited(t), 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if got := p.Exit(); got != "signal: killed" {
		t.Fatalf("exit %q", got)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := start(t, sleeper(t.TempDir()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("wait: %v", err)
	}
	// One wait's end must not end another's.
	done := make(chan error, 1)
	go func() { done <- p.Wait(limited(t)) }()
	if err := p.Kill(limited(t)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestEnvironmentAndLogAreExplicit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	spec := Spec{
		Path: "/usr/bin/env", Env: []string{"A=1"}, Dir: dir,
		PIDFile: filepath.Join(dir, "pid"), Log: filepath.Join(dir, "log"),
	}
	p := start(t, spec)
	if err := p.Wait(limited(t)); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(spec.Log)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Fields(string(data)) {
		if line != "A=1" && !strings.HasPrefix(line, markVariable+"=") && line != "PWD="+dir {
			t.Errorf("the process got %q", line)
		}
	}
	if got := p.Exit(); got != "exit status 0" {
		t.Fatalf("exit %q", got)
	}
}

func TestSurvivesItsStarter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	starter := exec.Command(os.Args[0])
	starter.Env = []string{starterVariable + "=" + dir}
	out, err := starter.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	if err := starter.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = starter.Wait()
	p, err := Find(filepath.Join(dir, "pid"))
	if err != nil || p.PID() != pid {
		t.Fatalf("found %+v, %v; want process %d", p, err, pid)
	}
	if err := p.Stop(limited(t), bound); err != nil {
		t.Fatal(err)
	}
	if p.Alive() || p.Exit() != "its exit status is not known" {
		t.Fatalf("alive %v, exit %q", p.Alive(), p.Exit())
	}
}

func TestFindTellsProcessesApart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(*record)
		found bool
	}{
		{"as written", func(*record) {}, true},
		{"pid given to another", func(r *record) { r.Ticks-- }, false},
		{"before a reboot", func(r *record) { r.Boot = "another" }, false},
		{"no such process", func(r *record) { r.PID = 1 << 22 }, false},
		{"starter died before noting the pid", func(r *record) { r.PID, r.Ticks = 0, 0 }, true},
		{"starter died before starting", func(r *record) { r.PID, r.Ticks, r.Mark = 0, 0, "none" }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			spec := sleeper(t.TempDir())
			p := start(t, spec)
			// The mark is readable once the program is loaded.
			until(t, func() bool {
				data, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID()))
				return err == nil && strings.Contains(string(data), p.record.Mark)
			})
			rec := p.record
			tt.spoil(&rec)
			if err := rec.begin(spec.PIDFile); err != nil {
				t.Fatal(err)
			}
			found, err := Find(spec.PIDFile)
			if tt.found && (err != nil || found.PID() != p.PID()) {
				t.Fatalf("found %+v, %v", found, err)
			}
			if !tt.found && !errors.Is(err, ErrNotRunning) {
				t.Fatalf("found %+v, %v", found, err)
			}
		})
	}
}

func TestStartRefusesWhatCannotRun(t *testing.T) {
	t.Parallel()
	spec := sleeper(t.TempDir())
	spec.Path = filepath.Join(t.TempDir(), "nothing")
	if _, err := Start(spec); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("start: %v", err)
	}
	if _, err := os.Stat(spec.PIDFile); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a pid file is left: %v", err)
	}
}

func until(t *testing.T, holds func() bool) {
	t.Helper()
	ctx := limited(t)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatal("waited in vain")
		case <-tick.C:
		}
	}
}
