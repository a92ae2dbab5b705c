package ci_test

import (
	"testing"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/specs"
)

// TestAlteredTables: only a migration may touch the definition of a fleet's table.
func TestAlteredTables(t *testing.T) {
	t.Parallel()
	base := specs.NewSnapshot()
	base.SchemaVersion = specs.SchemaVersion - 1
	version := func(v string) specs.RowChange {
		return specs.RowChange{Table: specs.TableSchema, Key: v, To: specs.Row{"version": v, "name": "n"}}
	}
	dropped := specs.TableChange(specs.TableLimits, specs.TableLimits, "")
	for name, c := range map[string]struct {
		changes []specs.RowChange
		refused bool
	}{
		"dropped":                {[]specs.RowChange{dropped}, true},
		"altered":                {[]specs.RowChange{specs.TableChange("deployments", "deployments", "deployments")}, true},
		"a table of one's own":   {[]specs.RowChange{specs.TableChange("notes", "", "notes")}, false},
		"by a migration":         {[]specs.RowChange{dropped, version("2")}, false},
		"by a made-up migration": {[]specs.RowChange{dropped, version("0")}, true},
	} {
		refused := false
		for _, f := range ci.Check(base, c.changes) {
			refused = refused || f.Check == "schema"
		}
		if refused != c.refused {
			t.Errorf("%s: refused %v, want %v", name, refused, c.refused)
		}
	}
}
