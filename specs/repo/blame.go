package repo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/specs"
)

// A BlameCell says who gave a column of a deployment its present value. A setting
// is the column settings.<name>.
type BlameCell struct {
	Column  string
	Value   any // nil or text
	Commit  string
	Author  string
	Email   string
	Date    time.Time
	Message string
}

// Blame explains every cell of a deployment at a reference. The row is followed
// by its id, so that a rename does not end its history.
func (r *Repo) Blame(ctx context.Context, ref, deployment string) ([]BlameCell, error) {
	commit, err := r.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	s, err := r.at(ctx, commit)
	if err != nil {
		return nil, err
	}
	defer s.close()
	id, err := s.value("SELECT id FROM deployments WHERE name = ? OR id = ?", deployment, deployment)
	if err != nil {
		return nil, readError(specs.TableDeployments, commit, err)
	}
	if id == "" {
		return nil, fmt.Errorf("there is no deployment %s at %s; mainstay status lists those there are", deployment, ref)
	}
	b := &blame{cells: map[string]BlameCell{}}
	for _, source := range []struct{ table, key string }{{specs.TableDeployments, "id"}, {specs.TableSettings, "deployment"}} {
		if err := b.follow(s, source.table, source.key, id); err != nil {
			return nil, err
		}
	}
	return b.sorted(), nil
}

type blame struct {
	cells map[string]BlameCell
}

// A step is what one commit did to a row.
type step struct {
	change specs.RowChange
	commit string
}

// follow replays a row's changes, oldest first. A merge that only brings in a
// value which a commit of the merged branch gave changes nothing, so the blame
// stays with that commit.
func (b *blame) follow(s *session, table, key, id string) error {
	var steps []step
	err := s.each(func(columns []string, values []any) error {
		steps = append(steps, step{changeOf(table, columns, values), commitOf(columns, values)})
		return nil
	}, "SELECT * FROM dolt_diff_"+table+" WHERE to_"+key+" = ? OR from_"+key+" = ?", id, id)
	if err != nil {
		return fmt.Errorf("the history of %s cannot be read: %w", table, err)
	}
	commits, err := s.commits()
	if err != nil {
		return err
	}
	slices.SortStableFunc(steps, func(x, y step) int { return commits[y.commit].order - commits[x.commit].order })
	for _, st := range steps {
		for _, cell := range specs.Cells(st.change, nil) {
			b.set(st, cell, commits[st.commit].entry)
		}
	}
	return nil
}

func (b *blame) set(st step, cell specs.CellChange, by LogEntry) {
	column := cell.Column
	if cell.Table == specs.TableSettings {
		if column != "value" {
			return
		}
		name, _ := st.change.To["name"].(string)
		if st.change.To == nil {
			name, _ = st.change.From["name"].(string)
		}
		column = specs.TableSettings + "." + name
	}
	if st.change.To == nil {
		delete(b.cells, column)
		return
	}
	if known, ok := b.cells[column]; ok && known.Value == cell.To {
		return
	}
	b.cells[column] = BlameCell{
		Column: column, Value: cell.To, Commit: by.Commit, Author: by.Author, Email: by.Email, Date: by.Date, Message: by.Message,
	}
}

// sorted gives the cells in the order of the table's columns, settings last.
func (b *blame) sorted() []BlameCell {
	var cells []BlameCell
	for _, column := range specs.DeploymentColumns() {
		if cell, ok := b.cells[column]; ok {
			cells = append(cells, cell)
			delete(b.cells, column)
		}
	}
	var rest []BlameCell
	for _, cell := range b.cells {
		rest = append(rest, cell)
	}
	slices.SortFunc(rest, func(x, y BlameCell) int { return strings.Compare(x.Column, y.Column) })
	return append(cells, rest...)
}

func commitOf(columns []string, values []any) string {
	for i, column := range columns {
		if column == "to_commit" {
			return fmt.Sprint(values[i])
		}
	}
	return ""
}

// ordered is a commit with its place in the history, newest 0.
type ordered struct {
	entry LogEntry
	order int
}

func (s *session) commits() (map[string]ordered, error) {
	all := map[string]ordered{}
	err := s.each(func(_ []string, values []any) error {
		date, _ := values[3].(time.Time)
		hash := fmt.Sprint(values[0])
		all[hash] = ordered{LogEntry{
			Commit: hash, Author: fmt.Sprint(values[1]), Email: fmt.Sprint(values[2]), Date: date, Message: fmt.Sprint(values[4]),
		}, len(all)}
		return nil
	}, "SELECT commit_hash, author, author_email, date, message FROM dolt_log")
	if err != nil {
		return nil, fmt.Errorf("the history cannot be read: %w", err)
	}
	return all, nil
}
