package repo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
)

// An Edit is a change to one row of a branch that programs write.
type Edit struct {
	Table  string
	Row    specs.Row // the whole row; for a deletion its key columns
	Delete bool
}

// Publish is PublishTo the branch status.
func (r *Repo) Publish(ctx context.Context, base string, edits []Edit, message string) (string, error) {
	return r.PublishTo(ctx, StatusBranch, base, edits, message)
}

// PublishTo commits the edits on top of base on a branch of the hub and pushes.
// It returns the new commit, or base when the edits change nothing. ErrLost: the
// hub's branch is no longer at base, and nothing was changed anywhere. After any
// other error it is not known whether the push arrived: fetch and look.
func (r *Repo) PublishTo(ctx context.Context, branch, base string, edits []Edit, message string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	commit := base
	err := r.scratch(ctx, base, func(s *session, scratch string) error {
		// One transaction: by itself each statement would write the working set.
		if err := s.exec("SET @@autocommit = 0"); err != nil {
			return fmt.Errorf("no transaction can begin: %w", err)
		}
		for _, batch := range batches(edits) {
			statement, args := batch.statement()
			if err := s.exec(statement, args...); err != nil {
				return fmt.Errorf("the rows of %s cannot be written: %w", batch.table, err)
			}
		}
		made, err := r.commit(s, message)
		if err != nil || made == "" {
			return err
		}
		if err := r.push(s, scratch, branch); err != nil {
			return err
		}
		commit = made
		return nil
	})
	if err != nil {
		return "", err
	}
	return commit, nil
}

// batchRows bounds one statement: parsing costs more than linearly in its length,
// and from some hundred rows on nothing is gained.
const batchRows = 200

// A batch is edits that one statement carries out: the same table, columns and kind.
type batch struct {
	table   string
	columns []string
	delete  bool
	rows    []specs.Row
}

// batches puts neighbouring edits of one kind together and keeps their order.
func batches(edits []Edit) []*batch {
	var all []*batch
	for _, e := range edits {
		columns := slices.Sorted(maps.Keys(e.Row))
		var last *batch
		if len(all) > 0 {
			last = all[len(all)-1]
		}
		if last == nil || last.table != e.Table || last.delete != e.Delete || len(last.rows) == batchRows || !slices.Equal(last.columns, columns) {
			last = &batch{table: e.Table, columns: columns, delete: e.Delete}
			all = append(all, last)
		}
		last.rows = append(last.rows, e.Row)
	}
	return all
}

func (b *batch) statement() (string, []any) {
	var args []any
	for _, row := range b.rows {
		for _, column := range b.columns {
			args = append(args, row[column])
		}
	}
	names := make([]string, len(b.columns))
	for i, column := range b.columns {
		names[i] = "`" + column + "`"
	}
	list := strings.Join(names, ", ")
	one := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(names)), ", ") + ")"
	many := strings.TrimSuffix(strings.Repeat(one+", ", len(b.rows)), ", ")
	if b.delete {
		return "DELETE FROM `" + b.table + "` WHERE (" + list + ") IN (" + many + ")", args
	}
	return "REPLACE INTO `" + b.table + "` (" + list + ") VALUES " + many, args
}
