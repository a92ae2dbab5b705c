package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/cmd/mainstay/aws"
)

// checks runs serve --check -o json.
func (a *account) checks(t *testing.T) (map[string]aws.Check, int) {
	t.Helper()
	out, code := a.mainstay(t, "serve", "--config", a.config, "--check", "-o", "json")
	var list []aws.Check
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&list); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	by := map[string]aws.Check{}
	for _, c := range list {
		by[c.What] = c
	}
	return by, code
}

// TestServeCheckOnEC2 asks moto whether what a configuration names is there.
func TestServeCheckOnEC2(t *testing.T) {
	a := newAccount(t)
	found, code := a.checks(t)
	for _, what := range []string{"configuration", "credentials", "machine image", "subnets", "security groups", "a launch in " + accountZone, "secrets", "identity documents"} {
		if c, ok := found[what]; !ok || !c.OK || c.Says == "" {
			t.Errorf("%s: %+v", what, c)
		}
	}
	if code != exitDone {
		t.Errorf("exit code %d", code)
	}
	if text, _ := a.mainstay(t, "serve", "--config", a.config, "--check"); !strings.Contains(text, "✓ machine image: "+a.image) || strings.Contains(text, "\x1b") {
		t.Errorf("said\n%s", text)
	}

	good, err := os.ReadFile(a.config)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ old, new, says string }{
		"machine image":   {a.image, "ami-0123456789abcdef0", "ami-0123456789abcdef0"},
		"subnets":         {a.subnets[accountZone], a.subnets["eu-north-1b"], "is in zone eu-north-1b and not in eu-north-1a"},
		"security groups": {"endpoint:", "security_groups: [sg-0123456789abcdef0], endpoint:", "there is no security group sg-0123456789abcdef0"},
		"names":           {"secrets: {aws: {}}", "secrets: {aws: {}}\ndns: {hosted_zone: Z0123456789, domain: db.example.com}", "Z0123456789"},
	} {
		a.write(t, strings.Replace(string(good), c.old, c.new, 1))
		found, code := a.checks(t)
		if got := found[what]; got.OK || !strings.Contains(got.Says, c.says) || code != exitFailed {
			t.Errorf("%s: exit code %d, %+v; want it to say %q", what, code, got, c.says)
		}
	}
}

// TestServeCheckAtHome tells all that is wrong with a local cloud, not only the first.
func TestServeCheckAtHome(t *testing.T) {
	t.Parallel()
	a := &account{config: filepath.Join(t.TempDir(), "mainstay.yaml")}
	a.write(t, `hub: {url: "http://127.0.0.1:1/fleet", user: root, password_file: absent}
dir: plane
cloud: {local: {dir: cloud}}
secrets: {dir: secrets}
versions_dir: absent
`)
	text, code := a.mainstay(t, "serve", "--config", a.config, "--check")
	for _, want := range []string{"✓ configuration: ", "✗ hub password: ", "✗ programs: ", "2 checks of 3 failed"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	if left, err := os.ReadDir(filepath.Dir(a.config)); err != nil || len(left) != 1 {
		t.Errorf("a check left %v behind, %v", left, err)
	}
}
