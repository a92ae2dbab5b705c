package deploy_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// actions are those that a policy allows.
func actions(t *testing.T, file string) map[string]bool {
	t.Helper()
	var policy struct {
		Statement []struct {
			Sid    string
			Effect string
			Action any
		}
	}
	if err := json.Unmarshal(read(t, file), &policy); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	all := map[string]bool{}
	for _, s := range policy.Statement {
		if s.Effect != "Allow" {
			t.Errorf("%s: %s does not allow; add up what is allowed instead", file, s.Sid)
		}
		switch a := s.Action.(type) {
		case string:
			all[a] = true
		case []any:
			for _, a := range a {
				all[a.(string)] = true
			}
		}
	}
	return all
}

// TestPoliciesAreExplained: each action stands in the table with its reason, and
// the table has no other.
func TestPoliciesAreExplained(t *testing.T) {
	t.Parallel()
	text := string(read(t, "iam/README.md"))
	for _, policy := range []string{"reconciler", "machine"} {
		_, section, ok := strings.Cut(text, "\n## "+policy+".json\n")
		if !ok {
			t.Fatalf("iam/README.md has no heading %s.json", policy)
		}
		section, _, _ = strings.Cut(section, "\n## ")
		said := map[string]bool{}
		for _, row := range regexp.MustCompile("(?m)^\\| `([^|]*)` \\|(.*)\\|$").FindAllStringSubmatch(section, -1) {
			if cells := strings.Split(row[2], "|"); len(cells) != 4 {
				t.Errorf("the row of %s has %d cells after the action and not 4: resource, condition, why, what breaks", row[1], len(cells))
			}
			for _, a := range strings.Split(row[1], "`, `") {
				said[a] = true
			}
		}
		allowed := actions(t, "iam/"+policy+".json")
		for a := range allowed {
			if strings.Contains(a, "*") {
				t.Errorf("iam/%s.json allows %s; name the actions", policy, a)
			}
			if !said[a] {
				t.Errorf("iam/%s.json allows %s, and iam/README.md does not say why", policy, a)
			}
		}
		for a := range said {
			if !allowed[a] {
				t.Errorf("iam/README.md explains %s, which iam/%s.json does not allow", a, policy)
			}
		}
	}
}

// An input type of the SDK names a call, and the package's path its service.
var (
	input    = regexp.MustCompile(`\b(\w+)\.([A-Z]\w+)Input\b`)
	imported = regexp.MustCompile(`(?:(\w+) )?"github\.com/aws/aws-sdk-go-v2/service/(\w+)"`)
)

// free are calls that need no permission.
var free = map[string]bool{"sts:GetCallerIdentity": true}

// calls are those that the Go files below a directory make.
func calls(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasSuffix(d.Name(), "test") {
			return fs.SkipDir // harnesses, which ask moto for more
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		services := map[string]string{}
		for _, m := range imported.FindAllStringSubmatch(string(source), -1) {
			name := m[1]
			if name == "" {
				name = m[2]
			}
			services[name] = m[2]
		}
		for _, m := range input.FindAllStringSubmatch(string(source), -1) {
			if service, ok := services[m[1]]; ok {
				found[service+":"+m[2]] = path
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestCallsAreAllowed: what the programs ask of AWS their roles may ask.
func TestCallsAreAllowed(t *testing.T) {
	t.Parallel()
	for _, p := range []struct {
		policy string
		roots  []string
		least  string
	}{
		{"iam/reconciler.json", []string{"../reconciler", "../cmd/mainstay"}, "ec2:RunInstances"},
		{"iam/machine.json", []string{"../agent", "../cmd/mainstay-agent"}, ""},
	} {
		allowed, made := actions(t, p.policy), map[string]string{}
		for _, root := range p.roots {
			for call, where := range calls(t, root) {
				made[call] = where
			}
		}
		if p.least != "" && made[p.least] == "" {
			t.Fatalf("the call %s was not found in %v; the search does not work any more", p.least, p.roots)
		}
		for call, where := range made {
			if !allowed[call] && !free[call] {
				t.Errorf("%s asks for %s, which %s does not allow", where, call, p.policy)
			}
		}
	}
}

// madeWith are tags that are set only when a thing is made, or by people alone: no
// policy lets anybody set them later.
var madeWith = map[string]bool{
	"mainstay:fleet": true, "mainstay:token": true, "mainstay:volume": true, "mainstay:created-by": true,
	"mainstay:adopt": true, "mainstay:dolt-version": true,
}

// TestTagsAreAllowed: a tag that the cloud writes later is one that the policy lets
// it write.
func TestTagsAreAllowed(t *testing.T) {
	t.Parallel()
	var policy struct {
		Statement []struct {
			Sid       string
			Condition map[string]map[string]any
		}
	}
	if err := json.Unmarshal(read(t, "iam/reconciler.json"), &policy); err != nil {
		t.Fatal(err)
	}
	var keys []any
	for _, s := range policy.Statement {
		if s.Sid == "LabelItsOwn" {
			keys, _ = s.Condition["ForAllValues:StringLike"]["aws:TagKeys"].([]any)
		}
	}
	files, err := filepath.Glob("../reconciler/ec2/*.go")
	if err != nil || len(keys) == 0 {
		t.Fatalf("no tags are allowed (%v), or the source is not there: %v", keys, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range regexp.MustCompile(`"(mainstay:[a-z-]+)"`).FindAllStringSubmatch(string(read(t, file)), -1) {
			ok := madeWith[m[1]]
			for _, k := range keys {
				prefix, open := strings.CutSuffix(k.(string), "*")
				ok = ok || k == m[1] || open && strings.HasPrefix(m[1], prefix)
			}
			if !ok {
				t.Errorf("%s has the tag %s, which iam/reconciler.json does not let it write", file, m[1])
			}
		}
	}
}
