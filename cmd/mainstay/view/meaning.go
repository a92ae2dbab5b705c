package view

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/specs"
)

// A Meaning says what a change of one column did to those who use a database.
type Meaning struct {
	Key      string       `json:"key"` // the deployment, or the row of another table
	Column   string       `json:"column"`
	Effect   specs.Effect `json:"effect"`
	Sentence string       `json:"sentence"`
}

// MeaningOf looks the cells up in the table of impacts. A row that came or went is
// told once.
func MeaningOf(cells []specs.CellChange) []Meaning {
	all := []Meaning{}
	for i := 0; i < len(cells); {
		n := i
		for n < len(cells) && cells[n].Table == cells[i].Table && cells[n].Key == cells[i].Key {
			n++
		}
		row := cells[i:n]
		columns := []string{""}
		if !allNil(row, true) && !allNil(row, false) {
			columns = nil
			for _, c := range row {
				columns = append(columns, c.Column)
			}
		}
		for _, column := range columns {
			if impact, ok := specs.ImpactOf(row[0].Table, column); ok {
				all = append(all, Meaning{Key: row[0].Key, Column: column, Effect: impact.Effect, Sentence: impact.Sentence})
			}
		}
		i = n
	}
	return all
}

// WriteMeaning prints what a diff meant, the same sentence once for all whom it
// concerns.
func WriteMeaning(w io.Writer, style render.Style, all []Meaning) error {
	var sentences []string
	keys := map[string][]string{}
	for _, m := range all {
		line := fmt.Sprintf("%s: %s", m.Effect, m.Sentence)
		if keys[line] == nil {
			sentences = append(sentences, line)
		}
		if !slices.Contains(keys[line], m.Key) {
			keys[line] = append(keys[line], m.Key)
		}
	}
	if len(sentences) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString("\nwhat it means:\n")
	for _, line := range sentences {
		fmt.Fprintf(&b, "  %s  %s\n", render.Visible(few(keys[line])), style.Dim(line))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// few names the first of many.
func few(keys []string) string {
	const most = 4
	if len(keys) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(keys[:most], ", "), len(keys)-most)
	}
	return strings.Join(keys, ", ")
}
