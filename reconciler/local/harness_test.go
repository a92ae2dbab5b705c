package local

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/agent/process"
	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

// patience bounds every wait: on an idle computer all of them take well below a
// second, beside other tests on two cores some take a few.
const patience = 30 * time.Second

// testBuild returns where the real programs are.
func testBuild(t testing.TB) string {
	t.Helper()
	build := os.Getenv("MAINSTAY_TEST_BUILD")
	if build == "" {
		t.Skip("MAINSTAY_TEST_BUILD does not name a build: run make test")
	}
	return build
}

// testOptions are those of a new cloud in a directory of its own.
func testOptions(t testing.TB) Options {
	t.Helper()
	build := testBuild(t)
	store, err := secrets.OpenDir(filepath.Join(t.TempDir(), "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := secrets.OpenCA(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Dir: filepath.Join(t.TempDir(), "cloud"), AgentBinary: filepath.Join(build, "bin", "mainstay-agent"),
		VersionsDir: filepath.Join(build, "dolt"), FleetCA: ca.PEM(), Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

func open(t testing.TB, opts Options) *Cloud {
	t.Helper()
	c, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// testCloud is a new cloud of which nothing is left at the test's end.
func testCloud(t testing.TB) *Cloud {
	t.Helper()
	c := open(t, testOptions(t))
	t.Cleanup(func() {
		if err := c.Purge(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("purge: %v", err)
		}
		if left := processesOf(t, string(c.dir)); len(left) > 0 {
			t.Errorf("processes %v are left", left)
		}
	})
	return c
}

// kill ends a machine's supervisor as a crash does; its agent is left over.
func kill(t *testing.T, c *Cloud, id string) {
	t.Helper()
	p, err := process.Find(c.pidFile(id))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// writeTo runs a real Dolt in a volume, until it is released.
func writeTo(t *testing.T, c *Cloud, volume string) (release func()) {
	t.Helper()
	cmd := exec.Command(filepath.Join(c.opts.VersionsDir, "2.2.0", "dolt"), "sql")
	cmd.Dir = filepath.Join(c.dir.volume(volume), "data")
	if err := os.MkdirAll(cmd.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd.Env = []string{"HOME=" + t.TempDir(), "DOLT_DISABLE_EVENT_FLUSH=1"}
	if _, err := cmd.StdinPipe(); err != nil { // it waits for statements
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	release = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Cleanup(release)
	return release
}

// launch makes one machine with a volume, for the given life of a deployment.
func launch(t testing.TB, c *Cloud, deployment string, generation int64) plan.Machine {
	t.Helper()
	machines, err := c.Launch(t.Context(), []plan.Action{launchAction(deployment, generation, 0)})
	if err != nil {
		t.Fatal(err)
	}
	return machines[0]
}

func launchAction(deployment string, generation int64, index int) plan.Action {
	return plan.Action{
		Kind: plan.LaunchMachine, Token: deployment + "-" + strconv.FormatInt(generation, 10), Index: index,
		Slot:  plan.SlotID{Deployment: deployment, Generation: generation},
		Shape: plan.Shape{Zone: "local", InstanceType: "t3.small", Volume: &plan.VolumeSpec{Type: "gp3", GB: 10}},
	}
}

// until waits for a condition.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !holds() {
		if err := reconciler.Pause(ctx, 5*time.Millisecond); err != nil {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

func stateOf(t testing.TB, c *Cloud, id string) plan.MachineState {
	t.Helper()
	return find(t, c, id).State
}

func find(t testing.TB, c *Cloud, id string) plan.Machine {
	t.Helper()
	inv := c.Observe(t.Context())
	if inv.Gaps != (plan.Gaps{}) {
		t.Fatalf("gaps: %+v", inv.Gaps)
	}
	i := slices.IndexFunc(inv.Machines, func(m plan.Machine) bool { return m.ID == id })
	if i < 0 {
		return plan.Machine{}
	}
	return inv.Machines[i]
}

// processesOf lists the processes that were started with a path in a directory.
func processesOf(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		if args, err := os.ReadFile(e); err == nil && strings.Contains(string(args), dir) {
			found = append(found, e+": "+strings.ReplaceAll(string(args), "\x00", " "))
		}
	}
	return found
}
