package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
)

// A line is which row of which table, and a digest of what it holds.
type line struct {
	table, key string
	sum        [sumSize]byte
}

// sumSize is half of SHA-256: no two rows of a fleet have the same by chance, and
// there is one for each row.
const sumSize = sha256.Size / 2

// A draft is a row that is to be published.
type draft struct {
	line
	row specs.Row
}

func lineOf(table string, row specs.Row) line {
	return line{table: table, key: KeyText(table, row), sum: digest(row)}
}

// compare orders lines by the row that they are about, whatever it holds.
func (l line) compare(other line) int {
	return cmp.Or(strings.Compare(l.table, other.table), strings.Compare(l.key, other.key))
}

func (d draft) compare(other draft) int { return d.line.compare(other.line) }

// keyRow is the row's key alone.
func (l line) keyRow() specs.Row {
	row := specs.Row{}
	values := strings.Split(l.key, keySeparator)
	for i, c := range keys[l.table] {
		row[c] = values[i]
	}
	return row
}

// draftsOf gives records in the order of lines. Of two for one row the later holds.
func draftsOf(records []Record) []draft {
	drafts := make([]draft, 0, len(records))
	for _, r := range slices.Backward(records) {
		drafts = append(drafts, draft{lineOf(r.Table, r.Row), r.Row})
	}
	slices.SortStableFunc(drafts, draft.compare)
	return slices.CompactFunc(drafts, func(a, b draft) bool { return a.compare(b) == 0 })
}

// digest tells rows apart: columns by name, each value with its length, so that no
// two rows are one text, and NULL apart from the empty text.
func digest(row specs.Row) [sumSize]byte {
	columns := make([]string, 0, len(row))
	for c := range row {
		columns = append(columns, c)
	}
	slices.Sort(columns)
	text := make([]byte, 0, 512) // most rows are shorter
	for _, c := range columns {
		text = appendText(text, c)
		s, ok := row[c].(string)
		if !ok {
			text = append(text, 0)
			continue
		}
		text = appendText(append(text, 1), s)
	}
	sum := sha256.Sum256(text)
	return [sumSize]byte(sum[:])
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
