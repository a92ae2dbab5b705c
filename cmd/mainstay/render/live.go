package render

import (
	"io"
	"strings"
)

// Live redraws a few lines in place on a terminal. The zero value of what was
// drawn is nothing; Draw may be called as often as something changes.
type Live struct {
	out   io.Writer
	lines int
	last  string
}

// NewLive draws on a terminal; where there is none, use plain lines instead.
func NewLive(out io.Writer) *Live { return &Live{out: out} }

// Draw replaces what was drawn before. Lines are cut to the terminal's width, as
// a wrapped line would break the count of lines to go back.
func (l *Live) Draw(text string) error {
	w, h := Size(l.out)
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) > h-1 {
		lines = lines[:h-1]
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(cut(line, w) + "\x1b[K\n")
	}
	drawn := b.String()
	if drawn == l.last {
		return nil
	}
	back := ""
	if l.lines > 0 {
		back = strings.Repeat("\x1b[A", l.lines)
	}
	l.lines, l.last = len(lines), drawn
	_, err := io.WriteString(l.out, back+drawn+"\x1b[J")
	return err
}

// cut shortens a line to n characters and closes a colour that it cuts off.
func cut(s string, n int) string {
	if width(s) <= n {
		return s
	}
	var b strings.Builder
	shown, coloured := 0, false
	for i := 0; i < len(s); {
		if strings.HasPrefix(s[i:], "\x1b[") {
			if end := strings.IndexByte(s[i:], 'm'); end >= 0 {
				b.WriteString(s[i : i+end+1])
				coloured = true
				i += end + 1
				continue
			}
		}
		if shown == n-1 {
			break
		}
		r := []rune(s[i:min(i+4, len(s))])[0]
		b.WriteRune(r)
		shown++
		i += len(string(r))
	}
	b.WriteString("…")
	if coloured {
		b.WriteString("\x1b[0m")
	}
	return b.String()
}
