package render

import (
	"fmt"
	"io"
	"strings"
)

// Grid prints the result of a query as MySQL's client does, which people know:
// a nil value is NULL, and the count of rows follows.
func Grid(w io.Writer, columns []string, rows [][]any) error {
	widths := make([]int, len(columns))
	for i, c := range columns {
		widths[i] = width(Visible(c))
	}
	for _, row := range rows {
		for i, v := range row {
			widths[i] = max(widths[i], width(cell(v)))
		}
	}
	var b strings.Builder
	rule := gridRule(widths)
	b.WriteString(rule)
	gridLine(&b, widths, columns)
	b.WriteString(rule)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = cell(v)
		}
		gridLine(&b, widths, cells)
	}
	if len(rows) > 0 {
		b.WriteString(rule)
	}
	fmt.Fprintf(&b, "%s\n", Count(len(rows), "row"))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// Records turns a result into what -o json prints: one object a row.
func Records(columns []string, rows [][]any) []map[string]any {
	records := make([]map[string]any, 0, len(rows))
	for _, row := range rows {
		r := make(map[string]any, len(columns))
		for i, c := range columns {
			r[c] = row[i]
		}
		records = append(records, r)
	}
	return records
}

// Count says how many of a thing there are: "1 row", "2 rows".
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func cell(v any) string {
	if v == nil {
		return "NULL"
	}
	return Visible(fmt.Sprint(v))
}

func gridRule(widths []int) string {
	var b strings.Builder
	for _, n := range widths {
		b.WriteString("+" + strings.Repeat("-", n+2))
	}
	return b.String() + "+\n"
}

func gridLine(b *strings.Builder, widths []int, cells []string) {
	for i, c := range cells {
		fmt.Fprintf(b, "| %s%s ", c, strings.Repeat(" ", widths[i]-width(c)))
	}
	b.WriteString("|\n")
}
