package agent

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/disk"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// newDiskRig is a machine whose agent mounts its volume: a file behind a loop
// device, which is blank. It is attached while the returned value is true.
func newDiskRig(t *testing.T) (r *rig, attached *atomic.Bool) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making loop devices and mounting them needs root; run this test as root")
	}
	r, attached = newRig(t), new(atomic.Bool)
	r.detach()
	image := filepath.Join(t.TempDir(), "image")
	file, err := os.Create(image)
	if err == nil {
		err = errors.Join(file.Truncate(256<<20), file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(limited(t), "losetup", "--find", "--show", image).CombinedOutput()
	if err != nil {
		t.Skipf("this machine gives no loop devices: %v: %s", err, out)
	}
	loop := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		r.cleanUp()
		_ = syscall.Unmount(filepath.Join(r.dir, "volumes", "vol-1"), syscall.MNT_DETACH)
		if out, err := exec.Command("losetup", "--detach", loop).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	number, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(loop), "dev"))
	if err != nil {
		t.Fatal(err)
	}
	r.config["disk"] = DiskEBS
	r.configure()
	r.device = func() (*disk.Device, error) {
		if !attached.Load() {
			return nil, nil
		}
		return disk.NewDevice("vol-1", loop, strings.TrimSpace(string(number))), nil
	}
	return r, attached
}

func (r *rig) mounted() bool {
	r.t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.Contains(string(data), r.dir)
}

func TestAgentMountsItsVolume(t *testing.T) {
	t.Parallel()
	r, attached := newDiskRig(t)
	r.start()
	r.enrol()
	req := r.order()
	if _, err := r.agent().Deploy(limited(t), req); status.Code(err) != codes.FailedPrecondition {
		t.Fatalf("deploy without a volume: %v", err)
	}
	if st := r.await("an answer", always); st.GetVolume().GetAttached() {
		t.Fatalf("volume %v", st.GetVolume())
	}

	t.Log("it comes")
	attached.Store(true)
	r.await("the volume", func(st *agentpb.StatusResponse) bool {
		v := st.GetVolume()
		return v.GetAttached() && v.GetId() == "vol-1" && v.GetSizeBytes() > 200<<20
	})
	req.Order.Generation = 5
	r.deploy(req)
	before := r.serving()
	r.fill()

	t.Log("an agent's restart leaves it mounted, and the database running")
	r.stop()
	r.start()
	if got := r.serving(); got.GetPid() != before.GetPid() {
		t.Fatalf("database %v became %v", before, got)
	}

	t.Log("a stop gives it back, and it stays so")
	for range 2 {
		r.stopDatabase(5)
		if r.mounted() {
			t.Fatal("still mounted after Stop")
		}
	}
	given := func(when string) {
		t.Helper()
		st := r.await("an answer", always)
		if v := st.GetVolume(); r.mounted() || !v.GetAttached() || v.GetId() != "vol-1" || st.GetGeneration() != 5 || st.GetOrder() != nil {
			t.Fatalf("%s: mounted %v, %v", when, r.mounted(), st)
		}
	}
	given("after Stop")
	r.stop()
	r.start()
	given("after a restart")
	older := proto.CloneOf(req)
	older.Order.Generation = 4
	if _, err := r.agent().Deploy(limited(t), older); status.Code(err) != codes.FailedPrecondition {
		t.Fatalf("an older order: %v", err)
	}
	given("after an older order")

	t.Log("the next order takes it again")
	req.Order.Generation = 6
	r.deploy(req)
	r.serving()
	r.kept()

	t.Log("a reboot without the control plane brings all back")
	r.stop()
	killDatabase(r)
	if err := syscall.Unmount(filepath.Join(r.dir, "volumes", "vol-1"), 0); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.serving()
	r.kept()
	if entries, err := os.ReadDir(filepath.Join(r.dir, "volumes")); err != nil || len(entries) != 1 {
		t.Fatalf("mount points %v, %v", entries, err)
	}
}

func always(*agentpb.StatusResponse) bool { return true }

func (r *rig) stopDatabase(generation int64) {
	r.t.Helper()
	if _, err := r.agent().Stop(limited(r.t), &agentpb.StopRequest{Generation: generation}); err != nil {
		r.t.Fatal(err)
	}
}

func TestVolumeThatIsNotOurs(t *testing.T) {
	t.Parallel()
	r, attached := newDiskRig(t)
	device, err := func() (*disk.Device, error) { attached.Store(true); return r.device() }()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(limited(t), "mkfs.ext4", "-q", device.Path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r.start()
	r.enrol()
	st := r.await("the condition", func(st *agentpb.StatusResponse) bool { return holding(st, VolumeUnusable) != nil })
	if c := holding(st, VolumeUnusable); c.GetReason() != "Foreign" || st.GetVolume().GetAttached() {
		t.Fatalf("status %v", st)
	}
	if _, err := r.agent().Deploy(limited(t), r.order()); status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "e2label") {
		t.Fatalf("deploy: %v", err)
	}

	t.Log("a machine that moves on is not kept by it")
	r.stopDatabase(1)

	t.Log("handed over, it is used")
	if out, err := exec.CommandContext(limited(t), "e2label", device.Path, disk.Label).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r.deploy(r.order())
	r.serving()
	r.await("no condition", func(st *agentpb.StatusResponse) bool { return holding(st, VolumeUnusable) == nil })
}
