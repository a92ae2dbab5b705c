package ledger_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/schema"
)

// FuzzFits: whatever is said about machines, volumes and rows, and however much, the
// columns of branch status hold it, and as much of it as there is room for.
func FuzzFits(f *testing.F) {
	widths := widthsOf(f)
	for _, said := range []string{"", "throttled", strings.Repeat("é", 1<<15), "\xff\xfe"} {
		for _, times := range []uint16{1, 4096, 65535} {
			f.Add(said, times)
		}
	}
	f.Fuzz(func(t *testing.T, said string, times uint16) {
		said = strings.Repeat(said, min(int(times), 1<<17/(len(said)+1)))
		c := plan.Condition{Type: "Trouble", Message: said}
		records := slices.Concat(
			ledger.AppliedRecords(ledger.Applied{}, []specs.Finding{{Key: said, Message: said, Advice: said}}),
			ledger.ConditionRecords("", []plan.Condition{c, c}, nil), ledger.GapRecords(map[string]ledger.Gap{"machines": {Reason: said}}),
			ledger.MachineRecords(plan.Machine{Trouble: said}), ledger.VolumeRecords(plan.Volume{Busy: said}),
			ledger.AgentRecords("m-1", plan.Agent{Error: said, DatabaseDetail: said}), ledger.CertificateRecords("d1", plan.Certificate{Error: said}))
		for _, r := range records {
			for column, value := range r.Row {
				text, _ := value.(string)
				width, ok := widths[r.Table+"."+column]
				if ok && len(text) > width {
					t.Errorf("%s.%s holds %d bytes, and is given %d", r.Table, column, width, len(text))
				}
				if !utf8.ValidString(text) || strings.HasSuffix(text, "…") && len(text) < min(len(said), width-8) {
					t.Errorf("%s.%s has %d bytes of %d: %.100q", r.Table, column, len(text), len(said), text)
				}
			}
		}
	})
}

var textColumn = regexp.MustCompile(`(?m)^(?:CREATE TABLE (\w+)|ALTER TABLE (\w+) ADD COLUMN (\w+) +VARCHAR\((\d+)\)|  (\w+) +(?:VARCHAR\((\d+)\)|TEXT))`)

// widthsOf reads from the schema how many characters columns of text hold, by table
// and column. A TEXT holds bytes.
func widthsOf(f *testing.F) map[string]int {
	migrations, err := schema.Migrations(schema.Status)
	if err != nil {
		f.Fatal(err)
	}
	widths, table := map[string]int{}, ""
	for _, m := range migrations {
		for _, g := range textColumn.FindAllStringSubmatch(m.SQL, -1) {
			if named := g[1] + g[2]; named != "" {
				table = named
			}
			width, err := strconv.Atoi(g[4] + g[6])
			if err != nil {
				width = 65535
			}
			widths[table+"."+g[3]+g[5]] = width
		}
	}
	if widths["conditions.message"] != 65535 || widths["machines.trouble"] != 4096 || widths["findings.key_name"] != 255 {
		f.Fatalf("the schema is read wrongly: %v", widths)
	}
	return widths
}
