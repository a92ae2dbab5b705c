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

// Blame explains every cell of a deployment at a reference. The row is followed by
// its id, so that a rename does not end its history. A merge is blamed for what it
// settled itself, and not for what it brought in.
func (r *Repo) Blame(ctx context.Context, ref, deployment string) ([]BlameCell, error) {
	commit, err := r.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	s, err := r.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	id, err := s.idOf(commit, deployment)
	if err != nil {
		return nil, err
	}
	if id == "" {
		return nil, fmt.Errorf("there is no deployment %s at %s; mainstay status lists those there are", deployment, ref)
	}
	h, err := r.historyOf(ctx, commit)
	if err != nil {
		return nil, err
	}
	b := &blame{session: s, id: id, rows: map[string]specs.Row{}}
	return b.explain(h, commit)
}

// idOf asks for the name first, then for the id itself: each is a look into an
// index, and both in one question are a look at every row.
func (s *session) idOf(commit, deployment string) (string, error) {
	for _, column := range []string{"name", "id"} {
		id, err := s.value("SELECT id FROM deployments AS OF ? WHERE "+column+" = ?", commit, deployment)
		if err != nil {
			return "", readError(specs.TableDeployments, commit, err)
		}
		if id != "" {
			return id, nil
		}
	}
	return "", nil
}

type blame struct {
	*session
	id   string
	rows map[string]specs.Row // by commit: the deployment's cells and settings
}

// explain finds for each cell the newest commit that wrote what stands there now.
func (b *blame) explain(h *history, commit string) ([]BlameCell, error) {
	now, err := b.row(commit)
	if err != nil {
		return nil, err
	}
	open := map[string]bool{}
	for column := range now {
		open[column] = true
	}
	var cells []BlameCell
	for _, place := range slices.Backward(h.Touched[b.id]) {
		if len(open) == 0 {
			break
		}
		written, err := b.written(h.Commits[place], now, open)
		if err != nil {
			return nil, err
		}
		if len(written) == 0 {
			continue
		}
		by, err := b.commit(h.Commits[place].Hash)
		if err != nil {
			return nil, err
		}
		for _, column := range written {
			delete(open, column)
			cells = append(cells, BlameCell{
				Column: column, Value: now[column], Commit: by.Hash, Author: by.Author, Email: by.Email, Date: by.Date, Message: by.Message,
			})
		}
	}
	return sorted(cells), nil
}

// written lists the open columns to which a commit gave the value of now: those that
// no parent of it had.
func (b *blame) written(c historyCommit, now specs.Row, open map[string]bool) ([]string, error) {
	row, err := b.row(c.Hash)
	if err != nil {
		return nil, err
	}
	var parents []specs.Row
	for _, parent := range c.Parents {
		p, err := b.row(parent)
		if err != nil {
			return nil, err
		}
		parents = append(parents, p)
	}
	var columns []string
	for column := range open {
		value, there := row[column]
		if !there || value != now[column] {
			continue
		}
		had := slices.ContainsFunc(parents, func(p specs.Row) bool {
			v, ok := p[column]
			return ok && v == value
		})
		if !had {
			columns = append(columns, column)
		}
	}
	return columns, nil
}

// row reads a deployment's cells and settings at a commit; nil where it is not.
func (b *blame) row(commit string) (specs.Row, error) {
	if row, ok := b.rows[commit]; ok {
		return row, nil
	}
	var row specs.Row
	err := b.each(func(columns []string, values []any) error {
		row = rowOf(columns, values)
		return nil
	}, "SELECT * FROM deployments AS OF ? WHERE id = ?", commit, b.id)
	if err == nil && row != nil {
		err = b.each(func(_ []string, values []any) error {
			row[specs.TableSettings+"."+text(values[0])] = textOf(values[1])
			return nil
		}, "SELECT name, value FROM settings AS OF ? WHERE deployment = ?", commit, b.id)
	}
	if err != nil && !isNoTable(err) { // before the schema was made
		return nil, readError(specs.TableDeployments, commit, err)
	}
	b.rows[commit] = row
	return row, nil
}

// sorted gives the cells in the order of the table's columns, settings last.
func sorted(cells []BlameCell) []BlameCell {
	order := specs.DeploymentColumns()
	place := func(c BlameCell) int {
		if i := slices.Index(order, c.Column); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(cells, func(x, y BlameCell) int {
		if d := place(x) - place(y); d != 0 {
			return d
		}
		return strings.Compare(x.Column, y.Column)
	})
	return cells
}
