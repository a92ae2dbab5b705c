package markdown

import (
	"fmt"
	"html"
	"strings"
)

// A Section is a table with a title.
type Section struct {
	Title   string
	Columns []string
	Rows    [][]HTML
}

// Fit puts a page together that is at most so many bytes long: the top, the sections
// that have rows, the bottom. Each section may use its share of what there is, and
// what one leaves over goes to the others, the first before the last. URL is where
// the rest can be read; empty: nowhere.
func Fit(limit int, top string, sections []Section, bottom, url string) string {
	var tables []*table
	room := limit - len(top) - len(bottom)
	for _, s := range sections {
		if len(s.Rows) == 0 {
			continue
		}
		t := newTable(s, url)
		tables = append(tables, t)
		room -= t.frame()
	}
	for i, t := range tables {
		room -= t.take(max(0, room) / (len(tables) - i))
	}
	for _, t := range tables {
		room -= t.take(room)
	}
	var b strings.Builder
	b.WriteString(top)
	for _, t := range tables {
		t.write(&b)
	}
	b.WriteString(bottom)
	return b.String()
}

// A table is a section with as many rows as there is room for.
type table struct {
	head, tail, url string
	rows            []string
	taken           int
}

func newTable(s Section, url string) *table {
	t := &table{tail: "</table>\n\n", url: url}
	t.head = fmt.Sprintf("**%s** (%d)\n\n<table>\n<tr>", html.EscapeString(s.Title), len(s.Rows))
	for _, c := range s.Columns {
		t.head += "<th>" + html.EscapeString(c) + "</th>"
	}
	t.head += "</tr>\n"
	for _, row := range s.Rows {
		line := "<tr>"
		for _, cell := range row {
			line += "<td>" + string(cell) + "</td>"
		}
		t.rows = append(t.rows, line+"</tr>\n")
	}
	return t
}

// frame is what the table takes without its rows, and with the line about those that
// are left out.
func (t *table) frame() int { return len(t.head) + len(t.tail) + len(t.more(len(t.rows))) }

func (t *table) take(room int) (used int) {
	for t.taken < len(t.rows) && used+len(t.rows[t.taken]) <= room {
		used += len(t.rows[t.taken])
		t.taken++
	}
	return used
}

func (t *table) write(b *strings.Builder) {
	b.WriteString(t.head)
	for _, row := range t.rows[:t.taken] {
		b.WriteString(row)
	}
	b.WriteString(t.tail)
	if left := len(t.rows) - t.taken; left > 0 {
		b.WriteString(t.more(left))
	}
}

func (t *table) more(n int) string {
	if t.url == "" {
		return fmt.Sprintf("… and %d more.\n\n", n)
	}
	return fmt.Sprintf("… and %d more: %s.\n\n", n, Link("all of it", t.url))
}
