package manifest

import (
	"bytes"
	"slices"

	"gopkg.in/yaml.v3"
)

// reworked changes the nodes of a file and writes them anew. It keeps comments
// and order, and gives the file a new indentation: for what patched does not
// dare.
func reworked(root *yaml.Node, want tree) (data []byte, ok bool) {
	if root.Kind != yaml.MappingNode {
		return nil, false
	}
	want.into(root)
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(len(step))
	if err := e.Encode(root); err != nil {
		return nil, false
	}
	return b.Bytes(), e.Close() == nil
}

// into makes a node say what the tree does.
func (t tree) into(n *yaml.Node) {
	switch {
	case t.shape == unset:
		if value, message, _ := t.kind.read(n); message != "" || value != t.text {
			*n = *t.scalarNode(n)
		}
	case t.shape == mapping && n.Kind == yaml.MappingNode:
		t.intoMapping(n)
	case t.shape == sequence && n.Kind == yaml.SequenceNode:
		t.intoSequence(n)
	default:
		*n = *t.node()
	}
}

func (t tree) intoMapping(n *yaml.Node) {
	var content []*yaml.Node
	there := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if under, ok := t.under[n.Content[i].Value]; ok {
			there[n.Content[i].Value] = true
			under.into(n.Content[i+1])
			content = append(content, n.Content[i], n.Content[i+1])
		}
	}
	for _, name := range t.names {
		if !there[name] {
			under := t.under[name]
			content = append(content, tree{text: name}.node(), under.node())
		}
	}
	n.Content = content
}

func (t tree) intoSequence(n *yaml.Node) {
	left := slices.Clone(t.items)
	var content []*yaml.Node
	for _, item := range n.Content {
		known := itemKey(item, t)
		found := slices.IndexFunc(left, func(one tree) bool { return one.known(t.key) == known })
		if found < 0 {
			continue
		}
		left[found].into(item)
		content = append(content, item)
		left = slices.Delete(left, found, found+1)
	}
	for _, item := range left {
		content = append(content, item.node())
	}
	n.Content = content
}

// node makes a tree into a new node.
func (t tree) node() *yaml.Node {
	switch t.shape {
	case mapping:
		n := &yaml.Node{Kind: yaml.MappingNode}
		t.intoMapping(n)
		return n
	case sequence:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		t.intoSequence(n)
		return n
	}
	return t.scalarNode(&yaml.Node{})
}

// scalarNode makes a scalar as write would, with the comments of the one it replaces.
func (t tree) scalarNode(old *yaml.Node) *yaml.Node {
	var doc yaml.Node
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: t.text, Style: yaml.DoubleQuotedStyle}
	if err := yaml.Unmarshal([]byte(t.kind.write(t.text)), &doc); err == nil && len(doc.Content) == 1 {
		n = doc.Content[0]
	}
	n.HeadComment, n.LineComment, n.FootComment = old.HeadComment, old.LineComment, old.FootComment
	return n
}
