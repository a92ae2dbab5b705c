package repo

import (
	"fmt"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/specs"
)

// A Side says which value a conflict is settled with.
type Side string

// The sides: the branch merged into, and the branch that is merged.
const (
	Ours   Side = "ours"
	Theirs Side = "theirs"
)

// A Writer is who gave a cell its value.
type Writer struct {
	Commit, Author, Email string
	Date                  time.Time
}

// A Conflict is one cell that both sides changed, each in its own way.
type Conflict struct {
	Table, Key string // Key as people know it: the deployment's name
	// Column is empty where one side deleted the row and the other changed it. The
	// values are then the cells that were changed, and nil on the side that deleted.
	Column             string
	Base, Ours, Theirs any     // nil or text
	OursBy, TheirsBy   *Writer // nil: not known
}

// A Violation is a rule of the schema that the merged rows break, though the
// rows of each side may keep it.
type Violation struct {
	Table, Kind, Message string
	// Rows are all that take part, by name and key: both rows of a broken UNIQUE.
	Rows []string
}

// A ConflictError says that two branches cannot be put together by themselves.
type ConflictError struct {
	What       string   // such as "merging add-orders into main"
	Reasons    []string // one line for each row
	Conflicts  []Conflict
	Violations []Violation
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s is not possible without a decision, and nothing was changed: %s; "+
		"make the branch agree with what it goes into, and try again", e.What, strings.Join(e.Reasons, "; "))
}

func conflictError(what string, clashes []*clash, conflicts []Conflict, violations []Violation) *ConflictError {
	e := &ConflictError{What: what, Conflicts: conflicts, Violations: violations}
	for _, c := range clashes {
		e.Reasons = append(e.Reasons, c.line())
	}
	for _, v := range violations {
		e.Reasons = append(e.Reasons, fmt.Sprintf("%s %s: %s", v.Table, strings.Join(v.Rows, " and "), v.Message))
	}
	return e
}

// A clash is one row that a merge could not put together.
type clash struct {
	table, id          string // id is the engine's for the conflict
	keys               []string
	base, ours, theirs specs.Row // nil: not there
	name               string    // key as people know it
	// both are the cells that both sides changed, from is ours; take are the columns
	// that only theirs changed.
	both []specs.CellChange
	take []string
}

// clashes reads all conflicts of the merge that the session is in.
func (s *session) clashes() ([]*clash, error) {
	tables, err := s.column("SELECT `table` FROM dolt_conflicts")
	if err != nil {
		return nil, fmt.Errorf("the conflicts cannot be listed: %w", err)
	}
	var all []*clash
	for _, table := range tables {
		keys, err := s.keysOf(table)
		if err != nil {
			return nil, err
		}
		rows, err := s.rows("SELECT * FROM " + quoted("dolt_conflicts_"+table))
		if err != nil {
			return nil, fmt.Errorf("the conflicts of %s cannot be listed: %w", table, err)
		}
		for _, row := range rows {
			all = append(all, clashOf(table, keys, row))
		}
	}
	return all, nil
}

// keysOf gives the primary key of any table; none for a table without.
func (s *session) keysOf(table string) ([]string, error) {
	if keys := keyColumns[table]; keys != nil {
		return keys, nil
	}
	return s.columnsWith(table, "PRI")
}

// columnsWith lists the columns of a table that are in a kind of key, as SHOW
// COLUMNS says it.
func (s *session) columnsWith(table, kind string) ([]string, error) {
	all, err := s.rows("SHOW COLUMNS FROM " + quoted(table))
	if err != nil {
		return nil, fmt.Errorf("the columns of %s cannot be read: %w", table, err)
	}
	var columns []string
	for _, column := range all {
		if column["Key"] == kind {
			columns = append(columns, text(column["Field"]))
		}
	}
	return columns, nil
}

func clashOf(table string, keys []string, row specs.Row) *clash {
	c := &clash{table: table, keys: keys, id: fmt.Sprint(row["dolt_conflict_id"])}
	c.base, c.ours, c.theirs = part(row, "base_", keys), part(row, "our_", keys), part(row, "their_", keys)
	c.name = specs.PeopleKey(specs.RowChange{Table: table, Key: c.key(), From: c.base, To: c.some()}, nil)
	if c.ours == nil || c.theirs == nil {
		return c
	}
	for _, cell := range specs.Cells(specs.RowChange{Table: table, From: c.ours, To: c.theirs}, nil) {
		switch base := c.base[cell.Column]; {
		case c.base != nil && cell.From == base:
			c.take = append(c.take, cell.Column)
		case c.base == nil || cell.To != base:
			c.both = append(c.both, cell)
		}
	}
	return c
}

// part takes one side's row out of a row of dolt_conflicts.
func part(row specs.Row, prefix string, keys []string) specs.Row {
	side := specs.Row{}
	for column, value := range row {
		if name, ok := strings.CutPrefix(column, prefix); ok && name != "diff_type" {
			side[name] = value
		}
	}
	for _, key := range keys {
		if side[key] == nil {
			return nil
		}
	}
	return side
}

// some is a row that is there: ours, if it is.
func (c *clash) some() specs.Row {
	for _, row := range []specs.Row{c.ours, c.theirs} {
		if row != nil {
			return row
		}
	}
	return c.base
}

func (c *clash) key() string { return keyIn(c.keys, c.some()) }

func keyIn(keys []string, row specs.Row) string {
	var parts []string
	for _, key := range keys {
		parts = append(parts, fmt.Sprint(row[key]))
	}
	return specs.KeyOf(parts...)
}

// changed lists the cells that the side which kept the row changed.
func (c *clash) changed() []specs.CellChange {
	return specs.Cells(specs.RowChange{Table: c.table, From: c.base, To: c.some()}, nil)
}

// conflicts are the clash for callers.
func (c *clash) conflicts() []Conflict {
	var all []Conflict
	for _, cell := range c.both {
		all = append(all, Conflict{Table: c.table, Key: c.name, Column: cell.Column, Base: c.base[cell.Column], Ours: cell.From, Theirs: cell.To})
	}
	if len(all) > 0 {
		return all
	}
	before, after := []string{}, []string{}
	for _, cell := range c.changed() {
		before = append(before, fmt.Sprintf("%s=%v", cell.Column, orNone(cell.From)))
		after = append(after, fmt.Sprintf("%s=%v", cell.Column, orNone(cell.To)))
	}
	one := Conflict{Table: c.table, Key: c.name, Base: strings.Join(before, ", ")}
	if c.ours != nil {
		one.Ours = strings.Join(after, ", ")
	}
	if c.theirs != nil {
		one.Theirs = strings.Join(after, ", ")
	}
	return []Conflict{one}
}

// line describes the clash for people.
func (c *clash) line() string {
	var differ []string
	for _, cell := range c.both {
		differ = append(differ, fmt.Sprintf("%s is %v here and %v there", cell.Column, orNone(cell.From), orNone(cell.To)))
	}
	switch {
	case len(differ) > 0:
	case c.ours == nil:
		differ = []string{"was deleted here and changed there"}
	case c.theirs == nil:
		differ = []string{"was changed here and deleted there"}
	}
	return fmt.Sprintf("%s %s: %s", c.table, c.name, strings.Join(differ, ", "))
}

// describe makes the conflicts for callers, with who wrote what.
func (s *session) describe(m merging, clashes []*clash) ([]Conflict, error) {
	nameOf := s.namesAt(m.theirs, m.ours)
	base, err := s.value("SELECT dolt_merge_base(?, ?)", m.ours, m.theirs)
	if err != nil {
		return nil, fmt.Errorf("%s: where the branches part cannot be found: %w", m.what, err)
	}
	for _, c := range clashes {
		c.name = specs.PeopleKey(specs.RowChange{Table: c.table, Key: c.key(), From: c.base, To: c.some()}, nameOf)
	}
	oursBy, err := s.writers(base, m.ours, Ours, clashes)
	if err != nil {
		return nil, err
	}
	theirsBy := map[cellID]*Writer{}
	if m.history {
		if theirsBy, err = s.writers(base, m.theirs, Theirs, clashes); err != nil {
			return nil, err
		}
	}
	var all []Conflict
	for _, c := range clashes {
		for _, conflict := range c.conflicts() {
			id := cellID{c.table, c.key(), conflict.Column}
			conflict.OursBy, conflict.TheirsBy = oursBy[id], theirsBy[id]
			all = append(all, conflict)
		}
	}
	return all, nil
}

func orNone(v any) any {
	if v == nil {
		return "nothing"
	}
	return v
}

// quoted is a name as SQL writes it.
func quoted(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
