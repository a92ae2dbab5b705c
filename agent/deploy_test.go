package agent

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/doltserver"
	"github.com/mainstaydb/mainstay/agent/process"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

func TestDeployAndChange(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	req := r.deployed()
	first := r.serving()
	r.mustQuery("SELECT 1", "1")
	r.fill()

	t.Log("the same order, and another name, restart nothing")
	r.deploy(req)
	req = proto.CloneOf(req)
	req.Order.Name = "bestellungen"
	r.deploy(req)
	st := r.await("the new name", func(st *agentpb.StatusResponse) bool { return st.GetOrder().GetName() == "bestellungen" })
	if got := r.serving(); got.GetPid() != first.GetPid() {
		t.Fatalf("pid %d became %d", first.GetPid(), got.GetPid())
	}
	if st.GetVolume().GetId() != "vol-1" || st.GetVolume().GetSizeBytes() != 1<<30 || st.GetListenerCertificateExpiresAt() == nil {
		t.Fatalf("status %v", st)
	}

	t.Log("a setting restarts")
	req.Order.Settings = map[string]string{"system_variables.max_connections": "77"}
	r.deploy(req)
	second := r.another(first.GetPid())
	r.mustQuery("SELECT @@max_connections", "77")
	r.kept()
	if second.GetRestarts() != 0 {
		t.Fatalf("an ordered restart was counted: %v", second)
	}

	t.Log("a password does not")
	req.AdministratorPassword = "another"
	r.deploy(req)
	until(t, func() bool { _, err := r.query("another", "SELECT 1"); return err == nil })
	if _, err := r.query("the password", "SELECT 1"); err == nil {
		t.Fatal("the old password still opens")
	}
	req.AdministratorPassword = "the password"
	r.deploy(req)
	until(t, func() bool { _, err := r.query("the password", "SELECT 1"); return err == nil })
	if got := r.serving(); got.GetPid() != second.GetPid() {
		t.Fatalf("a password restarted the database")
	}

	t.Log("a certificate does")
	fresh := r.order()
	req.ListenerCertificatePem, req.ListenerKeyPem = fresh.ListenerCertificatePem, fresh.ListenerKeyPem
	r.deploy(req)
	third := r.another(second.GetPid())

	t.Log("a dead database comes back")
	if err := syscall.Kill(int(third.GetPid()), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	fourth := r.another(third.GetPid())
	if fourth.GetRestarts() != 1 {
		t.Fatalf("restarts: %v", fourth)
	}
	r.kept()

	t.Log("a stop stops, is final for its generation, and is idempotent")
	for range 2 {
		if _, err := r.agent().Stop(limited(t), &agentpb.StopRequest{Generation: 1}); err != nil {
			t.Fatal(err)
		}
		st = r.await("absence", func(*agentpb.StatusResponse) bool { return true })
		if st.GetDatabase().GetState() != agentpb.Database_ABSENT || st.GetOrder() != nil || st.GetGeneration() != 1 {
			t.Fatalf("after stop: %v", st)
		}
	}
	if _, err := r.query("the password", "SELECT 1"); err == nil {
		t.Fatal("still serves")
	}
	r.deploy(req)
	r.serving()
	r.kept()
}

// another waits until a process other than pid serves.
func (r *rig) another(pid int32) *agentpb.Database {
	r.t.Helper()
	return r.await("another process", func(st *agentpb.StatusResponse) bool {
		db := st.GetDatabase()
		return db.GetState() == agentpb.Database_SERVING && db.GetPid() != pid
	}).GetDatabase()
}

func TestUpgradeKeepsData(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.enrol()
	req := r.order()
	req.Order.DoltVersion = "1.86.4"
	r.deploy(req)
	r.serving()
	r.mustQuery("SELECT dolt_version()", "1.86.4")
	r.fill()
	req.Order.DoltVersion = "2.2.0"
	r.deploy(req)
	r.serving()
	r.mustQuery("SELECT dolt_version()", "2.2.0")
	r.kept()
}

func TestGenerations(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.enrol()
	req := r.order()
	req.Order.Generation = 5
	r.deploy(req)
	before := r.serving()
	older := proto.CloneOf(req)
	older.Order.Generation = 4
	refused := func(when string) {
		t.Helper()
		if _, err := r.agent().Deploy(limited(t), older); status.Code(err) != codes.FailedPrecondition {
			t.Fatalf("%s: %v", when, err)
		}
		if _, err := r.agent().Stop(limited(t), &agentpb.StopRequest{Generation: 4}); status.Code(err) != codes.FailedPrecondition {
			t.Fatalf("%s, stop: %v", when, err)
		}
	}
	refused("older")
	r.stop()
	r.start()
	refused("older, after a restart of the agent")
	if got := r.serving(); got.GetPid() != before.GetPid() {
		t.Fatalf("the agent's restart restarted the database")
	}
	req.Order.Generation = 6
	r.deploy(req)
	if got := r.serving(); got.GetPid() != before.GetPid() {
		t.Fatalf("a generation restarted the database")
	}
	other := proto.CloneOf(req)
	other.Order.Deployment = "d-2"
	if _, err := r.agent().Deploy(limited(t), other); status.Code(err) != codes.FailedPrecondition {
		t.Fatalf("another deployment's volume was taken: %v", err)
	}
}

func TestVolumeComesAndGoes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.detach()
	r.start()
	r.enrol()
	req := r.order()
	if _, err := r.agent().Deploy(limited(t), req); status.Code(err) != codes.FailedPrecondition {
		t.Fatalf("deploy without a volume: %v", err)
	}
	r.attach()
	r.deploy(req)
	r.serving()
	r.fill()
	if _, err := r.agent().Stop(limited(t), &agentpb.StopRequest{Generation: 1}); err != nil {
		t.Fatal(err)
	}
	r.detach()
	r.await("absence of the volume", func(st *agentpb.StatusResponse) bool { return !st.GetVolume().GetAttached() })

	t.Log("another machine takes the volume, and does nothing before it is told")
	next := newRig(t)
	next.ca, next.volume = r.ca, r.volume
	next.config["machine_id"], next.config["fleet_ca_pem"] = "m-2", r.config["fleet_ca_pem"]
	next.configure()
	next.detach()
	next.attach()
	next.start()
	st := next.await("the generation on the volume", func(st *agentpb.StatusResponse) bool { return st.GetGeneration() == 1 })
	if st.GetOrder() != nil || st.GetDatabase().GetState() != agentpb.Database_ABSENT {
		t.Fatalf("status %v", st)
	}
}

func TestStrangers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, condition, says string
		prepare               func(*rig, *agentpb.DeployRequest) (undo func())
	}{
		{"version", doltserver.VersionMissing, "1.86.4, 2.2.0", func(_ *rig, req *agentpb.DeployRequest) func() {
			req.Order.DoltVersion = "9.9.9"
			return nil
		}},
		{"port", doltserver.PortTaken, "another program", func(r *rig, _ *agentpb.DeployRequest) func() {
			l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: r.port})
			if err != nil {
				r.t.Fatal(err)
			}
			return func() { _ = l.Close() }
		}},
		{"setting", doltserver.SettingRefused, "data_dir", func(_ *rig, req *agentpb.DeployRequest) func() {
			req.Order.Settings = map[string]string{"data_dir": "/"}
			return nil
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.start()
			r.enrol()
			req := r.order()
			undo := tt.prepare(r, req)
			r.deploy(req)
			st := r.await("the condition", func(st *agentpb.StatusResponse) bool {
				return holding(st, tt.condition) != nil && st.GetDatabase().GetState() == agentpb.Database_FAILED
			})
			if c := holding(st, tt.condition); !c.GetStatus() || c.GetReason() == "" || !strings.Contains(c.GetMessage(), tt.says) {
				t.Fatalf("condition %v", c)
			}
			if undo == nil {
				req = r.order()
			} else {
				undo()
			}
			r.deploy(req)
			r.serving()
			st = r.await("no conditions", func(st *agentpb.StatusResponse) bool { return len(st.GetConditions()) == 0 })
			if st.GetDatabase().GetRestarts() != 0 {
				t.Fatalf("status %v", st)
			}
		})
	}
}

func TestOwnFault(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.enrol()
	req := r.order()
	req.Order.Settings = map[string]string{"no_such_key": "1"}
	r.deploy(req)
	st := r.await("last words", func(st *agentpb.StatusResponse) bool { return st.GetDatabase().GetState() == agentpb.Database_FAILED })
	if !strings.Contains(st.GetDatabase().GetDetail(), "no_such_key") {
		t.Fatalf("detail %q", st.GetDatabase().GetDetail())
	}
	req.Order.Settings = nil
	r.deploy(req)
	r.serving()
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	// Its size is what the label says: no gigabytes are written here.
	r.write(filepath.Join(r.volume, "volume.json"), `{"id":"vol-1","size_gb":1}`)
	big := filepath.Join(r.volume, "ballast")
	f, err := os.Create(big)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, 1<<30); err != nil {
		t.Skipf("this file system cannot reserve room without writing: %v", err)
	}
	r.deployed()
	r.serving()
	st := r.await("a full disk", func(st *agentpb.StatusResponse) bool { return holding(st, DiskFull) != nil })
	if st.GetVolume().GetUsedBytes() < 1<<30 {
		t.Fatalf("volume %v", st.GetVolume())
	}
	r.write(filepath.Join(r.volume, "volume.json"), `{"id":"vol-1","size_gb":2}`)
	r.await("room again", func(st *agentpb.StatusResponse) bool { return holding(st, DiskFull) == nil })
}

func TestReboot(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deployed()
	before := r.serving()
	r.fill()
	r.stop()
	p, err := process.Find(filepath.Join(r.dir, "run", "dolt.pid"))
	if err != nil || p.PID() != int(before.GetPid()) {
		t.Fatalf("the agent's end must leave the database: %v", err)
	}
	if err := p.Kill(limited(t)); err != nil {
		t.Fatal(err)
	}
	r.start() // nobody sends an order
	if got := r.serving(); got.GetPid() == before.GetPid() {
		t.Fatal("same process after a reboot")
	}
	r.kept()
}

func TestAdministratorRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deployed()
	r.serving()
	if _, err := r.query("the password", "SET PASSWORD FOR 'root'@'%' = 'mine'"); err != nil && !strings.Contains(err.Error(), "no rows") {
		if _, err := r.query("the password", "ALTER USER 'root'@'%' IDENTIFIED BY 'mine'"); err != nil && !strings.Contains(err.Error(), "no rows") {
			t.Fatal(err)
		}
	}
	r.stop()
	r.start()
	r.await("the condition", func(st *agentpb.StatusResponse) bool {
		return holding(st, AdministratorRefused) != nil && st.GetDatabase().GetState() == agentpb.Database_SERVING
	})
}
