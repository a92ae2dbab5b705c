package schema_test

import (
	"testing"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/schema"
)

func TestMigrations(t *testing.T) {
	t.Parallel()
	for _, branch := range []schema.Branch{schema.Main, schema.Status} {
		all, err := schema.Migrations(branch)
		if err != nil || len(all) == 0 {
			t.Fatalf("%s: %v", branch, err)
		}
		for i, m := range all {
			if m.Version != i+1 || m.Name == "" || m.SQL == "" {
				t.Errorf("%s: %+v", branch, m)
			}
		}
		if branch == schema.Main && len(all) != specs.SchemaVersion {
			t.Errorf("main has %d migrations and the program says version %d", len(all), specs.SchemaVersion)
		}
	}
	if _, err := schema.Migrations("other"); err == nil {
		t.Error("migrations of a branch that has none")
	}
}
