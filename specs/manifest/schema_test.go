package manifest

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/schema"
)

var update = flag.Bool("update", false, "write the schemas in docs/schema")

// TestSchemaFiles keeps docs/schema true to the columns.
func TestSchemaFiles(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]byte{"deployment.schema.json": DeploymentSchema(), "fleet.schema.json": FleetSchema()} {
		file := filepath.Join("..", "..", "docs", "schema", name)
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s is out of date; run: go test ./specs/manifest -update (%v)", file, err)
		}
	}
}

// mainSQL is the schema of main, of which columns repeats what editors can use.
func mainSQL(t *testing.T) string {
	t.Helper()
	migrations, err := schema.Migrations(schema.Main)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, m := range migrations {
		b.WriteString(m.SQL)
	}
	return b.String()
}

// TestColumnsAreThoseOfTheSchema compares names, order and defaults with the SQL.
func TestColumnsAreThoseOfTheSchema(t *testing.T) {
	t.Parallel()
	sql := mainSQL(t)
	if got := names(deploymentColumns); !slices.Equal(got, specs.DeploymentColumns()) {
		t.Errorf("the columns of deployments are %v, want %v", got, specs.DeploymentColumns())
	}
	for _, table := range []string{specs.TableDeployments, specs.TableVersions, specs.TableReviewers} {
		_, body, ok := strings.Cut(sql, "CREATE TABLE "+table+" (")
		if !ok {
			t.Fatalf("the schema has no table %s", table)
		}
		body, _, _ = strings.Cut(body, "\n);")
		lines := regexp.MustCompile(`(?m)^  ([a-z_0-9]+) +(VARCHAR|INT|BOOLEAN)(?:\((\d+)\))? +NOT NULL *(.*?),?$`).FindAllStringSubmatch(body, -1)
		if len(lines) != len(columnsOf(table)) {
			t.Fatalf("%s: the schema has %d columns, and files %d", table, len(lines), len(columnsOf(table)))
		}
		for i, line := range lines {
			c := columnsOf(table)[i]
			if c.name != line[1] || c.kind != map[string]kind{"VARCHAR": text, "INT": whole, "BOOLEAN": truth}[line[2]] {
				t.Errorf("%s: column %d is %s, and the schema says %s", table, i+1, c.name, line[0])
			}
			if got := defaultOf(line[4]); got != c.initial {
				t.Errorf("%s.%s: the default is %q, want %q", table, c.name, c.initial, got)
			}
			for _, rule := range c.rules() {
				if !strings.Contains(body, rule) {
					t.Errorf("%s.%s: the schema does not say %s", table, c.name, rule)
				}
			}
		}
	}
}

func defaultOf(rest string) string {
	m := regexp.MustCompile(`DEFAULT (?:'([^']*)'|([0-9a-z]+))`).FindStringSubmatch(rest)
	switch {
	case m == nil:
		return ""
	case m[2] == "true":
		return "1"
	case m[2] == "false":
		return "0"
	}
	return m[1] + m[2]
}

// rules are the words by which the SQL says what the column does.
func (c column) rules() []string {
	var rules []string
	switch {
	case c.kind == whole:
		rules = append(rules, c.name+" BETWEEN "+literalInt(c.min)+" AND "+literalInt(c.max))
		if c.orZero {
			rules = append(rules, c.name+" = 0 OR")
		}
	case c.words != nil:
		rules = append(rules, c.name+" IN ('"+strings.Join(c.words, "', '")+"')")
	case c.name == "sha256": // there the empty text is a rule of its own
	case c.name == "dolt_version": // a key of versions, which has the rule
	case c.pattern != "":
		rules = append(rules, "regexp_like("+c.name+", '"+c.pattern+"')")
	}
	return rules
}

func literalInt(n int) string { b, _ := json.Marshal(n); return string(b) }

// TestSchemasSpeakOfEveryKey: what Parse takes, editors know.
func TestSchemasSpeakOfEveryKey(t *testing.T) {
	t.Parallel()
	var doc struct {
		Schema     string `json:"$schema"`
		Required   []string
		Properties map[string]struct {
			Description string
			Properties  map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal(DeploymentSchema(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(specs.DeploymentColumns(), "settings") {
		if doc.Properties[name].Description == "" {
			t.Errorf("the schema does not describe %s", name)
		}
	}
	settings := doc.Properties["settings"].Properties
	for _, s := range append(specs.Catalog(), specs.SystemVariables()...) {
		if settings[s.Name] == nil {
			t.Errorf("the schema does not have the setting %s", s.Name)
		}
	}
	if doc.Schema != draft || !slices.Equal(doc.Required, []string{"name"}) {
		t.Errorf("got %q, required %v", doc.Schema, doc.Required)
	}
}
