package repo

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
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
			if containsAny(err, "duplicate", "Check constraint", "check constraint") {
				return []Violation{{Table: c.table, Kind: "settled row", Message: err.Error(), Rows: []string{c.named()}}}, nil
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
	take := c.take
	if side == Theirs {
		for _, cell := range c.both {
			take = append(take, cell.Column)
		}
	}
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

func (c *clash) named() string { return rowName(c.table, c.keys, c.some(), nil) }

// settleFamily keeps a deployment and its settings together where one side
// deleted the deployment and the other changed something of it: the side that is
// taken gives all of it. Its settings were not in conflict, and went by themselves.
func (s *session) settleFamily(m merging, c *clash) error {
	id := ""
	switch c.table {
	case specs.TableDeployments:
		id, _ = c.some()["id"].(string)
	case specs.TableSettings:
		id, _ = c.some()["deployment"].(string)
	}
	if id == "" || c.ours != nil && c.theirs != nil {
		return nil
	}
	taken, other := m.ours, m.theirs
	if m.resolve == Theirs {
		taken, other = m.theirs, m.ours
	}
	there, err := s.hasDeployment(id, taken)
	if err != nil {
		return err
	}
	if also, err := s.hasDeployment(id, other); err != nil || also == there {
		return err // a setting alone
	}
	statements := []string{"DELETE FROM settings WHERE deployment = ?"}
	if there {
		statements = append(statements, "INSERT INTO settings SELECT * FROM settings AS OF '"+taken+"' WHERE deployment = ?")
		if here, err := s.value("SELECT id FROM deployments WHERE id = ?", id); err != nil {
			return err
		} else if here == "" {
			statements = append(statements, "INSERT INTO deployments SELECT * FROM deployments AS OF '"+taken+"' WHERE id = ?")
		}
	}
	for _, statement := range statements {
		if err := s.exec(statement, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) hasDeployment(id, commit string) (bool, error) {
	found, err := s.value("SELECT id FROM deployments AS OF ? WHERE id = ?", commit, id)
	return found != "", err
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
