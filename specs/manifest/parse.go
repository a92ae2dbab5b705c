package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/mainstaydb/mainstay/specs"
)

// FleetFile is the name of the file that says what belongs to the whole fleet.
const FleetFile = "fleet.yaml"

// Parse reads one file. With faults the file holds what could be read, and is
// nil where nothing could.
func Parse(file string, data []byte) (*File, []Fault) {
	p := &parser{file: file}
	root := p.document(data)
	if root == nil {
		return nil, p.faults
	}
	f := &File{Name: file}
	pairs := p.mapping(root, "the file")
	if isFleet(file, pairs) {
		f.Fleet = p.fleet(pairs)
	} else {
		f.Deployment = p.deployment(root, pairs)
	}
	SortFaults(p.faults)
	return f, p.faults
}

// isFleet tells the two kinds of file apart by what they say, and by name where
// they do not: a deployment may be called fleet.
func isFleet(file string, pairs []pair) bool {
	known := false
	for _, p := range pairs {
		switch p.name() {
		case "id", "name":
			return false
		case specs.TableLimits, specs.TableVersions, specs.TableReviewers:
			known = true
		}
	}
	return known || path.Base(strings.ReplaceAll(file, `\`, "/")) == FleetFile
}

// A parser collects the faults of one file.
type parser struct {
	file   string
	faults []Fault
}

func (p *parser) fail(n *yaml.Node, message, advice string) {
	p.faults = append(p.faults, Fault{p.file, max(n.Line, 1), max(n.Column, 1), message, advice})
}

// document reads the one document of a file, down to its top node.
func (p *parser) document(data []byte) *yaml.Node {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	switch err := d.Decode(&first); {
	case errors.Is(err, io.EOF):
		p.fail(&first, "the file is empty", "write a deployment, beginning with its name, or delete the file")
		return nil
	case err != nil:
		p.syntax(err)
		return nil
	}
	switch err := d.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		p.syntax(err)
		return nil
	default:
		p.fail(&second, "the file holds a second document", "move it into a file of its own")
		return nil
	}
	if len(first.Content) != 1 {
		p.fail(&first, "the file is empty", "write a deployment, beginning with its name, or delete the file")
		return nil
	}
	return first.Content[0]
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?`)

// syntax takes the line out of what the YAML reader says; it knows no column.
func (p *parser) syntax(err error) {
	message, line := err.Error(), 1
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		message = message[len(m[0]):]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
	}
	p.fail(&yaml.Node{Line: line}, "this is not YAML: "+message, "look at this line and the one before: indentation, quotes, colons")
}

// A pair is one key of a mapping with what it holds.
type pair struct{ key, value *yaml.Node }

func (p pair) name() string { return p.key.Value }

// mapping gives the pairs of a mapping, without repeated keys.
func (p *parser) mapping(n *yaml.Node, what string) []pair {
	if n.Kind != yaml.MappingNode || n.Anchor != "" {
		p.fail(n, what+" is not a mapping of keys to values", "write one key: value on each line, or {} for none")
		return nil
	}
	var pairs []pair
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || key.Anchor != "" || key.ShortTag() == "!!merge":
			p.fail(key, "a key is a plain word; anchors and merges are not read here", "write the keys themselves")
		case lines[key.Value] != 0:
			p.fail(key, fmt.Sprintf("%s is here twice, and first on line %d", key.Value, lines[key.Value]), "delete one of the two")
		default:
			lines[key.Value] = key.Line
			pairs = append(pairs, pair{key, n.Content[i+1]})
		}
	}
	return pairs
}

// row reads the columns of one row. Keys that extra has are left to the caller.
func (p *parser) row(at *yaml.Node, pairs []pair, columns []column, extra ...string) Row {
	r := Row{Line: at.Line, Column: at.Column, Values: map[string]Value{}}
	for _, pair := range pairs {
		c, ok := find(columns, pair.name())
		if !ok {
			p.unknown(pair.key, append(names(columns), extra...), extra)
			continue
		}
		if v, ok := p.value(c.kind, pair.value); ok {
			r.Values[c.name] = v
		}
	}
	return r
}

// required tells of columns that a row cannot do without.
func (p *parser) required(at *yaml.Node, pairs []pair, columns []column) {
	for _, c := range columns {
		if c.required && !has(pairs, c.name) {
			p.fail(at, "the "+c.name+" is missing", "write "+c.name+": …")
		}
	}
}

func has(pairs []pair, name string) bool {
	return slices.ContainsFunc(pairs, func(p pair) bool { return p.name() == name })
}

func (p *parser) value(k kind, n *yaml.Node) (Value, bool) {
	value, message, advice := k.read(n)
	if message != "" {
		p.fail(n, message, advice)
		return Value{}, false
	}
	return Value{value, n.Line, n.Column}, true
}

func (p *parser) unknown(key *yaml.Node, known, fine []string) {
	if slices.Contains(fine, key.Value) {
		return
	}
	advice := "the keys are " + strings.Join(known, ", ")
	if near := specs.Nearest(key.Value, known); near != "" {
		advice = "did you mean " + near + "?"
	}
	p.fail(key, fmt.Sprintf("there is no key %q", key.Value), advice)
}
