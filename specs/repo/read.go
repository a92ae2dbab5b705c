package repo

import (
	"context"
	"fmt"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
)

// Snapshot loads the desired state at a commit whole. A row that cannot be read
// is in the snapshot as a fault, which specs.Validate tells of.
func (r *Repo) Snapshot(ctx context.Context, commit string) (*specs.Snapshot, error) {
	s, err := r.at(ctx, commit)
	if err != nil {
		return nil, err
	}
	defer s.close()
	snapshot := specs.NewSnapshot()
	l := loader{to: snapshot, shared: words{}}
	for _, table := range specs.Tables() {
		l.table = table
		if err := s.each(l.row, "SELECT * FROM `"+table+"`"); err != nil && !notYet(table, err) {
			return nil, readError(table, commit, err)
		}
	}
	return snapshot, nil
}

// notYet says whether a table is missing because the commit is older than the
// migration that made it. A control plane that was upgraded begins at such a commit.
func notYet(table string, err error) bool { return table == specs.TableReviewers && isNoTable(err) }

func readError(table, commit string, err error) error {
	if strings.Contains(err.Error(), "table not found") {
		return fmt.Errorf("the commit %s has no table %s; run mainstay init on an empty hub, or mainstay init --migrate on one of an earlier release: %w: %w", commit, table, ErrNotInitialised, err)
	}
	return fmt.Errorf("the table %s at %s cannot be read: %w", table, commit, err)
}

// A loader puts rows into a snapshot. Deployments go in typed, without a map for
// every row, and words that repeat are kept once: a fleet of 100,000 has a
// handful of zones, sizes and versions.
type loader struct {
	to     *specs.Snapshot
	table  string
	shared words
	index  map[string]int // of the columns of deployments
}

func (l *loader) row(columns []string, values []any) error {
	if l.table != specs.TableDeployments {
		row := rowOf(columns, values)
		l.to.Load(l.table, keyOf(l.table, row), row)
		return nil
	}
	if l.index == nil {
		l.index = make(map[string]int, len(columns))
		for i, column := range columns {
			l.index[column] = i
		}
	}
	d, findings := specs.DecodeDeployment(func(column string) (any, bool) {
		i, ok := l.index[column]
		if !ok {
			return nil, false
		}
		return l.share(column, values[i]), true
	})
	if len(findings) > 0 {
		row := rowOf(columns, values)
		l.to.Load(l.table, keyOf(l.table, row), row)
		return nil
	}
	l.to.PutDeployment(d)
	return nil
}

func (l *loader) share(column string, value any) any {
	if text, ok := value.(string); ok && (column == "id" || column == "name") {
		return strings.Clone(text)
	}
	return l.shared.own(value)
}

// Changes lists the rows of the desired state that differ between two commits,
// ordered by table and key. Its cost follows what differs.
func (r *Repo) Changes(ctx context.Context, from, to string) ([]specs.RowChange, error) {
	if from == to {
		return nil, nil
	}
	s, err := r.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	return s.changes(from, to)
}

func (s *session) changes(from, to string) ([]specs.RowChange, error) {
	tables, err := s.changedTables(from, to)
	if err != nil {
		return nil, err
	}
	var changes []specs.RowChange
	for _, table := range tables {
		err := s.each(func(columns []string, values []any) error {
			changes = append(changes, changeOf(table, columns, values))
			return nil
		}, "SELECT * FROM dolt_diff(?, ?, ?)", from, to, table)
		if err != nil {
			return nil, fmt.Errorf("the changes of %s between %s and %s cannot be read: %w", table, from, to, err)
		}
	}
	others, err := s.otherChanges(from, to)
	if err != nil {
		return nil, err
	}
	changes = append(changes, others...)
	specs.SortChanges(changes)
	return changes, nil
}

// otherChanges are those that no row of the fleet's tables shows: tables that are
// made, altered or dropped, and rows of tables of the team's own.
func (s *session) otherChanges(from, to string) ([]specs.RowChange, error) {
	var changes []specs.RowChange
	err := s.each(func(_ []string, values []any) error {
		fromName, toName, data, schema := text(values[0]), text(values[1]), text(values[2]), text(values[3])
		name := toName
		if name == "" {
			name = fromName
		}
		if truth(schema) {
			changes = append(changes, specs.TableChange(name, fromName, toName))
		} else if truth(data) && keyColumns[name] == nil {
			changes = append(changes, specs.ContentChange(name))
		}
		return nil
	}, "SELECT from_table_name, to_table_name, data_change, schema_change FROM dolt_diff_summary(?, ?)", from, to)
	if err != nil {
		return nil, fmt.Errorf("the commits %s and %s cannot be compared; fetch first: %w", from, to, err)
	}
	return changes, nil
}

func truth(s string) bool { return s == "1" || s == "true" }

// changedTables asks first which tables differ at all: most commits touch one.
func (s *session) changedTables(from, to string) ([]string, error) {
	var tables []string
	err := s.each(func(_ []string, values []any) error {
		for _, v := range values { // the names before and after; one is empty for a new or dropped table
			if name, _ := v.(string); keyColumns[name] != nil {
				tables = append(tables, name)
				break
			}
		}
		return nil
	}, "SELECT to_table_name, from_table_name FROM dolt_diff_summary(?, ?)", from, to)
	if err != nil {
		return nil, fmt.Errorf("the commits %s and %s cannot be compared; fetch first: %w", from, to, err)
	}
	return tables, nil
}

// changeOf reads a row of dolt_diff: to_x, from_x for every column x, and what kind.
func changeOf(table string, columns []string, values []any) specs.RowChange {
	from, to, kind := specs.Row{}, specs.Row{}, ""
	for i, column := range columns {
		if column == "diff_type" {
			kind, _ = values[i].(string)
			continue
		}
		side, name := to, strings.TrimPrefix(column, "to_")
		if rest, ok := strings.CutPrefix(column, "from_"); ok {
			side, name = from, rest
		}
		if name != "commit" && name != "commit_date" {
			side[name] = textOf(values[i])
		}
	}
	switch kind {
	case "added":
		return specs.RowChange{Table: table, Key: keyOf(table, to), To: to}
	case "removed":
		return specs.RowChange{Table: table, Key: keyOf(table, from), From: from}
	}
	return specs.RowChange{Table: table, Key: keyOf(table, to), From: from, To: to}
}

// Tables reads whole tables of a branch that programs write, at a commit.
func (r *Repo) Tables(ctx context.Context, commit string, names ...string) (map[string][]specs.Row, error) {
	tables := make(map[string][]specs.Row, len(names))
	err := r.EachRow(ctx, commit, names, func(table string, row specs.Row) error {
		tables[table] = append(tables[table], row)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return tables, nil
}

// EachRow is Tables row by row, one table after the other, for tables that as rows would
// take many times what is kept of them. An error of do ends it and is returned.
func (r *Repo) EachRow(ctx context.Context, commit string, names []string, do func(table string, row specs.Row) error) error {
	s, err := r.at(ctx, commit)
	if err != nil {
		return err
	}
	defer s.close()
	shared := words{}
	for _, name := range names {
		var told error
		err := s.each(func(columns []string, values []any) error {
			row := rowOf(columns, values)
			for column, value := range row {
				row[column] = shared.own(value)
			}
			told = do(name, row)
			return told
		}, "SELECT * FROM `"+strings.ReplaceAll(name, "`", "``")+"`")
		switch {
		case told != nil:
			return told
		case err != nil:
			return readError(name, commit, err)
		}
	}
	return nil
}
