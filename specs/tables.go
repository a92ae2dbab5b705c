package specs

import "slices"

// The tables that a change of no row of the fleet's is listed under: they are not
// there, and stand for the definitions of tables and for what teams keep beside ours.
const (
	TableDefinitions = "table definitions"
	TableContents    = "other tables"
)

// TableChange is the change of a table's definition. A name is empty where there was
// or is no such table.
func TableChange(name, from, to string) RowChange {
	c := RowChange{Table: TableDefinitions, Key: name}
	switch {
	case from == "":
		c.To = Row{"definition": "made"}
	case to == "":
		c.From = Row{"definition": "dropped"}
	default:
		c.From, c.To = Row{"definition": "as it was"}, Row{"definition": "altered"}
	}
	return c
}

// ContentChange tells that rows of a table that is not the fleet's changed.
func ContentChange(name string) RowChange {
	return RowChange{Table: TableContents, Key: name, From: Row{"rows": "as they were"}, To: Row{"rows": "changed"}}
}

// Altered lists the fleet's own tables whose definition changes on top of base,
// unless a migration does it: that is what moves the version of the schema on.
func Altered(base *Snapshot, changes []RowChange) []string {
	var names []string
	for _, c := range changes {
		if c.Table == TableSchema && c.From == nil && c.To != nil {
			r := reader{table: c.Table, key: c.Key, get: c.To.get}
			if r.integer("version") == base.SchemaVersion+1 {
				return nil
			}
		}
		if c.Table == TableDefinitions && slices.Contains(Tables(), c.Key) {
			names = append(names, c.Key)
		}
	}
	return names
}

// Brings says whether a merge's change of a row is what its branch did to it: each
// cell that the merge changes has the value that the branch gave it, and a row that
// came or went did so on the branch.
func Brings(branch, merge RowChange) bool {
	if (merge.To == nil) != (branch.To == nil) || merge.From == nil && branch.From != nil {
		return false
	}
	for column, value := range merge.To {
		was, had := merge.From[column]
		if had && was == value {
			continue
		}
		if given, ok := branch.To[column]; !ok || given != value {
			return false
		}
		if branch.From != nil && branch.From[column] == value {
			return false // the branch never touched this cell
		}
	}
	return true
}
