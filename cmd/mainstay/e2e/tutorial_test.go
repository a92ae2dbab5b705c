package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestTutorial runs docs/tutorial.md: each command of its console blocks, in order,
// must print the lines that the page shows. What differs from run to run (commits,
// ports, times, machines) is compared by its form; "..." stands for any lines.
func TestTutorial(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "tutorial.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := consoleCommands(string(page))
	if len(commands) < 10 {
		t.Fatalf("the page has %d commands; is it read right?", len(commands))
	}
	file := filepath.Join(t.TempDir(), "tutorial.txtar")
	if err := os.WriteFile(file, []byte(script(commands)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("page", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Files: []string{file},
			Setup: func(env *testscript.Env) error {
				env.Setenv("PATH", filepath.Join(build(t), "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
				env.Setenv("MAINSTAY_DIR", f.dir)
				env.Setenv("MAINSTAY_AUTHOR", "Ada Tester <ada@example.org>")
				env.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
				env.Setenv("TZ", "UTC")
				return nil
			},
		})
	})
}

// A console is one command of the page with the lines it shows.
type console struct {
	line    int
	command string
	output  []string
}

// consoleCommands takes the commands out of the blocks marked console: "$ " begins
// one, "> " goes on with it.
func consoleCommands(page string) []console {
	var all []console
	within := false
	for n, line := range strings.Split(page, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			within = line == "```console"
		case !within:
		case strings.HasPrefix(line, "$ "):
			all = append(all, console{line: n + 1, command: line[2:]})
		case strings.HasPrefix(line, "> "):
			all[len(all)-1].command += "\n" + line[2:]
		default:
			all[len(all)-1].output = append(all[len(all)-1].output, line)
		}
	}
	return all
}

// script makes a testscript: each command is a shell script of its own, so that the
// page need not be quoted.
func script(commands []console) string {
	var steps, files strings.Builder
	for i, c := range commands {
		name := fmt.Sprintf("line-%d.sh", c.line)
		fmt.Fprintf(&files, "-- %s --\nexec 2>&1\n%s\n", name, c.command)
		fmt.Fprintf(&steps, "# docs/tutorial.md:%d\n", c.line)
		if failing(c.output) {
			steps.WriteString("! ")
		}
		fmt.Fprintf(&steps, "exec sh $WORK/%s\n", name)
		for _, line := range c.output {
			if strings.TrimSpace(line) != "" && strings.TrimSpace(line) != "..." {
				fmt.Fprintf(&steps, "stdout '%s'\n", strings.ReplaceAll(pattern(line), "'", "''"))
			}
		}
		if i == len(commands)-1 {
			steps.WriteString("\n")
		}
	}
	return steps.String() + files.String()
}

// failing tells by its last sentence that a command is meant to be refused.
func failing(output []string) bool {
	return len(output) > 0 && strings.HasPrefix(output[len(output)-1], "mainstay: ")
}

// forms are what differs from run to run.
var forms = []struct{ seen, want *regexp.Regexp }{
	{regexp.MustCompile(`t1sfnh3v`), regexp.MustCompile(`[0-9a-v]{8}`)},
	{regexp.MustCompile(`127\\\.0\\\.0\\\.1:\d+`), regexp.MustCompile(`127\.0\.0\.1:\d+`)},
	{regexp.MustCompile(`\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}`), regexp.MustCompile(`\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}`)},
	{regexp.MustCompile(` \\\.\\\.\\\.$`), regexp.MustCompile(`.*`)},
	{regexp.MustCompile(`  +`), regexp.MustCompile(` +`)},
}

// pattern is a line of the page as a regular expression.
func pattern(line string) string {
	p := regexp.QuoteMeta(strings.TrimSpace(line))
	for _, f := range forms {
		p = f.seen.ReplaceAllLiteralString(p, f.want.String())
	}
	return `(?m)^\s*` + p + `\s*$`
}
