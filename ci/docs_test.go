package ci_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// named finds the names of checks where the sources give them to findings.
var named = regexp.MustCompile(`(?:r\.(?:fail|matches|between)\(|remark\(\w+, |Check:\s+|\bcheck[A-Z]\w+\s+= |finding\(\w+, )"([a-z-]+)"`)

// TestDocsNameEveryCheck: docs/checks.md lists the checks that there are, and no others.
func TestDocsNameEveryCheck(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	for _, pattern := range []string{"*.go", "../specs/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "../specs/decode") || file == "../specs/apply.go" {
				continue // decoding gives its findings one name, which stands in decode.go
			}
			for _, m := range named.FindAllStringSubmatch(read(t, file), -1) {
				there[m[1]] = true
			}
		}
	}
	there["readable"] = true
	told := map[string]bool{}
	for line := range strings.Lines(read(t, "../docs/checks.md")) {
		if cells := strings.Split(line, "|"); len(cells) == 6 {
			for _, m := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(cells[1], -1) {
				told[m[1]] = true
			}
		}
	}
	if len(there) < 30 {
		t.Fatalf("only %d checks were found in the sources; the pattern must be wrong", len(there))
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if !told[name] {
			t.Errorf("docs/checks.md does not tell of the check %s", name)
		}
		delete(told, name)
	}
	for name := range told {
		t.Errorf("docs/checks.md tells of the check %s, and there is none", name)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
