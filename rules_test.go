// Package mainstay_test holds the rules of the house that no compiler checks:
// which package may import which, and that each says what it is for.
package mainstay_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mainstaydb/mainstay"

// A pkg is what go list tells of a package.
type pkg struct {
	ImportPath string
	Name       string
	Doc        string
	Imports    []string
	Deps       []string
}

// local is the path below the module.
func (p pkg) local() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-tags", "gms_pure_go", "-json=ImportPath,Name,Doc,Imports,Deps", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// A rule says what packages may not import, with the reason.
type rule struct {
	of     string   // packages, as path.Match below the module; a trailing /... covers what is below
	except []string // of those
	not    []string // imports, in the same form; ours begin with the module's path
	deep   bool     // also through others
	reason string
}

var effects = []string{"os", "os/...", "net", "net/...", "database/...", "log", "log/...", "io/fs", "syscall", "context", "math/rand/..."}

var rules = []rule{
	{of: "reconciler/plan", not: append(effects, "errors"), reason: "plan is pure: no effects, no contexts, no errors, no loggers"},
	{of: "specs", not: effects, reason: "specs is values in, values out"},
	{of: "ci", not: effects, reason: "checks are values in, values out"},
	{of: "specs/manifest", not: effects, reason: "files are read and written by the command"},
	{of: "specs/proposals", not: append(effects, module+"/specs/repo"), reason: "proposals are values; the repository carries them"},
	{of: "...", except: []string{"specs/repo"}, not: []string{"github.com/dolthub/..."}, reason: "specs/repo alone knows the driver"},
	{of: "...", except: []string{"agent", "agent/...", "reconciler/agentclient"}, not: []string{"google.golang.org/grpc/..."},
		reason: "gRPC is spoken by the agent and its client alone"},
	{of: "...", except: []string{"reconciler/awserr", "reconciler/ec2", "reconciler/ec2/...", "reconciler/route53", "reconciler/secretsmanager", "agent/cloudwatch",
		"reconciler/mototest/...", "cmd/mainstay/aws", "cmd/mainstay-agent"},
		not: []string{"github.com/aws/..."}, reason: "AWS's SDK is known to one adapter for each of its services, and to who opens them"},
	{of: "...", except: []string{"reconciler/acme"}, not: []string{"github.com/go-acme/..."}, reason: "reconciler/acme alone knows the ACME client"},
	{of: "...", except: []string{"reconciler/attest"}, not: []string{"github.com/smallstep/pkcs7/..."},
		reason: "reconciler/attest alone reads signatures, with all the checks that the library leaves out"},
	{of: "reconciler/acme", not: []string{"github.com/go-acme/lego/v4/challenge/dns01", "github.com/miekg/dns"}, deep: true,
		reason: "records are made in the fleet's own domain, and no name server of others is asked"},
	{of: "...", except: []string{"webhooks/githubtest/openapi"}, not: []string{"github.com/getkin/..."},
		reason: "GitHub's description is read by tests alone"},
	{of: "...", not: []string{module + "/webhooks/githubtest/..."}, reason: "the GitHub for tests is for tests alone"},
	{of: "...", except: []string{"webhooks/github"}, not: []string{"github.com/google/go-github/..."}, reason: "webhooks/github alone knows GitHub's API"},
	{of: "specs", not: []string{module + "/..."}, reason: "everything rests on specs, and specs on nothing"},
	{of: "specs/repo", not: []string{module + "/reconciler/...", module + "/cmd/...", module + "/agent/..."}, reason: "the repository knows no loop"},
	{of: "reconciler", not: []string{module + "/reconciler/local", module + "/reconciler/agentclient", module + "/reconciler/attest/...", module + "/reconciler/repostore",
		module + "/reconciler/secrets", module + "/reconciler/sim", module + "/reconciler/ec2", module + "/reconciler/route53", module + "/reconciler/acme",
		module + "/reconciler/awserr", module + "/reconciler/awslimit", module + "/reconciler/secretsmanager", module + "/specs/repo", module + "/agent/...", module + "/cmd/..."},
		deep: true, reason: "the loop knows no adapter"},
	{of: "agent/...", not: []string{module + "/reconciler/...", module + "/specs/...", module + "/cmd/..."}, deep: true,
		reason: "the agent does what it is told and knows nobody else"},
	{of: "webhooks", not: []string{module + "/reconciler/...", module + "/cmd/...", module + "/agent/...", module + "/specs/repo", module + "/webhooks/github",
		module + "/webhooks/queue", module + "/webhooks/notes"}, deep: true, reason: "webhooks knows no protocol, no repository and no disk"},
	{of: "webhooks/markdown", not: append(effects, module+"/..."), reason: "what is written is values in, values out"},
	{of: "webhooks/...", not: []string{module + "/reconciler/...", module + "/cmd/..."}, deep: true, reason: "GitHub knows no loop"},
	{of: "cmd/mainstay-agent", not: []string{"github.com/dolthub/...", module + "/reconciler/...", module + "/specs/..."}, deep: true,
		reason: "the program on a machine is small and holds no Dolt"},
	{of: "...", except: []string{"cmd/..."}, not: []string{module + "/cmd/..."}, reason: "programs are put together of packages, not the other way round"},
}

func matches(pattern, name string) bool {
	if pattern == "..." {
		return true
	}
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == base || strings.HasPrefix(name, base+"/")
	}
	ok, _ := path.Match(pattern, name)
	return ok
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

func TestImportRules(t *testing.T) {
	t.Parallel()
	all := packages(t)
	for _, r := range rules {
		applied := false
		for _, p := range all {
			if !matches(r.of, p.local()) || matchesAny(r.except, p.local()) {
				continue
			}
			applied = true
			imports := p.Imports
			if r.deep {
				imports = p.Deps
			}
			for _, i := range imports {
				if matchesAny(r.not, i) {
					t.Errorf("%s imports %s: %s", p.local(), i, r.reason)
				}
			}
		}
		if !applied {
			t.Errorf("the rule %q is about no package there is", r.of)
		}
	}
}

// TestPackageDocs: a package says what it is for before anything else. Generated
// code says it in its source.
func TestPackageDocs(t *testing.T) {
	t.Parallel()
	const short = 40 // characters of the first sentence: less than this names the package and tells nothing
	for _, p := range packages(t) {
		if p.local() == "" || p.local() == "agent/agentpb" {
			continue
		}
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Command " + path.Base(p.ImportPath) + " "
		}
		if !strings.HasPrefix(p.Doc, want) || len(p.Doc) < short {
			t.Errorf("%s: its doc is %q; begin with %q and say what it is for, promises and does not do", p.local(), p.Doc, want)
		}
	}
}
