// Package specstest reads rows out of a short text, so that a fuzzer can make up rows
// of any table, and people can read what it found.
//
// A line is a row: the table, then its values in the order of the columns, parted by
// "|". A value is text; ~ is NULL, and #7 and !true are the numbers and truths that a
// database driver gives. Values that are left out are columns that the table lacks.
// \n in a value is a line break. Lines that are no row are passed over.
package specstest

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
)

// A Record is a row with its table.
type Record struct {
	Table string
	Row   specs.Row
}

// A Layout is the columns of tables, in order, those of the key first.
type Layout map[string][]string

// Main is the layout of the desired state.
var Main = Layout{
	specs.TableDeployments: specs.DeploymentColumns(),
	specs.TableSettings:    {"deployment", "name", "value"},
	specs.TableLimits:      {"name", "value"},
	specs.TableVersions:    {"version", "url", "sha256"},
	specs.TableApprovals:   {"commit_hash", "approved_by", "reason"},
	specs.TableReviewers:   {"branch", "owner", "person", "required"},
	specs.TableSchema:      {"version", "name"},
}

// keyLength is how many columns the keys of Main have that have more than one.
var keyLength = map[string]int{specs.TableSettings: 2, specs.TableReviewers: 3}

// Records reads all rows of a text.
func (l Layout) Records(text string) []Record {
	var all []Record
	for line := range strings.Lines(text) {
		table, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "|")
		columns, ok := l[table]
		if !ok {
			continue
		}
		row := specs.Row{}
		for i, value := range strings.SplitN(rest, "|", len(columns)) {
			row[columns[i]] = valueOf(value)
		}
		all = append(all, Record{table, row})
	}
	return all
}

func valueOf(text string) any {
	if text == "~" {
		return nil
	}
	if digits, ok := strings.CutPrefix(text, "#"); ok {
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
			return n
		}
	}
	if word, ok := strings.CutPrefix(text, "!"); ok {
		if b, err := strconv.ParseBool(word); err == nil {
			return b
		}
	}
	return strings.ReplaceAll(text, `\n`, "\n")
}

// Snapshot loads the desired state that a text says, as the repository loads it.
func Snapshot(text string) *specs.Snapshot {
	s := specs.NewSnapshot()
	for at, row := range keyed(text) {
		s.Load(at.table, at.key, row)
	}
	return s
}

// Changes lists the rows that differ between two texts, as the repository lists them
// between two commits: with values of any kind, also such as cannot be read.
func Changes(from, to string) []specs.RowChange {
	var changes []specs.RowChange
	before, after := keyed(from), keyed(to)
	for at, row := range before {
		if now, ok := after[at]; !ok || !maps.Equal(row, now) {
			changes = append(changes, specs.RowChange{Table: at.table, Key: at.key, From: row, To: now})
		}
	}
	for at, row := range after {
		if _, ok := before[at]; !ok {
			changes = append(changes, specs.RowChange{Table: at.table, Key: at.key, To: row})
		}
	}
	specs.SortChanges(changes)
	return changes
}

type place struct{ table, key string }

// keyed gives the rows of a text by their keys. Of several with one key the first is
// taken: a table has no more.
func keyed(text string) map[place]specs.Row {
	rows := map[place]specs.Row{}
	for _, r := range Main.Records(text) {
		at := place{r.Table, keyOf(r)}
		if _, taken := rows[at]; !taken {
			rows[at] = r.Row
		}
	}
	return rows
}

// keyOf joins the key as the repository does, which gives columns by name.
func keyOf(r Record) string {
	var parts []string
	for _, column := range Main[r.Table][:max(1, keyLength[r.Table])] {
		parts = append(parts, fmt.Sprint(r.Row[column]))
	}
	return specs.KeyOf(parts...)
}

// Fleet is a text that no rule has anything against, for beginning from.
const Fleet = `mainstay_schema|#2|reviewers
versions|2.2.0||
versions|1.86.4|https://dolt.example/dolt.tar.gz|00000000000000000000000000000000000000000000000000000000000000ff
limits|max_disrupted|2
deployments|00000000-0000-0000-0000-000000000001|orders|shop|local|t3.small|gp3|#20|#0|#0|2.2.0|#0|fleet|!true|!false|#7
deployments|00000000-0000-0000-0000-000000000002|search||eu-west-1a|m7g.large|io2|100|5000|0|1.86.4|0|acme|0|1|30
settings|00000000-0000-0000-0000-000000000001|log_level|debug
settings|00000000-0000-0000-0000-000000000001|system_variables.max_connections|77
reviewers|main|shop|ann@acme.example|#1
approvals|0a1b2c3d4e5f|ann|a clear-out
`
