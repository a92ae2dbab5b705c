package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

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
	f.sql("UPDATE limits SET value = 10 WHERE name = 'max_disrupted'")
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
		clone := f.clone()
		f.doltIn(clone, "sql", "-q", "INSERT INTO deployments (name) VALUES ('survivor')")
		f.doltIn(clone, "commit", "-am", "add survivor")
		f.push(clone, "main")
		f.serves("survivor")
		f.start()
		f.alone("survivor")
	})
}

// A daemon is one mainstay serve.
type daemon struct {
	cmd *exec.Cmd
	out *output
}

// serve runs a control plane of its own on the fleet's hub, cloud and secrets.
func (f *fleet) serve(name string) *daemon {
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
	content := fmt.Sprintf(`hub:
  url: %s
  user: %s
  password_file: %s
dir: %s
cloud:
  local:
    dir: %s
secrets:
  dir: %s
log_level: debug
`, hub.Hub, hub.User, passwordFile, dir, of.Cloud(), of.Secrets())
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		f.t.Fatal(err)
	}
	d := &daemon{out: &output{}, cmd: exec.Command(program(f.t), "serve", "--config", config)}
	d.cmd.Env = environment(f.t)
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.out
	if err := d.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		_ = d.cmd.Process.Signal(syscall.SIGTERM)
		if err := d.cmd.Wait(); err != nil {
			f.t.Errorf("mainstay serve did not end well: %v\n%s", err, d.out)
		}
	})
	f.until("mainstay serve serves", func() bool { return strings.Contains(d.out.String(), "msg=serving") })
	return d
}

// field is the value of a key in a line of a log.
func field(line, key string) string {
	_, rest, _ := strings.Cut(line, key+"=")
	value, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	return value
}
