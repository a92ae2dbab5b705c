package render

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzCells: whatever is in a table, it stays one line of its row, it moves nothing on
// a terminal, and where there are no colours there is no escape code. As JSON it is
// what it was, and moves nothing either.
func FuzzCells(f *testing.F) {
	for _, seed := range []string{
		"", "plain ü", "\x1b[31mred\x1b[0m", "\x1b[31m\x1b[2J\x1b[0m", "\x1b[0m", "\x1b[1m\x1b[0m\x1b[0m", "a\nb\tc\r", "\x9b2J", "\u009b2J", "\u202eabc", "\u2028", "\x7f", "\xff\xfe", "\u200d",
	} {
		f.Add(seed, "x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, style := range []Style{{}, {on: true}} {
			var out bytes.Buffer
			table := NewTable(style, "A", "B", "C")
			table.Row(a, style.Bad(b), "end")
			if err := table.Write(&out); err != nil {
				t.Fatal(err)
			}
			text := out.String()
			if style.on {
				text = colourless(text)
			}
			if strings.Count(text, "\n") != 2 || !strings.HasSuffix(text, "end\n") || !harmless(strings.ReplaceAll(text, "\n", "")) {
				t.Errorf("%q and %q give %q", a, b, out.String())
			}
		}
		var out bytes.Buffer
		if err := JSON(&out, []string{a, b}); err != nil {
			t.Fatal(err)
		}
		var back []string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || utf8.ValidString(a) && back[0] != a || utf8.ValidString(b) && back[1] != b {
			t.Errorf("%q and %q give %s: %v", a, b, out.String(), err)
		}
		if strings.ContainsFunc(out.String(), lateControl) {
			t.Errorf("%q and %q give %q", a, b, out.String())
		}
	})
}

// colourless leaves out what begins a colour and what ends it, each in its turn: a
// colour that is not ended, or is ended twice, is left in.
func colourless(s string) string {
	for _, code := range []string{"1", "2", "31", "32", "33"} {
		for {
			before, rest, found := strings.Cut(s, "\x1b["+code+"m")
			inside, after, ended := strings.Cut(rest, reset)
			if !found || !ended || strings.Contains(inside, "\x1b") {
				break
			}
			s = before + inside + after
		}
	}
	return s
}

func harmless(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, obeyed) }
