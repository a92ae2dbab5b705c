package render

import (
	"bytes"
	"strings"
	"testing"
)

func TestTableAlignsColouredCells(t *testing.T) {
	t.Parallel()
	style := Style{on: true}
	table := NewTable(style, "NAME", "PHASE", "PORT")
	table.Row("a", style.Good("serving"), "1")
	table.Row("longer", "new", "22")
	var b bytes.Buffer
	if err := table.Write(&b); err != nil {
		t.Fatal(err)
	}
	want := "NAME    PHASE    PORT\na       \x1b[32mserving\x1b[0m  1\nlonger  new      22\n"
	if b.String() != want {
		t.Errorf("got\n%q, want\n%q", b.String(), want)
	}
}

func TestVisible(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain ü":             "plain ü",
		"two\nlines":          `two\nlines`,
		"\x1b[2J clears":      `\x1b[2J clears`,
		"\x1b[32mours\x1b[0m": `\x1b[32mours\x1b[0m`,
		"bell\a":              `bell\x07`,
		"\u009b2J clears":     `\x9b2J clears`,
		"\x9b2J clears":       `\x9b2J clears`,
		"abc\u202egnp.exe":    `abc\u202egnp.exe`,
	} {
		if got := Visible(in); got != want {
			t.Errorf("Visible(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestNoColourWithoutTerminal(t *testing.T) {
	t.Parallel()
	if got := NewStyle(&bytes.Buffer{}, "", "xterm").Bad("x"); got != "x" {
		t.Errorf("got %q", got)
	}
}

func TestGrid(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := Grid(&b, []string{"id", "name"}, [][]any{{"1", nil}, {"22", "ü"}}); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"+----+------+", "| id | name |", "+----+------+", "| 1  | NULL |", "| 22 | ü    |", "+----+------+", "2 rows", "",
	}, "\n")
	if b.String() != want {
		t.Errorf("got\n%s, want\n%s", b.String(), want)
	}
}

func TestLiveGoesBackOverItsLines(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	live := NewLive(&b)
	for _, text := range []string{"one\ntwo\n", "one\ntwo\n", "three\n"} {
		if err := live.Draw(text); err != nil {
			t.Fatal(err)
		}
	}
	want := "one\x1b[K\ntwo\x1b[K\n\x1b[J" + "\x1b[A\x1b[Athree\x1b[K\n\x1b[J"
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"short", 10, "short"}, {"exactly", 7, "exactly"}, {"too long", 5, "too …"},
		{"\x1b[31mred and long\x1b[0m", 5, "\x1b[31mred …\x1b[0m"}, {"üüüü", 3, "üü…"},
	} {
		if got := cut(c.in, c.n); got != c.want {
			t.Errorf("cut(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}
