package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestEC2Disk has one deployment on a volume that is a disk: the agent makes its
// file system, mounts it, gives it back clean, and the next machine finds what was
// written.
func TestEC2Disk(t *testing.T) {
	t.Parallel()
	needLoopDevices(t)
	f := newCloudFleet(t, true)
	f.change("INSERT INTO deployments (name, zone, volume_gb, retention_days) VALUES ('orders', 'eu-west-1a', 1, 0)")
	first := f.deployment("orders")
	mounted := func(machine string) bool {
		return strings.Contains(readFile(t, "/proc/mounts"), filepath.Join(machine, "volumes", first.VolumeID)+" ext4 ")
	}
	if !mounted(first.MachineID) {
		t.Error("the volume is not mounted where the agent has it")
	}
	resolves := canResolve(t)
	if resolves {
		f.fillAll([]string{"orders"})
	}

	f.change("UPDATE deployments SET instance_type = 't3.large'")
	second := f.deployment("orders")
	if second.MachineID == first.MachineID || second.VolumeID != first.VolumeID || !mounted(second.MachineID) || mounted(first.MachineID) {
		t.Errorf("the volume did not move: %s, then %s", describe(first), describe(second))
	}
	if resolves {
		f.holdsAll(map[string]string{"orders": "orders"})
	}

	f.change("UPDATE deployments SET running = false")
	if mounted(second.MachineID) {
		t.Error("the volume of a machine that is gone is mounted")
	}
	f.change("DELETE FROM deployments")
	f.within("nothing is left", func() bool { return len(f.running()) == 0 && len(f.volumes()) == 0 })
}

// needLoopDevices skips where there are none.
func needLoopDevices(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making loop devices and mounting them needs root; run this test as root")
	}
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "losetup", "--find", "--show", image).CombinedOutput()
	if err != nil {
		t.Skipf("this machine gives no loop devices: %v: %s", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), "losetup", "--detach", strings.TrimSpace(string(out))).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
