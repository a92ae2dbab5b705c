package manifest

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// node changes one value; end is the line after the last that may be its.
func (p *patch) node(key, n *yaml.Node, want tree, end int) {
	switch {
	case want.shape == unset:
		p.scalar(n, want)
	case len(n.Content) == 0:
		p.fill(key, n, want)
	case n.Style&yaml.FlowStyle != 0:
		p.flow(n, want)
	case want.empty():
		p.clear(key, n, want, end)
	case want.shape == mapping && n.Kind == yaml.MappingNode:
		p.mapping(n, want, key.Line, end, false)
	case want.shape == sequence && n.Kind == yaml.SequenceNode:
		p.sequence(n, want, key.Line, end)
	default:
		p.unsure = true
	}
}

// fill puts a block in the place of {} or [].
func (p *patch) fill(key, n *yaml.Node, want tree) {
	if want.empty() {
		return
	}
	_, from := p.span(key)
	at := p.offset(n)
	rest, _, _ := strings.Cut(p.source[at:], "\n")
	if p.unsure || n.Line != key.Line || strings.TrimRight(rest, " \t\r") != want.none() {
		p.unsure = true
		return
	}
	indent := strings.Repeat(" ", key.Column-1) + step
	p.replace(from+1, p.lineAt(n.Line), p.newline+want.block(indent, p.newline))
}

// clear writes {} or [] in the place of a block.
func (p *patch) clear(key, n *yaml.Node, want tree, end int) {
	_, to := p.span(key)
	if p.unsure || n.Line <= key.Line || p.source[to] != ':' {
		p.unsure = true
		return
	}
	p.replace(to+1, to+1, " "+want.none())
	p.replace(p.lineAt(p.above(n.Line-1, key.Line)), p.lineAt(p.bottom(n.Line-1, end)), "")
}

// flow changes values inside { } and [ ], and dares nothing more.
func (p *patch) flow(n *yaml.Node, want tree) {
	if n.Kind != yaml.MappingNode || want.shape != mapping || len(n.Content) != 2*len(want.names) {
		p.unsure = true
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		under, ok := want.under[n.Content[i].Value]
		if !ok || under.shape != unset {
			p.unsure = true
			return
		}
		p.scalar(n.Content[i+1], under)
	}
}

// mapping changes the pairs of a block. Nothing above the line floor goes. item
// says that its first key stands behind a hyphen.
func (p *patch) mapping(n *yaml.Node, want tree, floor, end int, item bool) {
	if n.Kind != yaml.MappingNode || n.Style&yaml.FlowStyle != 0 || len(n.Content) == 0 {
		p.unsure = true
		return
	}
	ends := map[string]int{} // the line after each pair that stays
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, stop := n.Content[i], end
		if i+2 < len(n.Content) {
			stop = n.Content[i+2].Line - 1
		}
		stop = p.bottom(key.Line-1, stop)
		under, ok := want.under[key.Value]
		switch {
		case ok:
			ends[key.Value] = stop
			p.node(key, n.Content[i+1], under, stop)
		case item && i == 0:
			p.unsure = true
		default:
			p.replace(p.lineAt(p.above(key.Line-1, floor)), p.lineAt(stop), "")
		}
	}
	p.missing(n, want, ends, item)
}

// missing adds the pairs that are not there, each after the one before it in the
// order of a new file.
func (p *patch) missing(n *yaml.Node, want tree, ends map[string]int, item bool) {
	first := n.Content[0]
	indent := strings.Repeat(" ", first.Column-1)
	at := first.Line - 1
	if item {
		at = p.bottom(first.Line-1, ends[first.Value])
	}
	for _, name := range want.names {
		if end, ok := ends[name]; ok {
			at = end
			continue
		}
		p.replace(p.lineAt(at), p.lineAt(at), want.under[name].pair(name, indent, p.newline))
	}
}

// sequence changes the items of a block.
func (p *patch) sequence(n *yaml.Node, want tree, floor, end int) {
	left := slices.Clone(want.items)
	at := n.Line - 1
	for i, item := range n.Content {
		stop := end
		if i+1 < len(n.Content) {
			stop = n.Content[i+1].Line - 1
		}
		stop = p.bottom(item.Line-1, stop)
		known := itemKey(item, want)
		found := slices.IndexFunc(left, func(t tree) bool { return t.known(want.key) == known })
		if found < 0 {
			p.replace(p.lineAt(p.above(item.Line-1, floor)), p.lineAt(stop), "")
			continue
		}
		p.mapping(item, left[found], item.Line-1, stop, true)
		left = slices.Delete(left, found, found+1)
		at = stop
	}
	for _, item := range left {
		p.replace(p.lineAt(at), p.lineAt(at), item.item(strings.Repeat(" ", n.Column-1), p.newline))
	}
}

// itemKey is what an item that is there is known by.
func itemKey(item *yaml.Node, want tree) string {
	values := tree{shape: mapping}
	for i := 0; i+1 < len(item.Content); i += 2 {
		values.put(item.Content[i].Value, tree{text: item.Content[i+1].Value})
	}
	return values.known(want.key)
}

// bottom is the line after the last that belongs to what begins on line first:
// blank lines and comments before the next thing belong to that one.
func (p *patch) bottom(first, end int) int {
	for end > first+1 && (p.line(end-1) == "" || strings.HasPrefix(p.line(end-1), "#")) {
		end--
	}
	return end
}

// above is the first of the comment lines that stand right above a line.
func (p *patch) above(line, limit int) int {
	for line > limit && line > 0 && strings.HasPrefix(p.line(line-1), "#") {
		line--
	}
	return line
}
