package render

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Table is a heading and rows of cells. A cell may carry colour from Style.
type Table struct {
	head []string
	rows [][]string
}

// NewTable begins a table; no heading, no heading line.
func NewTable(head ...string) *Table { return &Table{head: head} }

// Row adds a row. Control characters in a cell are made visible, except the
// escape codes of this package's colours.
func (t *Table) Row(cells ...string) {
	clean := make([]string, len(cells))
	for i, c := range cells {
		clean[i] = Visible(c)
	}
	t.rows = append(t.rows, clean)
}

// Len counts the rows.
func (t *Table) Len() int { return len(t.rows) }

// Write prints the table with two spaces between columns and none at line ends.
func (t *Table) Write(w io.Writer) error {
	lines := t.rows
	if len(t.head) > 0 {
		lines = append([][]string{t.head}, t.rows...)
	}
	widths := columnWidths(lines)
	var b strings.Builder
	for _, cells := range lines {
		var line strings.Builder
		for i, c := range cells {
			line.WriteString(c)
			if i < len(cells)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-width(c)+2))
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

func columnWidths(lines [][]string) []int {
	var widths []int
	for _, cells := range lines {
		for i, c := range cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], width(c))
		}
	}
	return widths
}

// width counts the characters a terminal shows: colour codes take no place.
func width(s string) int {
	n := 0
	for len(s) > 0 {
		if strings.HasPrefix(s, "\x1b[") {
			if end := strings.IndexByte(s, 'm'); end >= 0 {
				s = s[end+1:]
				continue
			}
		}
		_, size := utf8.DecodeRuneInString(s)
		s = s[size:]
		n++
	}
	return n
}

// Visible replaces control characters, so that a value from a database cannot
// move a terminal's cursor or break a table's line. Colours of this package stay.
func Visible(s string) string {
	if !strings.ContainsFunc(s, unicode.IsControl) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\x1b' && isColour(s[i:]):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsControl(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isColour(s string) bool {
	for _, code := range []string{"0", "1", "2", "31", "32", "33"} {
		if strings.HasPrefix(s, "\x1b["+code+"m") {
			return true
		}
	}
	return false
}
