package deploy_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A rule is an alert with what it says.
type rule struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal(read(t, "prometheus/rules.yml"), &file); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("prometheus/rules.yml has no rule")
	}
	return all
}

// expressions are all that is asked of Prometheus, by where.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, r := range rules(t) {
		found["the alert "+r.Alert] = r.Expr
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(read(t, "grafana/mainstay.json"), &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			found["the panel "+p.Title+": "+target.Expr] = target.Expr
		}
	}
	return found
}

var (
	helper = regexp.MustCompile(`\b(counter|gauge|histogram)\("([a-z_]+)"`)
	vector = regexp.MustCompile(`New(Counter|Gauge|Histogram)Vec\(prometheus\.\w+Opts\{Name: "mainstay_([a-z_]+)"`)
)

// offered are the names of the series that the control plane's program has.
func offered(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{"up": true, "process_resident_memory_bytes": true}
	for _, root := range []string{"../reconciler", "../webhooks", "../cmd/mainstay"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range slices.Concat(helper.FindAllStringSubmatch(string(source), -1), vector.FindAllStringSubmatch(string(source), -1)) {
				name := "mainstay_" + m[2]
				if strings.ToLower(m[1]) != "histogram" {
					names[name] = true
					continue
				}
				for _, part := range []string{"_bucket", "_sum", "_count"} {
					names[name+part] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}

var series = regexp.MustCompile(`\b(mainstay_[a-z_]+|process_[a-z_]+|go_[a-z_]+)\b`)

// TestMetricsExist: a rule on a metric that nobody has never fires.
func TestMetricsExist(t *testing.T) {
	t.Parallel()
	there := offered(t)
	const least = 14 // series of today; fewer were found by a search that does not work any more
	if len(there) < least {
		t.Fatalf("only %d metrics were found in the source: %v", len(there), there)
	}
	for where, expr := range expressions(t) {
		for _, name := range series.FindAllString(expr, -1) {
			if !there[name] {
				t.Errorf("%s asks for %s, which the control plane does not have", where, name)
			}
		}
	}
}

// kinds are those of actions, read from the source: a list of them all is there in
// no other form.
func kinds(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, m := range regexp.MustCompile(`Kind = "([a-z-]+)"`).FindAllStringSubmatch(string(read(t, "../reconciler/plan/action.go")), -1) {
		found = append(found, m[1])
	}
	if !slices.Contains(found, string(plan.LaunchMachine)) {
		t.Fatalf("the kinds of action were not found in the source: %v", found)
	}
	return found
}

// TestLabelsExist: likewise for the values of the labels kind and result.
func TestLabelsExist(t *testing.T) {
	t.Parallel()
	allowed := map[string][]string{"kind": kinds(t), "result": {"done", "conflict", "unknown", "failed", "partial", "unchanged"}}
	matcher := regexp.MustCompile(`\b(kind|result)[!=]~?"([^"]*)"`)
	for where, expr := range expressions(t) {
		for _, m := range matcher.FindAllStringSubmatch(expr, -1) {
			for _, v := range strings.Split(m[2], "|") {
				if !slices.Contains(allowed[m[1]], v) {
					t.Errorf("%s asks for %s %q, which there is not", where, m[1], v)
				}
			}
		}
	}
}
