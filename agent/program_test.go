package agent

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/process"
)

func contains(data []byte, text string) bool { return bytes.Contains(data, []byte(text)) }

// program builds the real mainstay-agent; the build cache makes it quick.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mainstay-agent")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../cmd/mainstay-agent").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// boot starts the machine as the local cloud does.
func (r *rig) boot(program string) *process.Process {
	r.t.Helper()
	p, err := process.Start(process.Spec{
		Path: program, Args: []string{"machine", "--dir", r.dir}, Dir: r.dir,
		Log: filepath.Join(r.dir, "machine.log"), PIDFile: filepath.Join(r.dir, "supervisor.pid"),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := p.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, process.ErrNotRunning) {
			r.t.Error(err)
		}
	})
	r.dial()
	return p
}

// find waits for a process of the machine other than the one with this pid.
func (r *rig) find(name string, other int) *process.Process {
	r.t.Helper()
	var p *process.Process
	until(r.t, func() bool {
		var err error
		p, err = process.Find(filepath.Join(r.dir, name))
		return err == nil && p.PID() != other
	})
	return p
}

func TestTheAgentsDeathLeavesTheDatabase(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := program(t)
	machine := r.boot(path)
	r.enrol()
	r.deploy(r.order())
	database := r.serving()
	r.fill()

	t.Log("kill -9 of the agent")
	agent := r.find("run/agent.pid", 0)
	if err := agent.Kill(limited(t)); err != nil {
		t.Fatal(err)
	}
	again := r.find("run/agent.pid", agent.PID())
	if got := r.serving(); got.GetPid() != database.GetPid() || got.GetRestarts() != 0 {
		t.Fatalf("database %v became %v", database, got)
	}

	t.Log("kill -9 of the database, whose starter is gone: no zombie stays")
	if err := syscall.Kill(int(database.GetPid()), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	next := r.another(database.GetPid())
	until(t, func() bool {
		_, err := os.Stat(filepath.Join("/proc", strconv.Itoa(int(database.GetPid()))))
		return errors.Is(err, os.ErrNotExist)
	})

	t.Log("kill -9 of the machine's first process: the next takes over what runs")
	if err := machine.Kill(limited(t)); err != nil {
		t.Fatal(err)
	}
	machine = r.boot(path)
	until(t, func() bool {
		p, err := process.Find(filepath.Join(r.dir, "machine.pid"))
		return err == nil && p.PID() == machine.PID()
	})
	if got := r.find("run/agent.pid", 0); got.PID() != again.PID() {
		t.Fatalf("agent %d was doubled by %d", again.PID(), got.PID())
	}
	if got := r.serving(); got.GetPid() != next.GetPid() {
		t.Fatalf("database %v became %v", next, got)
	}

	t.Log("the machine's graceful end stops the database, gracefully")
	if err := machine.Stop(limited(t), bound); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"run/dolt.pid", "run/agent.pid", "machine.pid"} {
		if p, err := process.Find(filepath.Join(r.dir, name)); !errors.Is(err, process.ErrNotRunning) {
			t.Errorf("%s still names %v, %v", name, p, err)
		}
	}
	log, err := os.ReadFile(filepath.Join(r.dir, "log", "dolt.log"))
	if err != nil || !strings.Contains(string(log), "closing listener") {
		t.Errorf("not graceful: %v\n%s", err, log)
	}

	t.Log("and its next start brings it back without an order")
	r.boot(path)
	r.serving()
	r.kept()
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	agent := program(t)
	info, err := os.Stat(agent)
	if err != nil || info.Size() > 40<<20 {
		t.Errorf("the program has %d bytes, want at most 40 MiB", info.Size())
	}
	if out, err := exec.Command("go", "list", "-deps", "../cmd/mainstay-agent").Output(); err != nil || contains(out, "dolthub/") {
		t.Errorf("the program links Dolt: %v", err)
	}
	empty := t.TempDir()
	tests := []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--version"}, 0, "mainstay-agent "},
		{[]string{"--help"}, 0, "Examples:"},
		{[]string{"run", "--help"}, 0, "leaves the database running"},
		{[]string{"run"}, 2, "--dir is missing"},
		{[]string{"walk"}, 2, `"walk" is not a command`},
		{[]string{"run", "--dri", "x"}, 2, "unknown flag"},
		{[]string{"run", "--dir", empty, "--log-level", "loud"}, 2, "loud"},
		{[]string{"run", "--dir", empty}, 1, "machine.json"},
		{[]string{"machine", "--dir", filepath.Join(empty, "none")}, 1, "not a machine's directory"},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			cmd := exec.CommandContext(limited(t), agent, tt.args...)
			out, _ := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != tt.code || !contains(out, tt.says) {
				t.Fatalf("exit %d\n%s", cmd.ProcessState.ExitCode(), out)
			}
		})
	}
}

func TestLoadConfigRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change map[string]any
		says   string
	}{
		"unknown field": {map[string]any{"colour": "red"}, "colour"},
		"no machine":    {map[string]any{"machine_id": ""}, "machine_id is missing"},
		"bad port":      {map[string]any{"sql_port": 70000}, "70000"},
		"bad CA":        {map[string]any{"fleet_ca_pem": "x"}, "fleet_ca_pem"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for key, value := range tt.change {
				r.config[key] = value
			}
			r.configure()
			config, err := LoadConfig(r.dir)
			if err == nil {
				_, err = New(config, "test", slog.New(slog.DiscardHandler))
			}
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("%v", err)
			}
		})
	}
}

func TestRevisionRisesWithNewsOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deployed()
	r.serving()
	st := r.await("an answer", func(*agentpb.StatusResponse) bool { return true })
	quiet, err := r.agent().Status(limited(t), &agentpb.StatusRequest{AfterRevision: st.GetRevision(), WaitMs: 700})
	if err != nil || quiet.GetRevision() != st.GetRevision() {
		t.Fatalf("revision %d became %d without news, %v\n%v\n%v", st.GetRevision(), quiet.GetRevision(), err, st, quiet)
	}
	r.stop()
	r.start()
	after := r.await("an answer", func(*agentpb.StatusResponse) bool { return true })
	if after.GetRevision() <= st.GetRevision() {
		t.Fatalf("revision fell from %d to %d with a restart", st.GetRevision(), after.GetRevision())
	}
	if was, is := st.GetDatabase(), after.GetDatabase(); is.GetPid() != was.GetPid() {
		t.Fatalf("the first answer after a restart tells of %v, and there was %v", is, was)
	}
	r.serving()
}
