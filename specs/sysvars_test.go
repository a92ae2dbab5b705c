package specs_test

import (
	"encoding/csv"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files anew")

// The releases that Mainstay is tested with, oldest first.
var releases = []string{"1.86.4", "2.2.0"}

// TestSystemVariables compares the embedded list with what the real programs
// say, and writes it with -update.
func TestSystemVariables(t *testing.T) {
	t.Parallel()
	build := os.Getenv("MAINSTAY_TEST_BUILD")
	if build == "" {
		t.Skip("MAINSTAY_TEST_BUILD is not set")
	}
	byRelease := map[string]map[string]string{}
	for _, release := range releases {
		byRelease[release] = variablesOf(t, filepath.Join(build, "dolt", release, "dolt"))
	}
	got := renderVariables(byRelease)
	if *update {
		if err := os.WriteFile("sysvars.txt", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("sysvars.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("sysvars.txt is not what the programs say; run with -update (-want +got):\n%s", diff)
	}
}

func renderVariables(byRelease map[string]map[string]string) string {
	newest := byRelease[releases[len(releases)-1]]
	var b strings.Builder
	b.WriteString("# Made by go test ./specs -run TestSystemVariables -update from Dolt " + strings.Join(releases, " and ") + ".\n")
	for _, name := range slices.Sorted(maps.Keys(newest)) {
		since := ""
		for i, release := range releases[1:] {
			if _, ok := byRelease[releases[i]][name]; !ok {
				since = " " + release
			}
		}
		fmt.Fprintf(&b, "%s %s%s\n", name, newest[name], since)
	}
	return b.String()
}

// variablesOf lists a program's variables with their kinds. The kind is found by
// trying: Dolt does not list it.
func variablesOf(t *testing.T, program string) map[string]string {
	t.Helper()
	values := variableValues(t, program)
	names := slices.Sorted(maps.Keys(values))
	refused := map[string]map[string]bool{}
	for _, value := range []string{"'no such value'", "2", "DEFAULT"} {
		refused[value] = tryAll(t, program, names, value)
	}
	kinds := map[string]string{}
	for _, name := range names {
		switch {
		case refused["DEFAULT"][name]:
			kinds[name] = "readonly"
		case !refused["'no such value'"][name]:
			kinds[name] = "text"
		case !refused["2"][name] && isNumber(values[name]):
			kinds[name] = "int"
		default:
			kinds[name] = "other"
		}
	}
	bools := tryAll(t, program, names, "'ON'")
	numbers := tryAll(t, program, names, "1.5")
	for name, kind := range kinds {
		if kind == "other" && !bools[name] {
			kinds[name] = "bool"
		} else if kind == "other" || kind == "int" && (!numbers[name] || !bools[name]) {
			kinds[name] = "text" // sets of words and the like: Dolt judges them
		}
	}
	return kinds
}

func isNumber(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil
}

func variableValues(t *testing.T, program string) map[string]string {
	t.Helper()
	out := doltSQL(t, program, "-r", "csv", "-q", "SHOW GLOBAL VARIABLES")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, row := range rows[1:] {
		values[row[0]] = row[1]
	}
	return values
}

// tryAll sets every variable to a value and tells which the program refused.
func tryAll(t *testing.T, program string, names []string, value string) map[string]bool {
	t.Helper()
	var script strings.Builder
	for _, name := range names {
		fmt.Fprintf(&script, "SET GLOBAL `%s` = %s;\n", name, value)
	}
	file := filepath.Join(t.TempDir(), "try.sql")
	if err := os.WriteFile(file, []byte(script.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out := doltSQL(t, program, "--continue", "-f", file)
	refused := map[string]bool{}
	for line := range strings.Lines(out) {
		if _, statement, ok := strings.Cut(line, "SET GLOBAL `"); ok {
			name, _, _ := strings.Cut(statement, "`")
			refused[name] = true
		}
	}
	return refused
}

// doltSQL runs statements. It keeps the program from starting another one that reports
// its use, which would go on writing in HOME after this one has ended.
func doltSQL(t *testing.T, program string, args ...string) string {
	t.Helper()
	home := t.TempDir()
	cmd := exec.Command(program, append([]string{"sql"}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"HOME=" + home, "DOLT_ROOT_PATH=" + home, "DOLT_DISABLE_EVENT_FLUSH=1", "PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		t.Fatalf("%s: %v", program, err)
	}
	return string(out)
}
