package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/agent/freeport"
	"github.com/mainstaydb/mainstay/cmd/mainstay/home"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
)

// patience bounds every wait for a condition. Nearly all of them are met within a few
// seconds. Of two control planes one may wait a minute, until a claim of the other's ends;
// the rest is for a machine that is busy with other tests.
const patience = 150 * time.Second

// pause is between two looks: a look costs a process start.
const pause = 100 * time.Millisecond

// A fleet is one mainstay up in a directory of its own.
type fleet struct {
	t   *testing.T
	dir string // of the fleet
	up  *exec.Cmd
	out *output
	env []string // of the commands, beside what all have
	// resolve is the address of a database's name; nil: what is told is the address.
	resolve func(host string) string
}

// An output collects what a process writes while others read it.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// program is the mainstay that was built.
func program(t *testing.T) string {
	t.Helper()
	return filepath.Join(build(t), "bin", "mainstay")
}

// dolt is a real dolt of a release.
func dolt(t *testing.T, version string) string {
	t.Helper()
	return filepath.Join(build(t), "dolt", version, "dolt")
}

func build(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("MAINSTAY_TEST_BUILD")
	if dir == "" {
		t.Skip("MAINSTAY_TEST_BUILD is not set; make test sets it")
	}
	if _, err := os.Stat(filepath.Join(dir, "bin", "mainstay")); err != nil {
		t.Fatalf("MAINSTAY_TEST_BUILD has no bin/mainstay; run make build: %v", err)
	}
	return dir
}

// environment is all that the programs get: nothing of the person who runs the
// tests may matter.
func environment(t *testing.T) []string {
	t.Helper()
	return environmentIn(t.TempDir())
}

func environmentIn(home string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TZ=UTC", "LC_ALL=C.UTF-8", "GIT_CONFIG_GLOBAL=/dev/null",
		"MAINSTAY_AUTHOR=Ada Tester <ada@example.org>",
	}
}

// newFleet starts a fleet and waits until its three databases serve.
func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, dir: filepath.Join(t.TempDir(), "fleet")}
	t.Cleanup(f.end)
	f.begin()
	f.converged()
	return f
}

// sub runs a part of a scenario, in which the fleet fails for that part.
func (f *fleet) sub(name string, part func(t *testing.T)) {
	whole := f.t
	defer func() { f.t = whole }()
	whole.Run(name, func(t *testing.T) {
		f.t = t
		part(t)
	})
}

// begin is the first start, with ports for the hub that no other test has.
func (f *fleet) begin(args ...string) {
	f.t.Helper()
	f.start(append(args, "--hub-port", strconv.Itoa(freeport.Take(f.t)), "--hub-remote-port", strconv.Itoa(freeport.Take(f.t)))...)
}

// start runs mainstay up and waits until it says that all is as main wants it.
func (f *fleet) start(args ...string) {
	f.t.Helper()
	f.launch(args...)
	f.until("mainstay up says that the fleet is as main wants it", func() bool {
		return strings.Contains(f.out.String(), "as main wants it")
	})
}

func (f *fleet) launch(args ...string) {
	f.t.Helper()
	f.out = &output{}
	f.up = exec.Command(program(f.t), append([]string{"up", "--dir", f.dir, "--log-level", "debug"}, args...)...)
	f.up.Env = environmentIn(f.home()) // lives longer than the part that starts it
	f.up.Stdout, f.up.Stderr = f.out, f.out
	// Its own group, as from a shell: a signal to the test is not one to the fleet.
	f.up.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := f.up.Start(); err != nil {
		f.t.Fatal(err)
	}
}

// home is a home directory that is there for as long as the fleet.
func (f *fleet) home() string {
	f.t.Helper()
	dir := filepath.Join(filepath.Dir(f.dir), "home")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		f.t.Fatal(err)
	}
	return dir
}

// signal sends a signal to mainstay up and waits for its end.
func (f *fleet) signal(sig syscall.Signal) error {
	f.t.Helper()
	if f.up == nil {
		return nil
	}
	if err := f.up.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		f.t.Fatal(err)
	}
	err := f.up.Wait()
	f.up = nil
	return err
}

// end stops whatever is left and looks for what should not be.
func (f *fleet) end() {
	if f.t.Failed() {
		f.t.Logf("mainstay up said:\n%s", f.out.String())
		f.tail(filepath.Join(f.dir, "mainstay.log"))
	}
	_ = f.signal(syscall.SIGTERM) // whether it ends well is asked where it matters
	if _, stderr, code := run(f.t, "down", "--dir", f.dir); code != 0 {
		f.t.Errorf("mainstay down failed: %s", stderr)
	}
	for _, pid := range pids(f.dir) {
		f.t.Errorf("process %d is left: %s", pid, commandLine(pid))
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// tail shows the end of a log.
func (f *fleet) tail(file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		return
	}
	const most = 4000 // some twenty lines
	f.t.Logf("the end of %s:\n%s", file, data[max(0, len(data)-most):])
}

// run runs mainstay and gives what it wrote and its exit code.
func run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return runIn(t, "", nil, args...)
}

func runIn(t *testing.T, stdin string, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t), args...)
	cmd.Env = append(environment(t), env...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// run runs a command on the fleet.
func (f *fleet) run(args ...string) (stdout, stderr string, code int) {
	f.t.Helper()
	return runIn(f.t, "", f.env, append(args, "--dir", f.dir)...)
}

// do runs a command on the fleet that must succeed, and gives what it printed.
func (f *fleet) do(args ...string) string {
	f.t.Helper()
	stdout, stderr, code := f.run(args...)
	if code != 0 {
		f.t.Fatalf("mainstay %s: exit %d: %s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// refused runs a command on the fleet that must end with the code and a sentence
// that has all the words.
func (f *fleet) refused(code int, words []string, args ...string) {
	f.t.Helper()
	_, stderr, got := f.run(args...)
	wantSentence(f.t, stderr, got, code, words)
}

func wantSentence(t *testing.T, stderr string, got, code int, words []string) {
	t.Helper()
	if got != code {
		t.Errorf("exit %d, want %d: %s", got, code, stderr)
	}
	last := strings.TrimSpace(stderr[strings.LastIndex(strings.TrimSpace(stderr), "\n")+1:])
	if !strings.HasPrefix(last, "mainstay: ") || strings.Contains(stderr, "goroutine") {
		t.Errorf("want one sentence, got: %s", stderr)
	}
	for _, word := range words {
		if !strings.Contains(stderr, word) {
			t.Errorf("want %q in: %s", word, stderr)
		}
	}
}

// sql commits a change on main.
func (f *fleet) sql(statement string) { f.t.Helper(); f.do("sql", "-m", "test: change", statement) }

func (f *fleet) status() view.Status {
	f.t.Helper()
	var s view.Status
	if err := json.Unmarshal([]byte(f.do("status", "-o", "json")), &s); err != nil {
		f.t.Fatal(err)
	}
	return s
}

// deployment is the status of one, or fails.
func (f *fleet) deployment(name string) view.Deployment {
	f.t.Helper()
	s, ok := f.status().Only(name)
	if !ok {
		f.t.Fatalf("there is no %s", name)
	}
	return s.Deployments[0]
}

// until waits for a condition.
func (f *fleet) until(what string, met func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); !met(); time.Sleep(pause) {
		if time.Now().After(deadline) {
			stdout, stderr, _ := f.run("status", "-o", "wide")
			f.t.Fatalf("after %s it is still not so that %s\n%s%s", patience, what, stdout, stderr)
		}
	}
}

// wait waits until the status is as wanted. A hub that is away for a moment is
// part of some scenarios, so a status that cannot be read is not yet an end.
func (f *fleet) wait(what string, met func(view.Status) bool) view.Status {
	f.t.Helper()
	var s view.Status
	f.until(what, func() bool {
		stdout, _, code := f.run("status", "-o", "json")
		s = view.Status{}
		return code == 0 && json.Unmarshal([]byte(stdout), &s) == nil && met(s)
	})
	return s
}

// converged waits until the fleet is as main wants it, and every database that
// should serve does.
func (f *fleet) converged() view.Status {
	f.t.Helper()
	return f.wait("the fleet has converged", func(s view.Status) bool {
		for _, d := range s.Deployments {
			if !d.Ready && d.Phase != "stopped" && d.Phase != "deleted" {
				return false
			}
		}
		return s.Converged
	})
}

// hub is what mainstay up says about its hub.
func (f *fleet) hub() home.Run {
	f.t.Helper()
	h, err := home.At(f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	r, err := h.ReadRun()
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func (f *fleet) hubPassword() string {
	f.t.Helper()
	if f.hub().User == "" {
		return ""
	}
	stdout, stderr, code := f.run("connect", "hub", "--password")
	if code != 0 {
		f.t.Fatal(stderr)
	}
	return strings.TrimSpace(stdout)
}

// doltIn runs the dolt CLI in a directory, as somebody who may use the hub.
func (f *fleet) doltIn(dir string, args ...string) string {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, dolt(f.t, "2.2.0"), args...)
	cmd.Dir = dir
	cmd.Env = append(environmentIn(f.home()), "DOLT_REMOTE_PASSWORD="+f.hubPassword(), "DOLT_DISABLE_EVENT_FLUSH=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.t.Fatalf("dolt %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// clone makes a clone of the hub with the dolt CLI, as a person would.
func (f *fleet) clone() string {
	f.t.Helper()
	dir := f.t.TempDir()
	f.doltIn(dir, "config", "--global", "--add", "user.name", "Grace")
	f.doltIn(dir, "config", "--global", "--add", "user.email", "grace@example.org")
	f.doltIn(dir, f.asUser("clone", f.hub().Hub, "clone")...)
	return filepath.Join(dir, "clone")
}

func (f *fleet) push(clone, branch string) {
	f.t.Helper()
	f.doltIn(clone, f.asUser("push", "origin", branch)...)
}

// asUser has a command of the dolt CLI say who asks, where the hub wants to know.
func (f *fleet) asUser(command string, args ...string) []string {
	f.t.Helper()
	if user := f.hub().User; user != "" {
		args = append([]string{"--user", user}, args...)
	}
	return append([]string{command}, args...)
}

// named makes a condition about one deployment.
func named(name string, met func(view.Deployment) bool) func(view.Status) bool {
	return func(s view.Status) bool {
		one, ok := s.Only(name)
		return ok && met(one.Deployments[0])
	}
}

func says(d view.Deployment, words string) bool {
	for _, c := range d.Conditions {
		if c.Status && strings.Contains(c.Message, words) {
			return true
		}
	}
	return false
}

func describe(d view.Deployment) string { return fmt.Sprintf("%+v", d) }
