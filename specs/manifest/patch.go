package manifest

import (
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// patched changes the text of a file where the tree differs and leaves every
// other byte alone. ok is false for what it does not dare, such as values of
// several lines; whoever calls it reads the outcome again and looks.
func patched(existing []byte, root *yaml.Node, want tree) (data []byte, ok bool) {
	p := newPatch(string(existing))
	p.mapping(root, want, root.Line-1, len(p.starts), false)
	if p.unsure {
		return nil, false
	}
	if len(p.edits) == 0 {
		return existing, true
	}
	return []byte(p.apply()), true
}

// A patch is edits of a text. Lines are counted from 0 here.
type patch struct {
	source  string
	newline string
	starts  []int // byte at which each line begins
	edits   []edit
	unsure  bool
}

// An edit puts text in place of source[from:to].
type edit struct {
	from, to int
	text     string
}

func newPatch(source string) *patch {
	p := &patch{source: source, newline: "\n"}
	if strings.Contains(source, "\r\n") {
		p.newline = "\r\n"
	}
	if !strings.HasSuffix(source, "\n") {
		p.source += p.newline
	}
	for at := 0; at < len(p.source); {
		p.starts = append(p.starts, at)
		at += strings.IndexByte(p.source[at:], '\n') + 1
	}
	return p
}

func (p *patch) apply() string {
	sort.SliceStable(p.edits, func(i, j int) bool { return p.edits[i].from < p.edits[j].from })
	var b strings.Builder
	at := 0
	for _, e := range p.edits {
		if e.from > at { // otherwise it stands in what was taken out
			b.WriteString(p.source[at:e.from])
		}
		b.WriteString(e.text)
		at = max(at, e.to)
	}
	b.WriteString(p.source[at:])
	return b.String()
}

func (p *patch) replace(from, to int, text string) { p.edits = append(p.edits, edit{from, to, text}) }

// lineAt is the byte at which a line begins, or the end of the text.
func (p *patch) lineAt(line int) int {
	if line >= len(p.starts) {
		return len(p.source)
	}
	return p.starts[line]
}

func (p *patch) line(n int) string { return strings.TrimSpace(p.source[p.lineAt(n):p.lineAt(n+1)]) }

// offset is the byte at which a node begins. Columns count characters.
func (p *patch) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(p.starts) {
		p.unsure = true
		return 0
	}
	at := p.starts[n.Line-1]
	for range n.Column - 1 {
		if at >= len(p.source) || p.source[at] == '\n' {
			p.unsure = true
			return 0
		}
		_, size := utf8.DecodeRuneInString(p.source[at:])
		at += size
	}
	return at
}

// span is a scalar of one line in the text, with its quotes.
func (p *patch) span(n *yaml.Node) (from, to int) {
	from = p.offset(n)
	rest := p.source[from:]
	length := -1
	switch {
	case n.Kind != yaml.ScalarNode || n.Anchor != "":
	case n.Style == yaml.DoubleQuotedStyle:
		length = quotedLength(rest, '"')
	case n.Style == yaml.SingleQuotedStyle:
		length = quotedLength(rest, '\'')
	case n.Style == 0 && n.Value != "" && strings.HasPrefix(rest, n.Value):
		length = len(n.Value)
	}
	if length < 0 {
		p.unsure = true
		return from, from
	}
	return from, from + length
}

// quotedLength finds the closing quote on the same line; -1: there is none.
func quotedLength(s string, quote byte) int {
	for i := 1; i < len(s) && s[i] != '\n'; i++ {
		switch {
		case s[i] == '\\' && quote == '"':
			i++
		case s[i] == quote && quote == '\'' && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote && i > 0 && s[0] == quote:
			return i + 1
		}
	}
	return -1
}

// scalar puts another value in the place of one that differs. One that stood in
// quotes stays in quotes.
func (p *patch) scalar(n *yaml.Node, want tree) {
	if value, message, _ := want.kind.read(n); message == "" && value == want.text {
		return
	}
	written := want.kind.write(want.text)
	if n.Style&quoted != 0 && (want.kind == text || want.kind == open) {
		written = strconv.Quote(want.text)
	}
	from, to := p.span(n)
	p.replace(from, to, written)
}
