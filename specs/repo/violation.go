package repo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dolthub/dolt/go/libraries/doltcore/merge"

	"github.com/mainstaydb/mainstay/specs"
)

// violations lists the rules that the merged rows break. The engine notes them
// while it merges; reading them costs nothing where there are none.
func (s *session) violations() ([]Violation, error) {
	tables, err := s.column("SELECT `table` FROM dolt_constraint_violations")
	if err != nil {
		return nil, fmt.Errorf("what the merged rows break cannot be listed: %w", err)
	}
	var all []Violation
	for _, table := range tables {
		found, err := s.violationsOf(table)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// violationsOf puts the rows that break a rule together into one Violation.
func (s *session) violationsOf(table string) ([]Violation, error) {
	keys, err := s.keysOf(table)
	if err != nil {
		return nil, err
	}
	type brokenRow struct {
		Violation
		row      specs.Row
		together string
	}
	var rows []brokenRow // named later: that asks the session again
	err = s.each(func(columns []string, values []any) error {
		b := brokenRow{row: rowOf(columns, values)}
		b.Table, b.Kind = table, text(b.row["violation_type"])
		b.Message, b.together = broken(values[slices.Index(columns, "violation_info")], b.row)
		rows = append(rows, b)
		return nil
	}, "SELECT * FROM "+quoted("dolt_constraint_violations_"+table))
	if err != nil {
		return nil, fmt.Errorf("what the rows of %s break cannot be listed: %w", table, err)
	}
	var all []Violation
	places := map[string]int{}
	for _, b := range rows {
		if b.together == "" { // the row breaks the rule by itself
			b.together = keyIn(keys, b.row)
		}
		together := strings.Join([]string{b.Kind, b.Message, b.together}, "\x00")
		if _, ok := places[together]; !ok {
			places[together] = len(all)
			all = append(all, b.Violation)
		}
		v := &all[places[together]]
		v.Rows = append(v.Rows, rowName(table, keys, b.row, s.nameHere))
	}
	for _, v := range all {
		slices.Sort(v.Rows)
	}
	return all, nil
}

// broken says in words what a row breaks. together tells which rows belong
// together, "" for a rule that one row breaks.
func broken(info any, row specs.Row) (message, together string) {
	switch info := info.(type) {
	case merge.UniqCVMeta:
		var same []string
		for _, column := range info.Columns {
			same = append(same, fmt.Sprintf("%s is %v", column, orNone(row[column])))
		}
		return fmt.Sprintf("%s in all of them, and %s takes a value once; change or delete one", strings.Join(same, " and "), info.Name), info.Name
	case merge.FkCVMeta:
		var values []string
		for _, column := range info.Columns {
			values = append(values, fmt.Sprintf("%s %v", column, orNone(row[column])))
		}
		return fmt.Sprintf("%s is not in %s (%s)", strings.Join(values, ", "), info.ReferencedTable, info.ForeignKey), ""
	case merge.CheckCVMeta:
		return fmt.Sprintf("the row breaks %s: %s", info.Name, info.Expression), ""
	case merge.NullViolationMeta:
		return strings.Join(info.Columns, ", ") + " must have a value", ""
	}
	return fmt.Sprint(info), ""
}

// rowName names a row so that a person finds it: two rows may share the name.
func rowName(table string, keys []string, row specs.Row, nameOf func(id string) string) string {
	key := keyIn(keys, row)
	name := specs.PeopleKey(specs.RowChange{Table: table, Key: key, To: row}, nameOf)
	if table == specs.TableDeployments && name != key {
		return fmt.Sprintf("%s (id %s)", name, key)
	}
	return name
}

// nameHere is the name of a deployment in the session's working rows.
func (s *session) nameHere(id string) string {
	if name, err := s.value("SELECT name FROM deployments WHERE id = ?", id); err == nil && name != "" {
		return name
	}
	return id
}
