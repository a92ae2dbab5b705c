package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"unicode/utf8"

	"github.com/mainstaydb/mainstay/specs"
)

// Encode gives a deployment as a file. Of a file that is there it keeps comments,
// order and formatting, and changes the values that differ; columns that it left
// out are added. A new file has the columns in their order, and the settings by
// name.
func Encode(d *specs.Deployment, existing []byte) ([]byte, error) {
	row := rowOf(d)
	doc := tree{}
	for _, c := range deploymentColumns {
		value, _ := row[c.name].(string)
		doc.put(c.name, tree{text: value, kind: c.kind})
	}
	settings := tree{shape: mapping}
	for _, name := range slices.Sorted(maps.Keys(d.Settings)) {
		settings.put(name, tree{text: d.Settings[name], kind: open})
	}
	doc.put(settingsKey, settings)
	data, err := doc.encode(existing)
	if err != nil {
		return nil, fmt.Errorf("the deployment %s cannot be written as YAML: %w", d.Name, err)
	}
	return data, nil
}

// EncodeFleet gives the rows that belong to no deployment as fleet.yaml, with the
// same care for a file that is there.
func EncodeFleet(tables Tables, existing []byte) ([]byte, error) {
	doc := tree{}
	limits := tree{shape: mapping}
	for _, row := range sorted(tables, specs.TableLimits) {
		limits.put(textOf(row["name"]), tree{text: textOf(row["value"]), kind: whole})
	}
	doc.put(specs.TableLimits, limits)
	for _, table := range []string{specs.TableVersions, specs.TableReviewers} {
		list := tree{shape: sequence, key: keyColumns[table]}
		for _, row := range sorted(tables, table) {
			item := tree{}
			for _, c := range columnsOf(table) {
				item.put(c.name, tree{text: textOf(row[c.name]), kind: c.kind})
			}
			list.items = append(list.items, item)
		}
		doc.put(table, list)
	}
	data, err := doc.encode(existing)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be written: %w", FleetFile, err)
	}
	return data, nil
}

// sorted orders rows by key; releases by age.
func sorted(tables Tables, table string) []specs.Row {
	rows := slices.Clone(tables[table])
	sort.SliceStable(rows, func(i, j int) bool {
		if table == specs.TableVersions {
			if order := specs.CompareVersions(textOf(rows[i]["version"]), textOf(rows[j]["version"])); order != 0 {
				return order < 0
			}
		}
		return keyOf(table, rows[i]) < keyOf(table, rows[j])
	})
	return rows
}

func textOf(v any) string {
	s, _ := v.(string)
	return s
}

// keyOf is the primary key of a row of the repository.
func keyOf(table string, row specs.Row) string {
	var values []string
	for _, name := range keyColumns[table] {
		values = append(values, textOf(row[name]))
	}
	return specs.KeyOf(values...)
}

// A shape is what a tree is in YAML.
type shape int

const (
	unset shape = iota // a scalar, unless something was put into it
	mapping
	sequence
)

// A tree is what a file should say.
type tree struct {
	shape shape
	text  string // of a scalar
	kind  kind
	names []string // of a mapping, in the order of a new file
	under map[string]tree
	items []tree   // of a sequence
	key   []string // the columns by which items are known
}

func (t *tree) put(name string, value tree) {
	if t.under == nil {
		t.shape, t.under = mapping, map[string]tree{}
	}
	t.names = append(t.names, name)
	t.under[name] = value
}

// empty says whether a mapping or sequence holds nothing.
func (t tree) empty() bool { return len(t.names) == 0 && len(t.items) == 0 }

// flat gives every scalar by its path, and marks mappings and sequences: two
// trees that are flattened alike say the same rows.
func (t tree) flat(path string, into map[string]string) map[string]string {
	switch t.shape {
	case unset:
		into[path] = t.text
		return into
	case mapping:
		into[path+"\x00"] = "{}"
		for name, value := range t.under {
			value.flat(path+"\x00"+name, into)
		}
	case sequence:
		into[path+"\x00"] = "[]"
		for _, item := range t.items {
			item.flat(path+"\x00"+item.known(t.key), into)
		}
	}
	return into
}

// known is what an item of a sequence is known by.
func (t tree) known(key []string) string {
	var values []string
	for _, name := range key {
		values = append(values, t.under[name].text)
	}
	return specs.KeyOf(values...)
}

var errInvalid = errors.New("a value is not UTF-8; mend the row, or store such bytes elsewhere")

// encode tries the ways of keeping a file, best first, and takes the first whose
// outcome says what it should.
func (t tree) encode(existing []byte) ([]byte, error) {
	want := t.flat("", map[string]string{})
	for name, value := range want {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, errInvalid
		}
	}
	if blank(existing) {
		return append(bytes.Clone(existing), t.fresh()...), nil
	}
	if _, faults := Parse("", existing); len(faults) > 0 {
		return nil, faults[0] // what is not understood cannot be kept
	}
	root := new(parser).document(existing)
	for _, way := range []func() ([]byte, bool){
		func() ([]byte, bool) { return patched(existing, root, t) },
		func() ([]byte, bool) { return reworked(root, t) },
	} {
		if data, ok := way(); ok && maps.Equal(said(data), want) {
			return data, nil
		}
	}
	return t.fresh(), nil
}

// blank says whether a file holds nothing but comments.
func blank(data []byte) bool {
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return len(data) == 0 || bytes.HasSuffix(data, []byte("\n"))
}

// said flattens what a file says; nil: it has faults.
func said(data []byte) map[string]string {
	f, faults := Parse("", data)
	if f == nil || len(faults) > 0 {
		return nil
	}
	if f.Deployment != nil {
		doc := treeOf(f.Deployment.Row)
		if f.Deployment.Settings != nil {
			doc.put(settingsKey, keyedTree(f.Deployment.Settings))
		}
		return doc.flat("", map[string]string{})
	}
	doc := tree{shape: mapping}
	for table, rows := range f.Fleet.lists() {
		if rows == nil {
			continue
		}
		list := keyedTree(rows)
		if table != specs.TableLimits {
			list = tree{shape: sequence, key: keyColumns[table]}
			for _, row := range rows {
				list.items = append(list.items, treeOf(row))
			}
		}
		doc.put(table, list)
	}
	return doc.flat("", map[string]string{})
}

func treeOf(row Row) tree {
	t := tree{shape: mapping}
	for name, value := range row.Values {
		t.put(name, tree{text: value.Text})
	}
	return t
}

func keyedTree(rows []Row) tree {
	t := tree{shape: mapping}
	for _, row := range rows {
		t.put(row.text("name"), tree{text: row.text("value")})
	}
	return t
}
