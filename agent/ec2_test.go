package agent

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/agent/freeport"
	"github.com/mainstaydb/mainstay/agent/process"
)

// metadata is a metadata service that wants a token.
func metadata(t *testing.T, answers map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && r.URL.Path == "/latest/api/token" {
			_, _ = w.Write([]byte("token"))
			return
		}
		answer, ok := answers[r.URL.Path]
		if r.Header.Get("X-aws-ec2-metadata-token") != "token" {
			w.WriteHeader(http.StatusUnauthorized)
		} else if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestEC2 runs the program as systemd does, before a metadata service: it becomes a
// machine, says that it is ready, has the cloud vouch for it, and after it its
// database is stopped by itself.
func TestEC2(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	dir := filepath.Join(t.TempDir(), "mainstay")
	agentPort := freeport.Take(t)
	user, err := json.Marshal(map[string]any{
		"fleet": "prod", "fleet_ca_pem": string(pemOf("CERTIFICATE", r.ca.cert.Raw)),
		"agent_port": agentPort, "sql_port": r.port, "versions_dir": filepath.Join(build(t), "dolt"),
	})
	if err != nil {
		t.Fatal(err)
	}
	endpoint := metadata(t, map[string]string{
		"/latest/meta-data/instance-id": "m-1", "/latest/meta-data/placement/region": "eu-west-1", "/latest/meta-data/local-ipv4": "127.0.0.1",
		"/latest/user-data": string(user), "/latest/dynamic/instance-identity/rsa2048": base64.StdEncoding.EncodeToString([]byte("signed")),
	})
	path := program(t)
	r.dir = dir
	start := func() *process.Process {
		t.Helper()
		ready := filepath.Join(t.TempDir(), "notify")
		socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: ready, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = socket.Close() }()
		p, err := process.Start(process.Spec{
			Path: path, Args: []string{"ec2", "--dir", dir, "--imds-endpoint", endpoint}, Env: []string{"NOTIFY_SOCKET=" + ready},
			Log: filepath.Join(t.TempDir(), "log"), PIDFile: filepath.Join(t.TempDir(), "pid"),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Kill(limited(t)) })
		if err := socket.SetReadDeadline(time.Now().Add(bound)); err != nil {
			t.Fatal(err)
		}
		word := make([]byte, 64)
		if n, err := socket.Read(word); err != nil || string(word[:n]) != "READY=1" {
			t.Fatalf("systemd was told %q, %v", word[:n], err)
		}
		return p
	}
	end := func(p *process.Process) {
		t.Helper()
		if err := p.Stop(limited(t), bound); err != nil {
			t.Fatal(err)
		}
	}
	first := start()
	r.dial()
	resp, err := r.ask()
	if err != nil || string(resp.GetIdentityPkcs7()) != "signed" || resp.GetMachineId() != "m-1" {
		t.Fatalf("who it is: %v, %v", resp, err)
	}
	r.enrol()

	t.Log("no machine of this test has volumes of EBS: the rest is with one that others bring")
	end(first)
	config, err := os.ReadFile(filepath.Join(dir, "machine.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(config, &r.config); err != nil {
		t.Fatal(err)
	}
	r.config["disk"] = ""
	r.configure()
	r.attach()
	second := start()
	r.deploy(r.order())
	r.serving()
	r.fill()
	end(second)
	database := r.find("run/dolt.pid", 0)
	for range 2 { // the second finds nothing to stop
		if out, err := exec.CommandContext(limited(t), path, "stop-database", "--dir", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if database.Alive() {
		t.Fatal("the database runs")
	}
	log, err := os.ReadFile(filepath.Join(dir, "log", "dolt.log"))
	if err != nil || !contains(log, "closing listener") {
		t.Fatalf("not graceful: %v\n%s", err, log)
	}
	third := start()
	r.serving()
	r.kept()
	if err := third.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}
