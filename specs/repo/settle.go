package repo

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// settle writes the merged row of every clash: what one side alone changed, and
// the named side's value where both did. The engine left our rows in the tables.
// It returns what the settled rows break.
func (s *session) settle(m merging, clashes []*clash) ([]Violation, error) {
	// References are checked at the end, so that the order of the rows is nothing
	// to think of.
	if err := s.exec("SET @@foreign_key_checks = 0"); err != nil {
		return nil, fmt.Errorf("the rows cannot be written: %w", err)
	}
	for _, c := range clashes {
		if err := s.settleRow(c, m.resolve); err != nil {
			if containsAny(err, "duplicate", "Check constraint") {
				v, err := s.refused(c, m.resolve, err)
				return []Violation{v}, err
			}
			return nil, fmt.Errorf("the row %s of %s cannot be written: %w", c.name, c.table, err)
		}
	}
	for _, c := range clashes {
		if err := s.settleFamily(m, c); err != nil {
			return nil, fmt.Errorf("the settings of %s cannot be written: %w", c.name, err)
		}
	}
	if err := s.exec("SET @@foreign_key_checks = 1"); err != nil {
		return nil, fmt.Errorf("the rows cannot be checked: %w", err)
	}
	return s.verify()
}

func (s *session) settleRow(c *clash, side Side) error {
	if len(c.keys) == 0 {
		return errors.New("the table has no primary key, so that nobody can say which row is which; make the branches agree by hand")
	}
	where, args := c.where()
	theirs := "FROM " + quoted("dolt_conflicts_"+c.table) + " WHERE dolt_conflict_id = ?"
	take := c.taken(side)
	var err error
	switch {
	case c.ours != nil && c.theirs != nil && len(take) > 0:
		// Copied by the engine: no value goes through text.
		var sets []string
		var ids []any
		for _, column := range take {
			sets = append(sets, quoted(column)+" = (SELECT "+quoted("their_"+column)+" "+theirs+")")
			ids = append(ids, c.id)
		}
		err = s.exec("UPDATE "+quoted(c.table)+" SET "+strings.Join(sets, ", ")+where, append(ids, args...)...)
	case c.ours == nil && side == Theirs:
		var names, values []string
		for column := range c.theirs {
			names, values = append(names, quoted(column)), append(values, quoted("their_"+column))
		}
		err = s.exec("INSERT INTO "+quoted(c.table)+" ("+strings.Join(names, ", ")+") SELECT "+strings.Join(values, ", ")+" "+theirs, c.id)
	case c.theirs == nil && side == Theirs:
		err = s.exec("DELETE FROM "+quoted(c.table)+where, args...)
	}
	if err != nil {
		return err
	}
	return s.exec("DELETE FROM "+quoted("dolt_conflicts_"+c.table)+" WHERE dolt_conflict_id = ?", c.id)
}

func (c *clash) where() (string, []any) {
	var tests []string
	var args []any
	for _, key := range c.keys {
		tests, args = append(tests, quoted(key)+" = ?"), append(args, c.some()[key])
	}
	return " WHERE " + strings.Join(tests, " AND "), args
}

// taken lists the columns whose value comes from theirs.
func (c *clash) taken(side Side) []string {
	take := slices.Clone(c.take)
	if side == Theirs {
		for _, cell := range c.both {
			take = append(take, cell.Column)
		}
	}
	return take
}

// refused explains why the settled row does not go into its table. Where it wants
// a value that another row has, both are named.
func (s *session) refused(c *clash, side Side, why error) (Violation, error) {
	row := maps.Clone(c.some())
	for _, column := range c.taken(side) {
		row[column] = c.theirs[column]
	}
	v := Violation{Table: c.table, Kind: "settled row", Message: why.Error(), Rows: []string{rowName(c.table, c.keys, row, s.nameHere)}}
	unique, err := s.uniqueColumns(c.table)
	if err != nil {
		return v, err
	}
	for _, column := range unique {
		same, err := s.rows("SELECT * FROM "+quoted(c.table)+" WHERE "+quoted(column)+" = ?", row[column])
		if err != nil {
			return v, fmt.Errorf("the rows of %s with the same %s cannot be read: %w", c.table, column, err)
		}
		var others []string
		for _, other := range same {
			if keyIn(c.keys, other) != c.key() {
				others = append(others, rowName(c.table, c.keys, other, s.nameHere))
			}
		}
		if len(others) > 0 {
			v.Kind, v.Rows = uniqueIndex, append(v.Rows, others...)
			v.Message = fmt.Sprintf("%s is %v in all of them, and must be another in each; change or delete one", column, orNone(row[column]))
			break
		}
	}
	slices.Sort(v.Rows)
	return v, nil
}

// uniqueIndex is the engine's word for the kind of a violation.
const uniqueIndex = "unique index"

// uniqueColumns are those of which one value may be in one row alone.
func (s *session) uniqueColumns(table string) ([]string, error) {
	return s.columnsWith(table, "UNI")
}

// verify has what changed against our side checked again, because what the merge
// noted was of rows that are other ones now.
func (s *session) verify() ([]Violation, error) {
	tables, err := s.column("SELECT `table` FROM dolt_constraint_violations")
	if err != nil {
		return nil, fmt.Errorf("the merged rows cannot be checked: %w", err)
	}
	for _, table := range slices.Compact(tables) {
		if err := s.exec("DELETE FROM " + quoted("dolt_constraint_violations_"+table)); err != nil {
			return nil, fmt.Errorf("the merged rows of %s cannot be checked: %w", table, err)
		}
	}
	// Its own answer says no more than the tables do.
	checked := s.call("dolt_verify_constraints")
	if checked != nil && !containsAny(checked, "constraint") {
		return nil, fmt.Errorf("the merged rows cannot be checked: %w", checked)
	}
	return s.violations()
}
