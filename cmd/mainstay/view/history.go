package view

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/specs"
)

// A LogEntry is one commit in what log -o json prints.
type LogEntry struct {
	Commit  string             `json:"commit"`
	Author  string             `json:"author"`
	Date    time.Time          `json:"date"`
	Message string             `json:"message"`
	Changes []specs.CellChange `json:"changes"`
}

// A BlameCell says who gave one column of a deployment its present value.
type BlameCell struct {
	Column  string    `json:"column"`
	Value   any       `json:"value"`
	Commit  string    `json:"commit"`
	Author  string    `json:"author"`
	Date    time.Time `json:"date"`
	Message string    `json:"message"`
}

// WriteLog prints commits, newest first, each with the cells it changed.
func WriteLog(w io.Writer, style render.Style, entries []LogEntry) error {
	var b strings.Builder
	for i, e := range entries {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s  %s  %s\n", style.Bold(Short(e.Commit)), e.Date.Local().Format(time.DateTime), render.Visible(e.Author))
		fmt.Fprintf(&b, "    %s\n", render.Visible(firstLine(e.Message)))
		for _, line := range ChangeLines(style, e.Changes) {
			fmt.Fprintf(&b, "      %s\n", line)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteBlame prints one line for each column.
func WriteBlame(w io.Writer, style render.Style, cells []BlameCell) error {
	t := render.NewTable(style, style.Dim("COLUMN"), style.Dim("VALUE"), style.Dim("COMMIT"), style.Dim("DATE"), style.Dim("AUTHOR"), style.Dim("MESSAGE"))
	for _, c := range cells {
		t.Row(c.Column, value(c.Value), Short(c.Commit), c.Date.Local().Format(time.DateTime), c.Author, firstLine(c.Message))
	}
	return t.Write(w)
}

// ChangeLines tell cell changes to people: one line for each row that came or
// went, one for each cell of those that stayed.
func ChangeLines(style render.Style, changes []specs.CellChange) []string {
	var lines []string
	for i := 0; i < len(changes); {
		n := i
		for n < len(changes) && changes[n].Table == changes[i].Table && changes[n].Key == changes[i].Key {
			n++
		}
		lines = append(lines, rowLines(style, changes[i:n])...)
		i = n
	}
	return lines
}

func rowLines(style render.Style, cells []specs.CellChange) []string {
	row := render.Visible(cells[0].Table + " " + cells[0].Key)
	if came, went := allNil(cells, true), allNil(cells, false); came || went {
		var parts []string
		for _, c := range cells {
			v := c.To
			if went {
				v = c.From
			}
			if told(c, v) {
				parts = append(parts, c.Column+"="+value(v))
			}
		}
		if went {
			return []string{style.Bad("- "+row) + "  " + strings.Join(parts, " ")}
		}
		return []string{style.Good("+ "+row) + "  " + strings.Join(parts, " ")}
	}
	lines := make([]string, 0, len(cells))
	for _, c := range cells {
		lines = append(lines, fmt.Sprintf("%s.%s: %s -> %s", style.Busy("~ "+row), c.Column, value(c.From), value(c.To)))
	}
	return lines
}

// told says whether a cell of a whole row tells something that its key, or the
// lack of a value, does not.
func told(c specs.CellChange, v any) bool {
	switch {
	case v == "" || v == nil:
		return false
	case c.Table == specs.TableDeployments:
		return c.Column != "name"
	case c.Table == specs.TableSettings:
		return c.Column == "value"
	}
	return true
}

// allNil says whether every old value, or every new one, is missing: then the
// row as a whole came or went, as no row of ours has a key that is NULL.
func allNil(cells []specs.CellChange, from bool) bool {
	for _, c := range cells {
		if from && c.From != nil || !from && c.To != nil {
			return false
		}
	}
	return true
}

func value(v any) string {
	if v == nil {
		return "NULL"
	}
	s := render.Visible(fmt.Sprint(v))
	if s == "" {
		return "''"
	}
	return s
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
