package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/agent/freeport"
)

// TestBadInput is scenario 8: whatever a person can type wrong gives one sentence
// and the right exit code, and nothing is left half done.
func TestBadInput(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	file := filepath.Join(empty, "file")
	write(t, file, "not a directory")
	hubless := []string{"--dir", filepath.Join(empty, "none")}
	for _, c := range []struct {
		name  string
		args  []string
		code  int
		words []string
	}{
		{"unknown command", []string{"stats"}, 2, []string{"stats", "status"}},
		{"unknown flag", []string{"status", "--colour"}, 2, []string{"--colour", "mainstay status --help"}},
		{"too many arguments", []string{"blame", "a", "b"}, 2, []string{"blame NAME"}},
		{"missing argument", []string{"connect"}, 2, []string{"connect NAME"}},
		{"unknown format", append([]string{"status", "-o", "xml"}, hubless...), 2, []string{"xml", "json"}},
		{"no fleet", append([]string{"status"}, hubless...), 1, []string{"no fleet", "mainstay up"}},
		{"no SQL", append([]string{"sql"}, hubless...), 2, []string{"no SQL"}},
		{"watch the past", append([]string{"status", "--watch", "--at", "main"}, hubless...), 2, []string{"--watch", "--at"}},
		{"two ways to connect", append([]string{"connect", "a", "--print", "-e", "SELECT 1"}, hubless...), 2, []string{"--print", "--execute"}},
		{"negative limit", append([]string{"log", "-n", "-1"}, hubless...), 2, []string{"-1"}},
		{"no time", append([]string{"log", "--since", "teatime"}, hubless...), 2, []string{"teatime"}},
		{"branch main", append([]string{"branch", "main"}, hubless...), 2, []string{"belong to Mainstay"}},
		{"git hub", []string{"status", "--hub", "git+file:///srv/fleet"}, 2, []string{"git", "dolt sql-server"}},
		{"strange hub", []string{"status", "--hub", "gopher://hub"}, 2, []string{"gopher", "file://"}},
		{"hub nobody runs", []string{"status", "--hub", fmt.Sprintf("http://127.0.0.1:%d/fleet", freeport.Take(t))}, 1, []string{"does not answer"}},
		{"hub is no repository", []string{"status", "--hub", "file://" + empty}, 1, []string{empty, "mainstay init"}},
		{"init without a hub", []string{"init"}, 2, []string{"--hub"}},
		{"up with a hub", []string{"up", "--hub", "file:///x"}, 2, []string{"mainstay serve"}},
		{"up in a file", []string{"up", "--dir", file}, 1, []string{file, "--dir"}},
		{"up below a file", []string{"up", "--dir", filepath.Join(file, "x")}, 1, []string{file, "--dir"}},
		{"up where nothing can be made", []string{"up", "--dir", "/proc/fleet"}, 1, []string{"/proc/fleet", "--dir"}},
		{"no port", []string{"up", "--dir", filepath.Join(empty, "p"), "--hub-port", "70000"}, 2, []string{"70000"}},
		{"no level", []string{"up", "--dir", filepath.Join(empty, "l"), "--log-level", "loud"}, 2, []string{"loud"}},
		{"no releases", []string{"up", "--dir", filepath.Join(empty, "v"), "--versions-dir", empty}, 1, []string{"make build", "--versions-dir"}},
		{"no configuration", []string{"serve", "--config", filepath.Join(empty, "none.yaml")}, 2, []string{"none.yaml"}},
		{"no author", append([]string{"sql", "--author", "nobody", "DELETE FROM limits"}, hubless...), 2, []string{"nobody"}},
		{"purge without a word", []string{"down", "--dir", empty, "--yes"}, 2, []string{"--purge"}},
		{"shell without completion", []string{"completion", "tcsh"}, 2, []string{"tcsh"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, stderr, code := run(t, c.args...)
			wantSentence(t, stderr, code, c.code, c.words)
		})
	}
	t.Cleanup(func() {
		entries, err := os.ReadDir(empty)
		if err != nil || len(entries) != 1 {
			t.Errorf("something was left half done: %v %v", entries, err)
		}
	})
}

func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "mainstay.yaml")
	write(t, config, "hub:\n  url: file:///srv/fleet\ndirectory: x\n")
	_, stderr, code := run(t, "serve", "--check", "--config", config)
	wantSentence(t, stderr, code, 2, []string{config, "line 3", "directory"})
}

// TestPortTaken starts no second hub where somebody else listens.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := filepath.Join(t.TempDir(), "fleet")
	_, stderr, code := run(t, "up", "--dir", dir, "--hub-port", fmt.Sprint(l.Addr().(*net.TCPAddr).Port))
	wantSentence(t, stderr, code, 1, []string{"--hub-port"})
	if left := pids(dir); len(left) != 0 {
		t.Errorf("processes are left: %v", left)
	}
}

// TestBadInputOnAFleet has what needs a fleet to be wrong about.
func TestBadInputOnAFleet(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	for _, c := range []struct {
		name  string
		args  []string
		code  int
		words []string
	}{
		{"second up", []string{"up"}, 1, []string{f.dir, "mainstay down"}},
		{"unknown deployment", []string{"status", "nobody"}, 1, []string{"nobody"}},
		{"unknown deployment to connect with", []string{"connect", "nobody", "-e", "SELECT 1"}, 1, []string{"nobody"}},
		{"unknown branch", []string{"plan", "-b", "nowhere"}, 1, []string{"nowhere", "main"}},
		{"unknown commit", []string{"diff", "nowhere"}, 1, []string{"nowhere"}},
		{"before its time", []string{"status", "--at", "2001-01-01"}, 1, []string{"2001"}},
		{"wrong SQL", []string{"sql", "-m", "x", "INSER INTO deployments"}, 1, []string{"INSER", "nothing was changed"}},
		{"second statement wrong", []string{"sql", "-m", "x", "INSERT INTO deployments (name) VALUES ('half'); SELECT nothing FROM nowhere"}, 1, []string{"statement 2"}},
		{"a CHECK", []string{"sql", "-m", "x", "INSERT INTO deployments (name) VALUES ('No Name')"}, 1, []string{"dns_label"}},
		{"unknown setting", []string{"sql", "-m", "x", "INSERT INTO settings SELECT id, 'log_levl', 'debug' FROM deployments WHERE name = 'catalog'"}, 3, []string{"log_level"}},
		{"wrong SQL on a database", []string{"connect", "orders", "-e", "SELEC 1"}, 1, []string{"SELEC"}},
		{"wrong branch", []string{"sql", "-b", "status", "-m", "x", "DELETE FROM machines"}, 1, []string{"status"}},
	} {
		f.sub(c.name, func(*testing.T) { f.refused(c.code, c.words, c.args...) })
	}
	if out := f.do("sql", "SELECT COUNT(*) AS half FROM deployments WHERE name IN ('half')"); !strings.Contains(out, "| 0 ") {
		t.Errorf("a failed statement left something: %s", out)
	}

	f.sub("nobody else can read the passwords", func(t *testing.T) {
		err := filepath.WalkDir(filepath.Join(f.dir, "secrets"), func(path string, entry os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if info, err := entry.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: %v %v", path, info.Mode(), err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		password := f.hubPassword()
		for _, pid := range pids(f.dir) {
			if strings.Contains(commandLine(pid), password) {
				t.Errorf("process %d has the hub's password as an argument", pid)
			}
			if environ, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); strings.Contains(string(environ), password) {
				t.Errorf("process %d has the hub's password in its environment", pid)
			}
		}
	})

	f.sub("a hub of a newer program", func(t *testing.T) {
		f.do("connect", "hub", "-e", "INSERT INTO mainstay_schema VALUES (99, 'from tomorrow'); CALL dolt_commit('-am', 'newer schema')")
		f.refused(1, []string{"99", "newer"}, "status")
		f.do("connect", "hub", "-e", "CALL dolt_revert('HEAD')")
		f.do("status")
	})

	f.sub("purge", func(t *testing.T) {
		f.refused(2, []string{"--yes"}, "down", "--purge")
		f.open("orders") // leaves the CA's file, which goes too
		f.do("down", "--purge", "--yes")
		if _, err := os.Stat(f.dir); !os.IsNotExist(err) {
			t.Errorf("the directory is still there: %v", err)
		}
		if err := f.up.Wait(); err != nil {
			t.Errorf("mainstay up did not end well: %v", err)
		}
		f.up = nil
	})
}

// TestWithoutTerminal checks that a program that reads us gets no escape codes,
// and that a pipe that closes early is no crash.
func TestWithoutTerminal(t *testing.T) {
	t.Parallel()
	stdout, _, code := run(t, "--help")
	if code != 0 || strings.Contains(stdout, "\x1b") {
		t.Errorf("exit %d: %q", code, stdout)
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script, _, code := run(t, "completion", shell)
		if code != 0 || !strings.Contains(script, "mainstay") {
			t.Errorf("completion %s: exit %d", shell, code)
		}
	}
	if path, err := exec.LookPath("bash"); err == nil {
		cmd := exec.CommandContext(t.Context(), path, "-c", "source <("+program(t)+" completion bash)")
		cmd.Env = environment(t)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("bash does not take the completion: %v: %s", err, out)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
