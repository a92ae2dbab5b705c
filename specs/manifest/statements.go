package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
)

// Statements gives SQL that makes the changes, in an order in which every
// reference holds and no name is taken twice: one statement for many new rows,
// one for each row that changes, and in it the cells that do.
func Statements(changes []specs.RowChange) string {
	w := &writer{}
	w.insert(changes, specs.TableVersions)
	w.update(changes, specs.TableVersions)
	w.remove(changes, specs.TableSettings)
	w.remove(changes, specs.TableDeployments)
	w.makeRoom(changes)
	w.update(changes, specs.TableDeployments)
	w.insert(changes, specs.TableDeployments)
	w.update(changes, specs.TableSettings)
	w.insert(changes, specs.TableSettings)
	w.remove(changes, specs.TableVersions)
	for _, table := range []string{specs.TableLimits, specs.TableReviewers} {
		w.remove(changes, table)
		w.update(changes, table)
		w.insert(changes, table)
	}
	return w.b.String()
}

// keys are the primary keys of all tables that files can say.
func keys(table string) []string {
	switch table {
	case specs.TableDeployments:
		return []string{"id"}
	case specs.TableSettings:
		return []string{"deployment", "name"}
	}
	return keyColumns[table]
}

// A writer writes statements.
type writer struct{ b strings.Builder }

func of(changes []specs.RowChange, table string) []specs.RowChange {
	var some []specs.RowChange
	for _, c := range changes {
		if c.Table == table {
			some = append(some, c)
		}
	}
	return some
}

// many bounds one statement: parsing costs more than linearly in its length.
const many = 200

func (w *writer) insert(changes []specs.RowChange, table string) {
	var rows []specs.Row
	for _, c := range of(changes, table) {
		if c.From == nil {
			rows = append(rows, c.To)
		}
	}
	for some := range slices.Chunk(rows, many) {
		columns := slices.Sorted(maps.Keys(some[0]))
		lists := make([]string, len(some))
		for i, row := range some {
			values := make([]string, len(columns))
			for j, column := range columns {
				values[j] = literal(row[column])
			}
			lists[i] = "(" + strings.Join(values, ", ") + ")"
		}
		fmt.Fprintf(&w.b, "INSERT INTO `%s` (`%s`) VALUES\n  %s;\n", table, strings.Join(columns, "`, `"), strings.Join(lists, ",\n  "))
	}
}

func (w *writer) update(changes []specs.RowChange, table string) {
	for _, c := range of(changes, table) {
		if c.From == nil || c.To == nil {
			continue
		}
		var cells []string
		for _, column := range slices.Sorted(maps.Keys(c.To)) {
			if c.From[column] != c.To[column] {
				cells = append(cells, "`"+column+"` = "+literal(c.To[column]))
			}
		}
		fmt.Fprintf(&w.b, "UPDATE `%s` SET %s WHERE %s;\n", table, strings.Join(cells, ", "), where(table, c.From))
	}
}

func (w *writer) remove(changes []specs.RowChange, table string) {
	for _, c := range of(changes, table) {
		if c.To == nil {
			fmt.Fprintf(&w.b, "DELETE FROM `%s` WHERE %s;\n", table, where(table, c.From))
		}
	}
}

// makeRoom gives deployments that leave a name which another one takes a name of
// nobody first: two may swap names in one commit.
func (w *writer) makeRoom(changes []specs.RowChange) {
	var renames []specs.RowChange
	taken := map[any]bool{}
	for _, c := range of(changes, specs.TableDeployments) {
		if c.From != nil && c.To != nil && c.From["name"] != c.To["name"] {
			renames = append(renames, c)
			taken[c.To["name"]] = true
		}
	}
	for _, c := range renames {
		if taken[c.From["name"]] {
			fmt.Fprintf(&w.b, "UPDATE `%s` SET `name` = %s WHERE %s;\n", c.Table, literal("renaming-"+c.Key), where(c.Table, c.From))
		}
	}
}

func where(table string, row specs.Row) string {
	var parts []string
	for _, column := range keys(table) {
		parts = append(parts, "`"+column+"` = "+literal(row[column]))
	}
	return strings.Join(parts, " AND ")
}

// escapes are what a string literal must not hold as it is.
var escapes = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\x00", `\0`, "\n", `\n`, "\r", `\r`, "\x1a", `\Z`)

func literal(v any) string {
	if v == nil {
		return "NULL"
	}
	return "'" + escapes.Replace(textOf(v)) + "'"
}
