package manifest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mainstaydb/mainstay/specs"
)

// Options say how files become rows.
type Options struct {
	// Prune deletes the rows that no file names. It goes by what the files are
	// about: deployments when there is a deployment's file, and the settings of one
	// or a list of the fleet when a file has that list.
	Prune bool
	// Gone has Prune go by deployments also where no file of one is left.
	Gone bool
	// NewID gives the id of a deployment that is not there yet, by its name.
	NewID func(name string) string
}

// Merged is what has to change that the rows are as the files say.
type Merged struct {
	Changes []specs.RowChange // ordered by table and key
	Unnamed map[string]int    // rows that stay although no file names them, by table

	places map[string]Place
}

// Merge compares rows with files. A deployment is the row with its id, else the
// one with its name, else a new one. What a file leaves out stays as it is, and
// is the schema's default in a new row. With faults there is nothing to do.
func Merge(base Tables, files []*File, o Options) (*Merged, []Fault) {
	m := &merger{
		Merged: &Merged{Unnamed: map[string]int{}, places: map[string]Place{}},
		base:   base, options: o, claimed: map[string]*File{},
		byID: map[string]specs.Row{}, byName: map[string]specs.Row{}, settings: map[string]map[string]string{},
	}
	m.index()
	m.deployments(files)
	for _, table := range []string{specs.TableLimits, specs.TableVersions, specs.TableReviewers} {
		m.list(table, files)
	}
	specs.SortChanges(m.Changes)
	SortFaults(m.faults)
	return m.Merged, m.faults
}

// Place finds where a file says what a finding is about: the column, or the row
// where the file does not have that column.
func (m *Merged) Place(f specs.Finding) (Place, bool) {
	p, ok := m.places[placeKey(f.Table, f.Key, f.Column)]
	if !ok {
		p, ok = m.places[placeKey(f.Table, f.Key, "")]
	}
	return p, ok
}

func placeKey(table, key, column string) string { return table + "\x00" + key + "\x00" + column }

// A merger works out a Merged.
type merger struct {
	*Merged
	base     Tables
	options  Options
	faults   []Fault
	claimed  map[string]*File // the file of each deployment, by id
	byID     map[string]specs.Row
	byName   map[string]specs.Row
	settings map[string]map[string]string // by deployment and name
}

func (m *merger) index() {
	for _, row := range m.base[specs.TableDeployments] {
		m.byID[textOf(row["id"])] = row
		m.byName[textOf(row["name"])] = row
	}
	for _, row := range m.base[specs.TableSettings] {
		id := textOf(row["deployment"])
		if m.settings[id] == nil {
			m.settings[id] = map[string]string{}
		}
		m.settings[id][textOf(row["name"])] = textOf(row["value"])
	}
}

func (m *merger) fail(file string, line, column int, message, advice string) {
	m.faults = append(m.faults, Fault{file, line, column, message, advice})
}

func (m *merger) change(table, key string, from, to specs.Row) {
	if from == nil || to == nil || !maps.Equal(from, to) {
		m.Changes = append(m.Changes, specs.RowChange{Table: table, Key: key, From: from, To: to})
	}
}

// note remembers where a row and its columns stand.
func (m *merger) note(file, table, key string, r Row) {
	m.places[placeKey(table, key, "")] = Place{file, r.Line, r.Column}
	for column, v := range r.Values {
		m.places[placeKey(table, key, column)] = Place{file, v.Line, v.Column}
	}
}

// unnamed deletes a row that no file names, or counts it.
func (m *merger) unnamed(table, key string, row specs.Row) {
	if m.options.Prune {
		m.change(table, key, row, nil)
		return
	}
	m.Unnamed[table]++
}

// written puts what a file says over a row.
func written(row specs.Row, r Row) specs.Row {
	to := maps.Clone(row)
	for column, v := range r.Values {
		to[column] = v.Text
	}
	return to
}

// list merges the rows of a table of the whole fleet.
func (m *merger) list(table string, files []*File) {
	base := map[string]specs.Row{}
	for _, row := range m.base[table] {
		base[keyOf(table, row)] = row
	}
	named := map[string]*File{}
	said := false
	for _, f := range files {
		if f.Fleet == nil || f.Fleet.lists()[table] == nil {
			continue
		}
		said = true
		for _, row := range f.Fleet.lists()[table] {
			m.listed(table, f, row, base, named)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(base)) {
		if named[key] == nil && said {
			m.unnamed(table, key, base[key])
		}
	}
}

func (m *merger) listed(table string, f *File, row Row, base map[string]specs.Row, named map[string]*File) {
	key := row.key(table)
	if other := named[key]; other != nil {
		m.fail(f.Name, row.Line, row.Column, fmt.Sprintf("the row %s of %s is in %s too", key, table, other.Name), "delete one of the two")
		return
	}
	named[key] = f
	m.note(f.Name, table, key, row)
	from := base[key]
	if from == nil {
		m.change(table, key, nil, written(initials(columnsOf(table)), row))
		return
	}
	m.change(table, key, from, written(from, row))
}
