package deploy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const runbook = "https://github.com/mainstaydb/mainstay/blob/main/docs/operations.md#"

// anchors are those of the runbook's headings, as GitHub makes them.
func anchors(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	other := regexp.MustCompile(`[^\w\- ]`)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(read(t, "../docs/operations.md")), -1) {
		found[strings.ReplaceAll(other.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return found
}

// TestRunbook: whoever is woken by an alert finds what to do.
func TestRunbook(t *testing.T) {
	t.Parallel()
	there := anchors(t)
	for _, r := range rules(t) {
		anchor, ok := strings.CutPrefix(r.Annotations["runbook_url"], runbook)
		if !ok || !there[anchor] {
			t.Errorf("the alert %s points to %q; docs/operations.md has no such heading", r.Alert, r.Annotations["runbook_url"])
		}
		if r.Annotations["summary"] == "" || !slices.Contains([]string{"page", "ticket"}, r.Labels["severity"]) {
			t.Errorf("the alert %s needs a summary, and the severity page or ticket", r.Alert)
		}
	}
}

// TestEachAlertIsTried: as it fires, and as it does not.
func TestEachAlertIsTried(t *testing.T) {
	t.Parallel()
	var file struct {
		Tests []struct {
			Queries []struct {
				Expr    string
				Samples []any `yaml:"exp_samples"`
			} `yaml:"promql_expr_test"`
		}
	}
	if err := yaml.Unmarshal(read(t, "prometheus/rules_test.yml"), &file); err != nil {
		t.Fatal(err)
	}
	fires, silent := map[string]bool{}, map[string]bool{}
	alert := regexp.MustCompile(`alertname="(\w+)"`)
	for _, test := range file.Tests {
		for _, q := range test.Queries {
			m := alert.FindStringSubmatch(q.Expr)
			if m == nil {
				t.Errorf("rules_test.yml asks for no alert by its name: %s", q.Expr)
			} else if len(q.Samples) > 0 {
				fires[m[1]] = true
			} else {
				silent[m[1]] = true
			}
		}
	}
	for _, r := range rules(t) {
		if !fires[r.Alert] || !silent[r.Alert] {
			t.Errorf("rules_test.yml tries the alert %s firing: %v, silent: %v", r.Alert, fires[r.Alert], silent[r.Alert])
		}
	}
}

// TestCommandsExist: the runbook names no command of ours that there is not.
func TestCommandsExist(t *testing.T) {
	t.Parallel()
	reference := string(read(t, "../docs/cli.md"))
	text := string(read(t, "../docs/operations.md"))
	command := regexp.MustCompile("(?m)(?:^|`|\\$\\()mainstay ((?:pr )?[a-z]+)((?: [^`\n]*)?)")
	option := regexp.MustCompile(`(^| )(--[a-z-]+)`)
	found := 0
	for _, m := range command.FindAllStringSubmatch(text, -1) {
		_, section, ok := strings.Cut(reference, "\n## mainstay "+m[1]+"\n")
		if !ok {
			t.Errorf("docs/operations.md says mainstay %s, which docs/cli.md has not", m[1])
			continue
		}
		found++
		section, _, _ = strings.Cut(section, "\n## ")
		for _, o := range option.FindAllStringSubmatch(m[2], -1) {
			if !strings.Contains(section, "`"+o[2]+"`") && !strings.Contains(section, ", "+o[2]+"`") && !slices.Contains([]string{"--dir", "--hub", "--hub-user", "--output"}, o[2]) {
				t.Errorf("docs/operations.md says mainstay %s %s, which docs/cli.md has not", m[1], o[2])
			}
		}
	}
	if found == 0 {
		t.Error("no command was found in docs/operations.md")
	}
}

// TestLinks: what the runbook points to in itself and in deploy/ is there.
func TestLinks(t *testing.T) {
	t.Parallel()
	there := anchors(t)
	for _, m := range regexp.MustCompile(`\]\((#|\.\./)([^)]*)\)`).FindAllStringSubmatch(string(read(t, "../docs/operations.md")), -1) {
		if m[1] == "#" && !there[m[2]] {
			t.Errorf("docs/operations.md points to #%s, which it has not", m[2])
		}
		if m[1] == "../" {
			read(t, "../"+m[2])
		}
	}
}
