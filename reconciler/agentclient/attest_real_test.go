package agentclient

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/agent"
	"github.com/mainstaydb/mainstay/agent/freeport"
	"github.com/mainstaydb/mainstay/agent/process"
	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// metadata is the metadata service of an instance.
type metadata []byte

func (m metadata) Document(context.Context) ([]byte, error) { return m, nil }

// realAgent runs the real agent of an instance in this process and returns where
// it listens. Its database is the real one.
func (r *realm) realAgent() (address string) {
	r.Helper()
	build := os.Getenv("MAINSTAY_TEST_BUILD")
	if build == "" {
		r.Skip("MAINSTAY_TEST_BUILD does not name a build: run make test")
	}
	dir := r.machineDir(build)
	config, err := agent.LoadConfig(dir)
	if err != nil {
		r.Fatal(err)
	}
	config.Documents = metadata(r.word(account, instance))
	a, err := agent.New(config, "test", slog.New(slog.NewTextHandler(r.Output(), nil)))
	if err != nil {
		r.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	r.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.Errorf("agent: %v", err)
		}
		if p, err := process.Find(agent.DatabasePIDFile(dir)); err == nil {
			if err := p.Kill(context.WithoutCancel(r.Context())); err != nil {
				r.Error(err)
			}
		}
	})
	return r.addressOf(config.AddressFile)
}

// machineDir is what a machine on EC2 has when its agent starts for the first
// time: no token.
func (r *realm) machineDir(build string) string {
	r.Helper()
	dir := r.TempDir()
	volume := filepath.Join(dir, "volume")
	if err := os.Mkdir(volume, 0o700); err != nil {
		r.Fatal(err)
	}
	config, err := json.Marshal(map[string]any{
		"machine_id": instance, "fleet_ca_pem": string(r.ca.PEM()), "listen": "127.0.0.1:0", "address_file": "agent.addr",
		"volume": volume, "versions_dir": filepath.Join(build, "dolt"), "sql_host": "127.0.0.1", "sql_port": freeport.Take(r.T),
	})
	if err != nil {
		r.Fatal(err)
	}
	for name, data := range map[string][]byte{"machine.json": config, "volume/volume.json": []byte(`{"id":"vol-1","size_gb":1}`)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			r.Fatal(err)
		}
	}
	return dir
}

func (r *realm) addressOf(file string) string {
	r.Helper()
	late := time.After(patience)
	for {
		if data, err := os.ReadFile(file); err == nil {
			return strings.TrimSpace(string(data))
		}
		select {
		case <-late:
			r.Fatal("the agent does not say where it listens")
		case <-time.After(time.Millisecond):
		}
	}
}

// The real agent is enrolled by its document, obeys, and obeys no older generation
// afterwards.
func TestRealAgentIsAttested(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	c := r.controlPlane()
	address := r.realAgent()
	m := plan.Machine{ID: instance, State: plan.MachineRunning, AgentAddress: address, Host: "127.0.0.1", LaunchedAt: r.began}
	c.Track([]plan.Machine{m})
	began := time.Now()
	again(t, func() error { return c.Enrol(t.Context(), instance) })
	t.Logf("enrolled in %s", time.Since(began).Round(time.Millisecond))
	heard(t, c, instance, "the agent with its volume", func(a plan.Agent) bool { return a.Enrolled && a.VolumeAttached })
	order := plan.Order{Generation: 2, Deployment: "d1", Name: "orders", DoltVersion: "2.2.0"}
	again(t, func() error { return c.Deploy(t.Context(), instance, order) })
	heard(t, c, instance, "a database that serves", func(a plan.Agent) bool { return a.Database == plan.DatabaseServing })
	old := order
	old.Generation = 1
	if err := c.Deploy(t.Context(), instance, old); !errors.Is(err, reconciler.ErrConflict) || !strings.Contains(err.Error(), "older than") {
		t.Errorf("an order of an old generation: %v", err)
	}
	if err := c.Stop(t.Context(), instance, 1); !errors.Is(err, reconciler.ErrConflict) {
		t.Errorf("a stop of an old generation: %v", err)
	}
	if a := c.Reports()[instance]; a.Database != plan.DatabaseServing || a.Generation != 2 {
		t.Errorf("the report is %+v", a)
	}
	if err := c.Stop(t.Context(), instance, 2); err != nil {
		t.Error(err)
	}
}
