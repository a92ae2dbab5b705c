package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// programOf builds the real mainstay-agent as a version.
func programOf(t *testing.T, version string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mainstay-agent")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-s -w -X main.buildVersion="+version, "-o", path, "../cmd/mainstay-agent").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// published gives a file at a URL, as a release.
func published(t *testing.T, version, path string) *agentpb.UpdateRequest {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) }))
	t.Cleanup(server.Close)
	sum := sha256.Sum256(data)
	return &agentpb.UpdateRequest{Version: version, Url: server.URL + "/agent", Sha256: hex.EncodeToString(sum[:])}
}

func (r *rig) update(req *agentpb.UpdateRequest) {
	r.t.Helper()
	if _, err := r.agent().Update(limited(r.t), req); err != nil {
		r.t.Fatal(err)
	}
}

// TestGuard is what systemd's unit does before each start.
func TestGuard(t *testing.T) {
	t.Parallel()
	dir, former := t.TempDir(), programOf(t, "v1")
	if err := os.Rename(former, former+".previous"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(former, []byte("broken"), 0o755); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("broken"))
	note := `{"version":"v2","sha256":"x","program":"` + hex.EncodeToString(sum[:]) + `","from":"v1","starts":1}`
	if err := os.WriteFile(filepath.Join(dir, "update.json"), []byte(note), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if data, err := os.ReadFile(former); err != nil || string(data) != "broken" {
			t.Fatalf("taken back after %d starts: %v", i+1, err)
		}
		if out, err := exec.CommandContext(limited(t), former+".previous", "guard", "--dir", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	out, err := exec.CommandContext(limited(t), former, "--version").Output()
	if err != nil || string(out) != "mainstay-agent v1\n" {
		t.Fatalf("%q, %v", out, err)
	}
}

// TestSelfUpdate is the whole of it: the real agent under the real machine, a real
// database, and a client that keeps its connection.
func TestSelfUpdate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	same := published(t, "v1", programOf(t, "v1"))
	path := programOf(t, "v1") // it is replaced; what is published is not
	next := published(t, "v2", programOf(t, "v2"))
	r.boot(path)
	r.enrol()
	r.deploy(r.order())
	database := r.serving()
	r.fill()
	client := r.client()
	first := r.find("run/agent.pid", 0)
	version := func(want string) *agentpb.StatusResponse {
		t.Helper()
		return r.await("version "+want, func(st *agentpb.StatusResponse) bool { return st.GetAgentVersion() == want })
	}
	untouched := func(when string) {
		t.Helper()
		if got := r.serving(); got.GetPid() != database.GetPid() || got.GetRestarts() != 0 {
			t.Fatalf("%s: database %v became %v", when, database, got)
		}
		if err := asks(client); err != nil {
			t.Fatalf("%s: the open connection: %v", when, err)
		}
	}
	version("v1")

	t.Log("the version that runs is no error, and no update")
	r.update(same)
	if got := r.find("run/agent.pid", 0); got.PID() != first.PID() {
		t.Fatalf("agent %d became %d", first.PID(), got.PID())
	}

	t.Log("a good one")
	r.update(next)
	if _, err := r.agent().Status(limited(t), &agentpb.StatusRequest{}, grpc.WaitForReady(true)); err != nil {
		t.Fatalf("the question that follows the answer: %v", err)
	}
	second := r.find("run/agent.pid", first.PID())
	version("v2")
	untouched("after the update")
	until(t, func() bool { _, err := os.Stat(filepath.Join(r.dir, "update.json")); return os.IsNotExist(err) })

	t.Log("one that says its version well and does nothing else")
	script := filepath.Join(t.TempDir(), "mainstay-agent")
	r.write(script, "#!/bin/sh\n[ \"$1\" = --version ] && { echo mainstay-agent v3; exit; }\nexit 1\n")
	broken := published(t, "v3", script)
	r.update(broken)
	r.find("run/agent.pid", second.PID())
	st := r.await("the failure", func(st *agentpb.StatusResponse) bool { return holding(st, AgentUpdateFailed) != nil })
	if c := holding(st, AgentUpdateFailed); st.GetAgentVersion() != "v2" || c.GetReason() != "TakenBack" || !strings.Contains(c.GetMessage(), "v3") {
		t.Fatalf("status %v", st)
	}
	untouched("after one that was taken back")

	t.Log("it is not tried again")
	if _, err := r.agent().Update(limited(t), broken); status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "taken back") {
		t.Fatalf("the same release: %v", err)
	}

	t.Log("nor are ones that are not what was said")
	wrong := published(t, "v4", script)
	if _, err := r.agent().Update(limited(t), wrong); status.Code(err) != codes.FailedPrecondition {
		t.Fatalf("another version: %v", err)
	}
	wrong.Sha256 = strings.Repeat("0", 64)
	if _, err := r.agent().Update(limited(t), wrong); status.Code(err) != codes.FailedPrecondition {
		t.Fatalf("another sum: %v", err)
	}
	wrong.Url = "http://example.com/agent"
	if _, err := r.agent().Update(limited(t), wrong); status.Code(err) != codes.InvalidArgument {
		t.Fatalf("without TLS: %v", err)
	}

	t.Log("and back to an older one, which clears the condition")
	r.update(same)
	st = version("v1")
	if holding(st, AgentUpdateFailed) != nil {
		t.Fatalf("status %v", st)
	}
	untouched("after the way back")
	r.kept()
}
