package local

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/agent/process"
	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/porttest"
)

func TestPort(t *testing.T) {
	t.Parallel()
	porttest.Run(t, func(t *testing.T) porttest.Harness {
		c := testCloud(t)
		return porttest.Harness{
			Open:           func(t *testing.T) reconciler.Cloud { return open(t, c.opts) },
			Shape:          plan.Shape{Zone: "local", InstanceType: "t3.small"},
			Volume:         plan.VolumeSpec{Type: "gp3", GB: 10},
			Patience:       patience,
			Halt:           func(t *testing.T, id string) { kill(t, c, id) },
			Occupy:         func(t *testing.T, id string) func() { return writeTo(t, c, id) },
			UnknownMachine: machineID("never used", 0),
			UnknownVolume:  volumeID(plan.SlotID{Deployment: "never used"}),
		}
	})
}

func TestMachinesAreFoundAgain(t *testing.T) {
	t.Parallel()
	c := testCloud(t)
	m := launch(t, c, "d", 1)
	before, err := process.Find(c.pidFile(m.ID))
	if err != nil {
		t.Fatal(err)
	}
	again := open(t, c.opts)
	if state := stateOf(t, again, m.ID); state != plan.MachineRunning {
		t.Fatalf("another control plane sees it as %s", state)
	}
	if err := again.StartMachine(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	if after, err := process.Find(c.pidFile(m.ID)); err != nil || after.PID() != before.PID() {
		t.Fatalf("StartMachine of a running machine changed its process: %v, %v", after, err)
	}
}

func TestShutdownKeepsMachinesAsStopped(t *testing.T) {
	t.Parallel()
	c := testCloud(t)
	running, crashed := launch(t, c, "a", 1), launch(t, c, "b", 1)
	until(t, "the second machine has an agent", func() bool { return find(t, c, crashed.ID).AgentAddress != "" })
	kill(t, c, crashed.ID) // its agent is left over
	if err := c.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := processesOf(t, string(c.dir)); len(left) > 0 {
		t.Fatalf("processes are left: %v", left)
	}
	for _, m := range []plan.Machine{running, crashed} {
		if state := stateOf(t, c, m.ID); state != plan.MachineStopped {
			t.Errorf("machine %s is %s after Shutdown", m.ID, state)
		}
		if err := c.StartMachine(t.Context(), m.ID); err != nil {
			t.Error(err)
		}
		until(t, "the machine runs and its agent is back", func() bool {
			m := find(t, c, m.ID)
			return m.State == plan.MachineRunning && m.AgentAddress != ""
		})
	}
}

// A database that a crash left behind must not outlive its machine.
func TestTerminateEndsWhatACrashLeft(t *testing.T) {
	t.Parallel()
	c := testCloud(t)
	m := launch(t, c, "d", 1)
	volume := c.Observe(t.Context()).Volumes[0]
	writeTo(t, c, volume.ID)
	kill(t, c, m.ID)
	if err := c.TerminateMachine(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	if pids, err := holders(databaseProgram, c.dir.volume(volume.ID)); err != nil || len(pids) > 0 {
		t.Fatalf("processes %v still hold the volume, %v", pids, err)
	}
	if v := c.Observe(t.Context()).Volumes[0]; v.ID != volume.ID || v.AttachedTo != "" {
		t.Fatalf("volume %+v, want it free", v)
	}
}

func TestSecretsAreNowhereToBeSeen(t *testing.T) {
	t.Parallel()
	c := testCloud(t)
	m := launch(t, c, "d", 1)
	token, err := c.EnrolmentToken(t.Context(), m.ID)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the agent runs", func() bool { return find(t, c, m.ID).AgentAddress != "" })
	for _, pid := range mustHolders(t, c, m.ID) {
		for _, file := range []string{"cmdline", "environ"} {
			b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), file))
			if err != nil || strings.Contains(string(b), string(token)) {
				t.Errorf("the token is in %s of process %d, %v", file, pid, err)
			}
		}
	}
	err = filepath.WalkDir(string(c.dir), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Type() == fs.ModeSymlink {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %04o", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.TerminateMachine(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := c.EnrolmentToken(t.Context(), m.ID); err == nil {
		t.Error("the token is still there after the machine's end")
	}
}

func mustHolders(t *testing.T, c *Cloud, id string) []int {
	t.Helper()
	pids, err := holders(agentProgram, c.dir.machine(id))
	if err != nil || len(pids) < 2 {
		t.Fatalf("processes %v, %v; want a supervisor and an agent", pids, err)
	}
	return pids
}
