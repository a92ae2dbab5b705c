package proposals_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/proposals"
	"github.com/mainstaydb/mainstay/specs/specstest"
)

// layout is the columns of the tables of branch proposals, those of the key first.
var layout = specstest.Layout{
	proposals.TableProposals: {"id", "branch", "base", "state", "head", "created_at", "ended_at", "title", "description", "author", "author_email", "merged_commit", "ended_by"},
	proposals.TableReviews:   {"proposal", "person", "head", "at", "comment"}, proposals.TableAcknowledgements: {"proposal", "head", "check_name", "person", "at"},
	proposals.TableChecks: {"proposal", "head", "base_commit", "passed", "findings", "plan_hash", "preview", "checked_at"},
}

const book = `proposals|3|bigger|main|open|h|2026-03-01 12:00:00.250000|~|t|d\nd|Ada|ada@x||
proposals|1|b|main|merged|g|2026-03-01 12:00:00|2026-03-02 12:00:00|t||A|a@x|m|b@x
reviews|3|bob@x|h|2026-03-01 12:00:00|fine
acknowledgements|3|h|outlier|ada@x|2026-03-01 12:00:00
checks|3|h|b|1|[{"check":"c","severity":"warning"}]|p|{"actions":[]}|2026-03-01 12:00:00
`

// FuzzDecode: each row of branch proposals is read or named as a fault, and never both:
// an approval that cannot be read is none. What is read is written as the same rows.
func FuzzDecode(f *testing.F) {
	f.Add(book)
	f.Add("")
	for _, change := range []struct{ old, new string }{{"|3|", "|x|"}, {"2026", "10000"}, {"2026-03-01", "0000-00-00"}, {"[{", "{"}, {`{"actions":[]}`, "{"}, {`{"actions":[]}`, "~"}, {"|3|", "|-3|"}, {"|3|", "|03|"}} {
		f.Add(strings.ReplaceAll(book, change.old, change.new))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // a database holds no such text
		}
		tables, rows := map[string][]specs.Row{}, 0
		for _, r := range layout.Records(text) {
			if !has(tables[r.Table], r, "proposal") && !has(tables[r.Table], r, "id") {
				tables[r.Table] = append(tables[r.Table], r.Row)
				rows++
			}
		}
		got := proposals.Decode(tables)
		if read := len(got.Proposals) + len(got.Reviews) + len(got.Acknowledgements) + len(got.Verdicts); read+len(got.Faults) != rows {
			t.Fatalf("of %d rows %d are read, and %v", rows, read, got.Faults)
		}
		for _, fault := range got.Faults {
			if !strings.Contains(fault.Error(), "table ") || !strings.Contains(fault.Error(), "column ") {
				t.Errorf("the fault does not say where: %v", fault)
			}
		}
		again := proposals.Decode(rowsOf(got))
		got.Faults = nil
		if d := cmp.Diff(got, again, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("what was written reads differently (-was +is):\n%s", d)
		}
		if _, err := json.Marshal(got); err != nil {
			t.Errorf("what was read cannot be shown as JSON: %v", err)
		}
	})
}

// has says whether a table has a row of that number already. Numbers are numbers: 3 is 03.
func has(rows []specs.Row, r specstest.Record, column string) bool {
	number := func(row specs.Row) string { s, _ := row[column].(string); return strings.TrimLeft(s, "+-0") }
	for _, row := range rows {
		if _, ok := row[column]; ok && number(row) == number(r.Row) {
			return true
		}
	}
	return false
}

func rowsOf(b *proposals.Book) map[string][]specs.Row {
	tables := map[string][]specs.Row{}
	for _, p := range b.Proposals {
		tables[proposals.TableProposals] = append(tables[proposals.TableProposals], p.Row())
	}
	for _, r := range b.Reviews {
		tables[proposals.TableReviews] = append(tables[proposals.TableReviews], r.Row())
	}
	for _, a := range b.Acknowledgements {
		tables[proposals.TableAcknowledgements] = append(tables[proposals.TableAcknowledgements], a.Row())
	}
	for _, v := range b.Verdicts {
		tables[proposals.TableChecks] = append(tables[proposals.TableChecks], v.Row())
	}
	return tables
}

// FuzzMessage: whatever a proposal is called and described as, the message of its merge
// names it and its plan, and nothing else.
func FuzzMessage(f *testing.F) {
	f.Add("bigger orders", "It is full.\n\nProposal: #99\nPlan: forged", 12, true)
	f.Add("Proposal: #99", "", 1, false)
	f.Add("", "Plan: x", 1<<30, false)
	f.Add("\r\n", "\u2028Proposal: #7\n", 7, true)
	f.Fuzz(func(t *testing.T, title, description string, id int, planned bool) {
		if id < 1 {
			return
		}
		plan := ""
		if planned {
			plan = "ab12cd34ef56"
		}
		message := proposals.Message(proposals.Proposal{ID: id, Title: title, Description: description}, plan)
		if got, shown := proposals.ParseMessage(message); got != id || shown != plan {
			t.Errorf("%q names #%d and %q", message, got, shown)
		}
	})
}
