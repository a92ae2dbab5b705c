package manifest

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/mainstaydb/mainstay/specs"
)

// settingsKey is the one key of a deployment that is no column.
const settingsKey = specs.TableSettings

func (p *parser) deployment(root *yaml.Node, pairs []pair) *Deployment {
	d := &Deployment{Row: p.row(root, pairs, deploymentColumns, settingsKey)}
	if root.Kind == yaml.MappingNode {
		p.required(root, pairs, deploymentColumns)
	}
	for _, pair := range pairs {
		if pair.name() == settingsKey {
			d.Settings = p.keyed(pair.value, "settings", open, nil)
		}
	}
	return d
}

func (p *parser) fleet(pairs []pair) *Fleet {
	f := &Fleet{}
	for _, pair := range pairs {
		switch pair.name() {
		case specs.TableLimits:
			f.Limits = p.keyed(pair.value, "limits", whole, names(limitColumns))
		case specs.TableVersions:
			f.Versions = p.list(pair.value, specs.TableVersions)
		case specs.TableReviewers:
			f.Reviewers = p.list(pair.value, specs.TableReviewers)
		default:
			p.unknown(pair.key, []string{specs.TableLimits, specs.TableVersions, specs.TableReviewers}, nil)
		}
	}
	return f
}

// keyed reads rows of a name and a value that are written as a mapping. known
// are the names there are; nil: package specs judges them.
func (p *parser) keyed(n *yaml.Node, what string, k kind, known []string) []Row {
	rows := []Row{}
	for _, pair := range p.mapping(n, what) {
		if known != nil && !slices.Contains(known, pair.name()) {
			p.unknown(pair.key, known, nil)
			continue
		}
		if k == open && pair.value.Kind == yaml.MappingNode {
			p.fail(pair.value, "a setting is one value", "write the whole name with its dots, such as "+pair.name()+".…: value")
			continue
		}
		if v, ok := p.value(k, pair.value); ok {
			name := Value{pair.name(), pair.key.Line, pair.key.Column}
			rows = append(rows, Row{name.Line, name.Column, map[string]Value{"name": name, "value": v}})
		}
	}
	return rows
}

// list reads rows that are written as a list of mappings.
func (p *parser) list(n *yaml.Node, table string) []Row {
	rows := []Row{}
	if n.Kind != yaml.SequenceNode || n.Anchor != "" {
		p.fail(n, table+" is not a list", "write each row as an item that begins with a hyphen, or [] for none")
		return rows
	}
	first := map[string]int{}
	for _, item := range n.Content {
		pairs := p.mapping(item, "an item of "+table)
		row := p.row(item, pairs, columnsOf(table))
		if item.Kind == yaml.MappingNode {
			p.required(item, pairs, columnsOf(table))
		}
		key := row.key(table)
		if at := first[key]; at != 0 {
			p.fail(item, "this row is here twice: "+strings.Trim(key, "/"), "delete one of the two")
			continue
		}
		first[key] = item.Line
		rows = append(rows, row)
	}
	return rows
}

// key is the row's primary key, with the defaults of columns that were left out.
func (r Row) key(table string) string {
	var values []string
	for _, name := range keyColumns[table] {
		c, _ := find(columnsOf(table), name)
		value := c.initial
		if v, ok := r.Values[name]; ok {
			value = v.Text
		}
		values = append(values, value)
	}
	return specs.KeyOf(values...)
}
