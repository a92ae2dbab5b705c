// Package rules holds the project's rules about its own source as tests: who may
// import whom, and that every package says what it is for. docs/architecture.md
// has the same rules in words. It holds no code for the programs.
package rules

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mainstaydb/mainstay/"

// A pkg is what go list says about a package.
type pkg struct {
	ImportPath string
	Doc        string
	Imports    []string
	Deps       []string
	GoFiles    []string
}

func packages(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps=false", "-tags", "gms_pure_go", "-json=ImportPath,Doc,Imports,Deps,GoFiles", "./...")
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]pkg{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimPrefix(p.ImportPath, module)] = p
	}
}

// allowed are the packages of ours that a package may import; those of cmd may
// import all. A package that is not here has no place in the architecture yet.
var allowed = map[string][]string{
	"specs":                  {},
	"specs/schema":           {},
	"specs/repo":             {"specs", "specs/schema"},
	"ci":                     {"specs"},
	"agent/agentpb":          {},
	"agent/process":          {},
	"agent/durable":          {},
	"agent/doltserver":       {"agent/process", "agent/durable"},
	"agent/machine":          {"agent/process", "agent/durable"},
	"agent":                  {"agent/agentpb", "agent/process", "agent/durable", "agent/doltserver", "agent/machine"},
	"reconciler/plan":        {"specs"},
	"reconciler/ledger":      {"specs", "reconciler/plan"},
	"reconciler":             {"specs", "reconciler/plan", "reconciler/ledger"},
	"reconciler/secrets":     {},
	"reconciler/repostore":   {"specs/repo", "reconciler", "reconciler/ledger"},
	"reconciler/sim":         {"specs", "reconciler", "reconciler/plan", "reconciler/ledger"},
	"reconciler/porttest":    {"reconciler", "reconciler/plan"},
	"reconciler/local":       {"reconciler", "reconciler/plan", "agent/process"},
	"reconciler/agentclient": {"reconciler", "reconciler/plan", "reconciler/secrets", "agent/agentpb"},
	"cmd/mainstay/render":    {},
	"cmd/mainstay/home":      {},
	"cmd/mainstay/daemon":    {},
	"cmd/mainstay/sqlshell":  {"cmd/mainstay/render"},
	"cmd/mainstay/hub":       {"agent/process"},
	"cmd/mainstay-agent":     {"agent", "agent/machine", "agent/process", "agent/doltserver", "agent/durable"},
}

func TestImportRules(t *testing.T) {
	t.Parallel()
	for name, p := range packages(t) {
		may, ruled := allowed[name]
		if !ruled {
			if !strings.HasPrefix(name, "cmd/mainstay") && len(p.GoFiles) > 0 {
				t.Errorf("%s is in no rule; write down what it may import, here and in docs/architecture.md", name)
			}
			continue
		}
		for _, imported := range p.Imports {
			if ours, ok := strings.CutPrefix(imported, module); ok && !slices.Contains(may, ours) {
				t.Errorf("%s imports %s, which it may not", name, ours)
			}
		}
	}
}

// TestDolt keeps the engine where it belongs: in one package, and out of the
// program that runs on every machine.
func TestDolt(t *testing.T) {
	t.Parallel()
	const driver = "github.com/dolthub/driver"
	all := packages(t)
	for name, p := range all {
		if slices.Contains(p.Imports, driver) && name != "specs/repo" {
			t.Errorf("%s imports the Dolt driver; specs/repo alone may", name)
		}
	}
	for _, name := range []string{"cmd/mainstay-agent", "cmd/mainstay/e2e", "reconciler", "agent"} {
		for _, dep := range all[name].Deps {
			if strings.HasPrefix(dep, "github.com/dolthub/") {
				t.Errorf("%s links %s", name, dep)
			}
		}
	}
}

// pure are the packages whose results follow from their input alone.
var pure = []string{"specs", "ci", "reconciler/plan", "cmd/mainstay/view"}

func TestPurePackages(t *testing.T) {
	t.Parallel()
	all := packages(t)
	for _, name := range pure {
		for _, bad := range []string{"context", "os", "net", "log", "log/slog", "database/sql", "net/http"} {
			// view joins hosts and ports, which is text.
			if slices.Contains(all[name].Imports, bad) && name+" "+bad != "cmd/mainstay/view net" {
				t.Errorf("%s is pure and imports %s", name, bad)
			}
		}
	}
}

func TestPackageDocs(t *testing.T) {
	t.Parallel()
	for name, p := range packages(t) {
		// Generated code takes its words from agent.proto.
		if len(p.GoFiles) > 0 && p.Doc == "" && name != "agent/agentpb" {
			t.Errorf("%s does not say what it is for", name)
		}
		for _, bad := range []string{"util", "common", "helpers", "types"} {
			if strings.HasSuffix(name, "/"+bad) {
				t.Errorf("%s is named after nothing", name)
			}
		}
	}
}
