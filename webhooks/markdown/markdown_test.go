package markdown_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/mainstaydb/mainstay/webhooks/markdown"
)

func TestPlain(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"orders":        "orders",
		"größer":        "größer",
		"a\nb\tc\r":     `a\nb c\u000d`,
		"\u202eexe":     `\u202eexe`,
		"a\u200bb":      `a\u200bb`,
		"\xff":          `\xff`,
		"12345678901":   "1234567890…",
		"1234567890":    "1234567890",
		"\u2028\ufeff?": `\u2028\ufeff?`,
	}
	for in, want := range tests {
		if got := markdown.Plain(in, 10); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"thanks @bob":                        "thanks @\u200bbob",
		"fixes #3, closes GH-4":              "fixes #\u200b3, closes GH-\u200b4",
		"Co-authored-by: Bob <bob@acme.com>": "Co-authored-by: Bob <bob@acme.com>",
		"@a @b\n@c":                          "@\u200ba @\u200bb\n@\u200bc",
	}
	for in, want := range tests {
		if got := markdown.Quiet(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

// FuzzCode: whatever is put in, it stays one line inside of one element.
func FuzzCode(f *testing.F) {
	f.Add("</code><img src=x>")
	f.Add("&lt;b&gt;\x00\n\n")
	f.Fuzz(func(t *testing.T, s string) {
		got := string(markdown.Code(s))
		inside, ok := strings.CutPrefix(got, "<code>")
		inside, closed := strings.CutSuffix(inside, "</code>")
		if !ok || !closed || strings.ContainsAny(inside, "<>\"'\n\r") || !utf8.ValidString(got) {
			t.Errorf("%q becomes %q", s, got)
		}
		if i := strings.IndexFunc(inside, unicode.IsControl); i >= 0 {
			t.Errorf("%q becomes %q", s, got)
		}
	})
}

// TestFit: of any length that holds the frames, it is kept, and what is left out is
// counted.
func TestFit(t *testing.T) {
	t.Parallel()
	var sections []markdown.Section
	for i, rows := range []int{0, 1, 30, 500} {
		s := markdown.Section{Title: fmt.Sprint("t", i), Columns: []string{"a", "b"}}
		for r := range rows {
			s.Rows = append(s.Rows, []markdown.HTML{markdown.Code(fmt.Sprint("s", i)), markdown.Code(strings.Repeat("x", r%40))})
		}
		sections = append(sections, s)
	}
	whole := markdown.Fit(1<<20, "top\n", sections, "bottom\n", "")
	if strings.Contains(whole, "more.") || strings.Count(whole, "<td>") != 2*531 {
		t.Fatal("something is left out though there is room")
	}
	for limit := 600; limit < len(whole)+10; limit += 97 {
		got := markdown.Fit(limit, "top\n", sections, "bottom\n", "")
		if len(got) > limit {
			t.Fatalf("%d bytes for %d", len(got), limit)
		}
		left := 0
		for line := range strings.Lines(got) {
			var n int
			if _, err := fmt.Sscanf(line, "… and %d more.", &n); err == nil {
				left += n
			}
		}
		if rows := strings.Count(got, "<tr><td>"); rows+left != 531 || strings.Count(got, "</tr>") != rows+3 {
			t.Fatalf("limit %d: %d rows and %d left out of 531", limit, rows, left)
		}
		if limit > 2000 && !strings.Contains(got, "<code>s1</code>") {
			t.Fatalf("limit %d: a table of one row is left out", limit)
		}
	}
}
