package local

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A launch that was killed is completed by its replay, from wherever it was.
func TestLaunchIsCompletedByReplay(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(*Cloud, plan.Action) error{
		"before anything": func(*Cloud, plan.Action) error { return nil },
		"after the note": func(c *Cloud, a plan.Action) error {
			dir := c.dir.launch(a.Token)
			if err := os.Mkdir(dir, 0o700); err != nil {
				return err
			}
			_, err := loadLaunch(dir, []plan.Action{a})
			return err
		},
		"within the note": func(c *Cloud, a plan.Action) error { return os.Mkdir(c.dir.launch(a.Token), 0o700) },
		"after the volume": func(c *Cloud, a plan.Action) error {
			return c.makeVolume(newLaunchRecord([]plan.Action{a}).Items[0], machineID(a.Token, 0))
		},
		"before the process": func(c *Cloud, a plan.Action) error {
			item := newLaunchRecord([]plan.Action{a}).Items[0]
			return c.makeMachine(context.Background(), machineID(a.Token, 0), a.Token, item)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testCloud(t)
			if err := cut(c, launchAction("d", 1, 0)); err != nil {
				t.Fatal(err)
			}
			m := launch(t, c, "d", 1)
			inv := c.Observe(t.Context())
			if len(inv.Machines) != 1 || len(inv.Volumes) != 1 || inv.Gaps != (plan.Gaps{}) {
				t.Fatalf("after the replay: %+v", inv)
			}
			if m.State != plan.MachineRunning || inv.Volumes[0].AttachedTo != m.ID {
				t.Fatalf("machine %+v, volume %+v", m, inv.Volumes[0])
			}
			if data, err := os.Readlink(filepath.Join(c.dir.machine(m.ID), volumeLink)); err != nil || filepath.Base(data) != inv.Volumes[0].ID {
				t.Fatalf("the machine's volume is %q, %v", data, err)
			}
		})
	}
}

func TestLaunchWithoutProgramMakesNothing(t *testing.T) {
	t.Parallel()
	c := testCloud(t)
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, binary := range []string{"", "/nowhere/mainstay-agent", plain, t.TempDir()} {
		opts := c.opts
		opts.AgentBinary = binary
		broken := open(t, opts)
		_, err := broken.Launch(t.Context(), []plan.Action{launchAction("d", 1, 0)})
		if err == nil || !strings.Contains(err.Error(), "mainstay-agent") {
			t.Errorf("agent %q: %v", binary, err)
		}
	}
	if inv := c.Observe(t.Context()); len(inv.Machines)+len(inv.Volumes) > 0 {
		t.Errorf("something was made: %+v", inv)
	}
}

// A replaced machine's database is where clients found the first one.
func TestPortStaysWithThePlace(t *testing.T) {
	t.Parallel()
	c := testCloud(t)
	port := func(id string) int {
		t.Helper()
		var config machineConfig
		if err := readJSON(filepath.Join(c.dir.machine(id), configFile), &config); err != nil {
			t.Fatal(err)
		}
		return config.SQLPort
	}
	first := launch(t, c, "d", 1)
	other := launch(t, c, "e", 1)
	want := port(first.ID)
	if want == port(other.ID) || want < firstPort {
		t.Fatalf("ports %d and %d", want, port(other.ID))
	}
	next := launchAction("d", 2, 0)
	next.Shape.Volume = nil
	machines, err := c.Launch(t.Context(), []plan.Action{next})
	if err != nil {
		t.Fatal(err)
	}
	if got := port(machines[0].ID); got != want {
		t.Fatalf("the second machine has port %d, the first has %d", got, want)
	}
}

func TestTombstonesAreForgotten(t *testing.T) {
	t.Parallel()
	c := testCloud(t)
	m := launch(t, c, "d", 1)
	kept := launch(t, c, "e", 1)
	if err := c.TerminateMachine(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	prune := func(after time.Duration) {
		t.Helper()
		c.now = func() time.Time { return time.Now().Add(after) }
		if err := c.prune(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	prune(tombstoneKept - time.Hour)
	if state := stateOf(t, c, m.ID); state != plan.MachineTerminated {
		t.Fatalf("state %q before the time was up", state)
	}
	prune(tombstoneKept + time.Hour)
	if state := stateOf(t, c, m.ID); state != "" {
		t.Fatalf("state %q after the time was up", state)
	}
	if state := stateOf(t, c, kept.ID); state != plan.MachineRunning {
		t.Fatalf("the machine that never ended is %q", state)
	}
	if n := len(c.Observe(t.Context()).Volumes); n != 2 {
		t.Fatalf("%d volumes, want both", n)
	}
}

func TestChangedTellsOfLifeAndDeath(t *testing.T) {
	t.Parallel()
	c := testCloud(t)
	watching := open(t, c.opts) // another control plane than the one that launches
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- watching.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	// heard waits for the condition, looking only when told to.
	heard := func(what string, holds func() bool) {
		t.Helper()
		late := time.After(patience)
		for !holds() {
			select {
			case <-watching.Changed():
			case <-late:
				t.Fatalf("nothing was heard of: %s", what)
			}
		}
	}
	m := launch(t, c, "d", 1)
	heard("the agent's address", func() bool { return find(t, watching, m.ID).AgentAddress != "" })
	kill(t, c, m.ID)
	heard("the machine's death", func() bool { return stateOf(t, watching, m.ID) == plan.MachineStopped })
	if err := c.StartMachine(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	heard("its new life", func() bool { return find(t, watching, m.ID).AgentAddress != "" })
	if err := c.TerminateMachine(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	heard("its end", func() bool { return stateOf(t, watching, m.ID) == plan.MachineTerminated })
}
