package manifest

import "strings"

// step is how far each level is indented.
const step = "  "

// fresh writes a file from nothing.
func (t tree) fresh() []byte {
	var b strings.Builder
	for _, name := range t.names {
		if t.under[name].shape != unset && b.Len() > 0 {
			b.WriteString("\n")
		}
		b.WriteString(t.under[name].pair(name, "", "\n"))
	}
	return []byte(b.String())
}

// pair writes one key with what it holds, as lines.
func (t tree) pair(name, indent, newline string) string {
	head := indent + text.write(name) + ":"
	switch {
	case t.shape == unset:
		return head + " " + t.kind.write(t.text) + newline
	case t.empty():
		return head + " " + t.none() + newline
	}
	return head + newline + t.block(indent+step, newline)
}

// none is how a mapping or sequence of nothing is written.
func (t tree) none() string {
	if t.shape == sequence {
		return "[]"
	}
	return "{}"
}

// block writes what a mapping or sequence holds.
func (t tree) block(indent, newline string) string {
	var b strings.Builder
	for _, name := range t.names {
		b.WriteString(t.under[name].pair(name, indent, newline))
	}
	for _, item := range t.items {
		b.WriteString(item.item(indent, newline))
	}
	return b.String()
}

// item writes a mapping as an item of a sequence.
func (t tree) item(indent, newline string) string {
	return indent + "- " + strings.TrimPrefix(t.block(indent+step, newline), indent+step)
}
