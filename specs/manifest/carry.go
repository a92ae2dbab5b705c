package manifest

import (
	"maps"
	"slices"

	"github.com/mainstaydb/mainstay/specs"
)

// A Carried is what a change of files does to rows that may be others by now.
type Carried struct {
	*Merged   // Changes are of the rows as they are; Place finds in the new files
	Conflicts []Conflict
}

// A Conflict is a cell that the files change and that was changed otherwise in the
// rows. Column is empty where a side deleted the row; that side's value is nil.
type Conflict struct {
	Table, Key string // Key as people know it: the deployment's name
	Column     string
	// Base is what the old files say, Ours what the rows have, Theirs what the new
	// files say.
	Base, Ours, Theirs any
}

// Carry brings a change from old files to new ones to rows: three-way, cell by cell.
// Rows and cells that the change leaves alone stay as they are, also where they are
// not as the old files say. It is enough to give the files that differ, and the rows
// that any of them names; of a list of the fleet, all rows.
func Carry(ours Tables, old, files []*File, newID func(name string) string) (*Carried, []Fault) {
	options := Options{Prune: true, Gone: true, NewID: func(name string) string {
		for _, row := range ours[specs.TableDeployments] {
			if textOf(row["name"]) == name {
				return textOf(row["id"]) // somebody added the same
			}
		}
		return newID(name)
	}}
	drift, faults := Merge(ours, old, options)
	if len(faults) > 0 {
		return nil, faults
	}
	delta, faults := Merge(changed(ours, drift.Changes), files, options)
	if len(faults) > 0 {
		return nil, faults
	}
	c := &Carried{Merged: delta}
	names := namesIn(ours, delta.Changes)
	there := byKey(ours)
	var changes []specs.RowChange
	for _, d := range delta.Changes {
		conflicts := len(c.Conflicts)
		row := there[d.Table][d.Key]
		to := c.carry(d, row, func(id string) string { return names[id] })
		if len(c.Conflicts) == conflicts && !(row == nil && to == nil) && !(row != nil && to != nil && maps.Equal(row, to)) {
			changes = append(changes, specs.RowChange{Table: d.Table, Key: d.Key, From: row, To: to})
		}
	}
	c.Changes = changes
	return c, nil
}

// carry gives what a row becomes, and notes what stands against it.
func (c *Carried) carry(d specs.RowChange, row specs.Row, nameOf func(string) string) specs.Row {
	key := specs.PeopleKey(d, nameOf)
	clash := func(column string, base, ours, theirs any) {
		c.Conflicts = append(c.Conflicts, Conflict{d.Table, key, column, base, ours, theirs})
	}
	switch {
	case d.To == nil:
		if row != nil {
			for _, column := range slices.Sorted(maps.Keys(row)) {
				if row[column] != d.From[column] {
					clash(column, d.From[column], row[column], nil)
				}
			}
		}
		return nil
	case row == nil:
		if d.From != nil {
			for _, cell := range specs.Cells(d, nameOf) {
				clash(cell.Column, cell.From, nil, cell.To)
			}
		}
		return d.To
	}
	to := maps.Clone(row)
	for _, column := range slices.Sorted(maps.Keys(d.To)) {
		base, theirs := d.From[column], d.To[column]
		switch {
		case d.From != nil && base == theirs, row[column] == theirs:
		case d.From != nil && row[column] == base:
			to[column] = theirs
		default:
			clash(column, base, row[column], theirs)
		}
	}
	return to
}

// changed gives tables after changes.
func changed(tables Tables, changes []specs.RowChange) Tables {
	rows := byKey(tables)
	for _, c := range changes {
		if rows[c.Table] == nil {
			rows[c.Table] = map[string]specs.Row{}
		}
		if c.To == nil {
			delete(rows[c.Table], c.Key)
		} else {
			rows[c.Table][c.Key] = c.To
		}
	}
	after := Tables{}
	for table, keyed := range rows {
		for _, key := range slices.Sorted(maps.Keys(keyed)) {
			after[table] = append(after[table], keyed[key])
		}
	}
	return after
}

func byKey(tables Tables) map[string]map[string]specs.Row {
	all := map[string]map[string]specs.Row{}
	for table, rows := range tables {
		all[table] = map[string]specs.Row{}
		for _, row := range rows {
			var key []string
			for _, column := range keys(table) {
				key = append(key, textOf(row[column]))
			}
			all[table][specs.KeyOf(key...)] = row
		}
	}
	return all
}

// namesIn are the names of deployments by id, those that are new among them.
func namesIn(tables Tables, changes []specs.RowChange) map[string]string {
	names := map[string]string{}
	for _, c := range changes {
		if c.Table == specs.TableDeployments && c.To != nil {
			names[c.Key] = textOf(c.To["name"])
		}
	}
	for _, row := range tables[specs.TableDeployments] {
		names[textOf(row["id"])] = textOf(row["name"])
	}
	return names
}
