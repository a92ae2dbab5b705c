package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A checkout is a git repository of a fleet's files, as a CI system has one.
type checkout struct {
	*fleet
	dir string
}

func newCheckout(t *testing.T, f *fleet) checkout {
	t.Helper()
	c := checkout{f, t.TempDir()}
	f.do("export", filepath.Join(c.dir, "specs"))
	c.git("init", "--quiet", "--initial-branch", "main")
	c.commit("The fleet as it is")
	c.git("switch", "--quiet", "--create", "change")
	return c
}

func (c checkout) git(args ...string) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), "git", append([]string{"-C", c.dir, "-c", "user.name=Ann", "-c", "user.email=ann@example.org"}, args...)...)
	cmd.Env = environment(c.t)
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func (c checkout) commit(message string) {
	c.t.Helper()
	c.git("add", "--all")
	c.git("commit", "--quiet", "--message", message)
}

// edit replaces a text in a deployment's file.
func (c checkout) edit(name, old, new string) {
	c.t.Helper()
	path := filepath.Join(c.dir, "specs", "deployments", name+".yaml")
	text := readFile(c.t, path)
	if !strings.Contains(text, old) {
		c.t.Fatalf("%s does not say %q:\n%s", path, old, text)
	}
	write(c.t, path, strings.Replace(text, old, new, 1))
}

// A ciReport is what mainstay ci run -o json prints.
type ciReport struct {
	Passed   bool
	Accept   []string
	Findings []struct {
		Check, Path string
		Line        int
	}
	Conflicts []struct{ Key, Column, Base, Ours, Theirs, Path string }
	Plan      *struct{ Hash string }
}

// judge runs mainstay ci run, which must end with the code.
func (c checkout) judge(code int, args ...string) ciReport {
	c.t.Helper()
	stdout, stderr, got := c.run(append([]string{"ci", "run", "--files", filepath.Join(c.dir, "specs"), "--base", "main", "-o", "json"}, args...)...)
	if got != code {
		c.t.Fatalf("exit %d, want %d: %s%s", got, code, stdout, stderr)
	}
	var r ciReport
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		c.t.Fatalf("%v in %s", err, stdout)
	}
	if r.Passed != (code == 0) {
		c.t.Errorf("exit %d, and passed is %t", code, r.Passed)
	}
	return r
}

// TestCIRun judges changes of files in a checkout, and leaves the hub as it is.
func TestCIRun(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	c := newCheckout(t, f)
	volume := lineOf(t, readFile(t, filepath.Join(c.dir, "specs", "deployments", "orders.yaml")), "volume_gb:")
	branches := f.do("branch")

	f.sub("nothing", func(*testing.T) { c.judge(0) })
	f.sub("a change", func(t *testing.T) {
		c.edit("orders", volume, "volume_gb: 30")
		c.commit("Bigger")
		summary := filepath.Join(t.TempDir(), "summary.md")
		if r := c.judge(0, "--summary", summary); r.Plan == nil || r.Plan.Hash == "" || len(r.Findings) != 0 {
			t.Errorf("judged %+v", r)
		}
		if text := readFile(t, summary); !strings.Contains(text, "volume_gb") || !strings.Contains(text, "can be merged") {
			t.Errorf("the summary is\n%s", text)
		}
		if out := f.do("ci", "run", "--files", filepath.Join(c.dir, "specs"), "--base", "main"); !strings.Contains(out, "what merging would do") || !strings.Contains(out, "30") {
			t.Errorf("a person is told\n%s", out)
		}
	})
	f.sub("a finding at its line", func(t *testing.T) {
		c.edit("orders", "volume_gb: 30", "volume_gb: 1")
		r := c.judge(3)
		if len(r.Findings) != 1 || r.Findings[0].Path != "specs/deployments/orders.yaml" || r.Findings[0].Line == 0 {
			t.Errorf("judged %+v", r)
		}
		stdout, stderr, code := runIn(t, "", []string{"GITHUB_ACTIONS=true"}, "ci", "run", "--files", filepath.Join(c.dir, "specs"), "--base", "main", "--dir", f.dir)
		if code != 3 || !strings.Contains(stderr, "::error file=specs/deployments/orders.yaml,line=") || !strings.Contains(stdout, "specs/deployments/orders.yaml:") {
			t.Errorf("exit %d: %s%s", code, stdout, stderr)
		}
		c.edit("orders", "volume_gb: 1", "volume_gb: 30")
	})
	f.sub("a file that cannot be read", func(t *testing.T) {
		c.edit("orders", "volume_gb: 30", "volume_gb: &x 30")
		if r := c.judge(3); len(r.Findings) == 0 || r.Findings[0].Check != "yaml" {
			t.Errorf("judged %+v", r)
		}
		c.edit("orders", "volume_gb: &x 30", "volume_gb: 30")
	})
	f.sub("main moved on", func(t *testing.T) {
		f.sql("UPDATE deployments SET volume_gb = 25, owner = 'team' WHERE name = 'orders'")
		r := c.judge(3)
		if len(r.Conflicts) != 1 || r.Conflicts[0].Column != "volume_gb" || r.Conflicts[0].Ours != "25" || r.Conflicts[0].Theirs != "30" {
			t.Errorf("judged %+v", r)
		}
	})
	f.sub("another directory as the base", func(t *testing.T) {
		before := t.TempDir()
		f.do("export", before)
		c.edit("orders", "volume_gb: 30", "volume_gb: 40")
		stdout, stderr, code := f.run("ci", "run", "--files", filepath.Join(c.dir, "specs"), "--base-dir", before)
		if code != 0 || !strings.Contains(stdout, "40") {
			t.Errorf("exit %d: %s%s", code, stdout, stderr)
		}
	})
	f.sub("bad input", func(*testing.T) {
		f.refused(2, []string{"--base"}, "ci", "run", "--files", filepath.Join(c.dir, "specs"))
		f.refused(2, []string{"--files"}, "ci", "run", "--files", filepath.Join(c.dir, "nowhere"), "--base", "main")
		f.refused(1, []string{"fetch-depth"}, "ci", "run", "--files", filepath.Join(c.dir, "specs"), "--base", "nowhere")
		f.refused(2, []string{"nonsense"}, "ci", "run", "--files", filepath.Join(c.dir, "specs"), "--base", "main", "--ack", "nonsense")
	})
	if now := f.do("branch"); strings.Count(now, "\n") != strings.Count(branches, "\n") {
		t.Errorf("the hub has other branches:\n%s", now)
	}
}

// TestAction runs the script of the composite action as a runner does.
func TestAction(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	c := newCheckout(t, f)
	volume := lineOf(t, readFile(t, filepath.Join(c.dir, "specs", "deployments", "orders.yaml")), "volume_gb:")
	c.git("update-ref", "refs/remotes/origin/main", "main")
	hub := f.hub()
	for _, step := range []struct {
		name, from, to string
		code           int
		output         string
	}{
		{"passed", volume, "volume_gb: 30", 0, "passed=true\n"},
		{"refused", "volume_gb: 30", "volume_gb: 1", 3, "passed=false\n"},
	} {
		f.sub(step.name, func(t *testing.T) {
			c.edit("orders", step.from, step.to)
			temp := t.TempDir()
			cmd := exec.CommandContext(t.Context(), "bash", action(t))
			cmd.Dir = c.dir
			cmd.Env = append(environment(t), "RUNNER_TEMP="+temp, "GITHUB_OUTPUT="+filepath.Join(temp, "output"), "GITHUB_STEP_SUMMARY="+filepath.Join(temp, "summary"),
				"GITHUB_ACTIONS=true", "GITHUB_BASE_REF=main", "INPUT_HUB="+hub.Hub, "INPUT_HUB_USER="+hub.User, "INPUT_HUB_PASSWORD="+f.hubPassword(),
				"INPUT_FILES=specs", "INPUT_BASE=", "INPUT_ACK=", "INPUT_PROGRAM="+program(t), "INPUT_URL=", "INPUT_SHA256=")
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != step.code {
				t.Fatalf("exit %d, want %d: %s", code, step.code, out)
			}
			if got := readFile(t, filepath.Join(temp, "output")); !strings.HasPrefix(got, step.output) || !strings.Contains(got, "report="+temp) {
				t.Errorf("the outputs are %q", got)
			}
			if got := readFile(t, filepath.Join(temp, "summary")); !strings.Contains(got, "volume_gb") {
				t.Errorf("the summary is %q", got)
			}
			if strings.Contains(string(out), f.hubPassword()) {
				t.Error("the password is in the job's output")
			}
		})
	}
}

// action is the script of the composite action.
func action(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "..", "ci", "action", "review.sh"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}
