package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/home"
)

// TestTwoControlPlanes is scenario 6: a second one on the same hub and cloud. No
// action is done twice, the loser of a push says so and goes on, and either goes
// on alone when the other is killed.
func TestTwoControlPlanes(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	second := f.serve("second")

	const many = 6
	for n := range many {
		f.sql(fmt.Sprintf("INSERT INTO deployments (name) VALUES ('both-%d')", n))
	}
	f.sql("UPDATE deployments SET instance_type = 't3.large' WHERE name LIKE 'both-%'")
	f.wait("all serve", servesAll)
	for n := range many {
		f.alone(fmt.Sprintf("both-%d", n))
	}
	logs := readFile(t, filepath.Join(f.dir, "mainstay.log")) + second.out.String()
	launches := map[string]int{}
	for line := range strings.Lines(logs) {
		if strings.Contains(line, "machine made") {
			launches[field(line, "deployment")+"/"+field(line, "generation")]++
		}
	}
	for slot, n := range launches {
		if n != 1 {
			t.Errorf("slot %s got %d machines", slot, n)
		}
	}
	if strings.Contains(second.out.String(), "level=ERROR") {
		t.Errorf("the second control plane failed:\n%s", second.out)
	}
	if !strings.Contains(logs, "pushed first") {
		t.Log("no push was lost in this run: the two never met")
	}

	f.sub("the second goes on when the first is killed", func(t *testing.T) {
		_ = f.signal(syscall.SIGKILL)
		f.addAsPerson("survivor")
		f.start()
		f.alone("survivor")
	})
}

// addAsPerson adds a deployment with the dolt CLI, and waits until it serves.
func (f *fleet) addAsPerson(name string) {
	f.t.Helper()
	clone := f.clone()
	f.doltIn(clone, "sql", "-q", "INSERT INTO deployments (name) VALUES ('"+name+"')")
	f.doltIn(clone, "commit", "-am", "add "+name)
	f.push(clone, "main")
	f.serves(name)
}

// A daemon is one mainstay serve.
type daemon struct {
	t      *testing.T
	config string // file
	cmd    *exec.Cmd
	out    *output
}

// serve runs a control plane of its own on the fleet's hub, cloud and secrets. More is
// the rest of its configuration.
func (f *fleet) serve(name string, more ...string) *daemon {
	f.t.Helper()
	d := &daemon{t: f.t, config: f.configure(name, more...)}
	f.t.Cleanup(d.end)
	d.start()
	return d
}

// configure writes the configuration of a control plane.
func (f *fleet) configure(name string, more ...string) string {
	f.t.Helper()
	hub := f.hub()
	dir := filepath.Join(f.dir, "..", name)
	config := filepath.Join(f.t.TempDir(), "mainstay.yaml")
	passwordFile := filepath.Join(filepath.Dir(config), "hub.password")
	if err := os.WriteFile(passwordFile, []byte(f.hubPassword()), 0o600); err != nil {
		f.t.Fatal(err)
	}
	of, err := home.At(f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	ofHub := []string{"url: " + hub.Hub, "user: " + hub.User, "password_file: " + passwordFile}
	content := localConfiguration(ofHub, dir, of.Cloud(), of.Secrets()) + strings.Join(more, "")
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return config
}

// localConfiguration is that of a control plane on the local cloud.
func localConfiguration(hub []string, dir, cloud, secrets string) string {
	return fmt.Sprintf(`hub:
  %s
dir: %s
cloud:
  local:
    dir: %s
secrets:
  dir: %s
log_level: debug
`, strings.Join(hub, "\n  "), dir, cloud, secrets)
}

// start runs it and waits until it serves.
func (d *daemon) start() {
	d.t.Helper()
	d.out, d.cmd = &output{}, exec.Command(program(d.t), "serve", "--config", d.config)
	d.cmd.Env = environmentIn(filepath.Dir(d.config))
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.out
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); !strings.Contains(d.out.String(), "msg=serving"); time.Sleep(pause) {
		if time.Now().After(deadline) {
			d.t.Fatalf("mainstay serve does not serve: %s", d.out)
		}
	}
}

// kill ends it as a crash does.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait() // says that it was killed
	d.cmd = nil
}

func (d *daemon) end() {
	if d.cmd == nil {
		return
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("mainstay serve did not end well: %v\n%s", err, d.out)
	}
	d.cmd = nil
}

// field is the value of a key in a line of a log.
func field(line, key string) string {
	_, rest, _ := strings.Cut(line, key+"=")
	value, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	return value
}
