package render

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A Table is a heading and rows of cells. A cell may carry colour from Style.
type Table struct {
	style Style
	head  []string
	rows  [][]string
}

// NewTable begins a table; no heading, no heading line.
func NewTable(style Style, head ...string) *Table { return &Table{style: style, head: head} }

// Row adds a row. What a terminal would obey in a cell is made visible, except the
// colours of the table's style around all of the cell.
func (t *Table) Row(cells ...string) {
	clean := make([]string, len(cells))
	for i, c := range cells {
		clean[i] = t.style.clean(c)
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
