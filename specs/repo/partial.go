package repo

import (
	"context"
	"fmt"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
)

// SnapshotAround loads what of the desired state at a commit these changes can see:
// the rows that they touch, deployments of the same name, and what is small. A
// change that takes away a version loads everything, because any deployment may
// name it. Otherwise the cost follows the changes.
func (r *Repo) SnapshotAround(ctx context.Context, commit string, changes []specs.RowChange) (*specs.Snapshot, error) {
	var ids, names []string
	for _, c := range changes {
		switch c.Table {
		case specs.TableReviewers:
			return r.Snapshot(ctx, commit) // any deployment may have the owner
		case specs.TableVersions:
			if c.To == nil {
				return r.Snapshot(ctx, commit)
			}
		case specs.TableDeployments:
			ids = append(ids, c.Key)
			for _, row := range []specs.Row{c.From, c.To} {
				if name, ok := row["name"].(string); ok {
					names = append(names, name)
				}
			}
		case specs.TableSettings:
			for _, row := range []specs.Row{c.From, c.To} {
				if id, ok := row["deployment"].(string); ok {
					ids = append(ids, id)
				}
			}
		}
	}
	s, err := r.at(ctx, commit)
	if err != nil {
		return nil, err
	}
	defer s.close()
	p := partial{session: s, commit: commit, to: specs.NewSnapshot(), seen: map[string]bool{}}
	for _, table := range specs.Tables() {
		if table != specs.TableDeployments && table != specs.TableSettings {
			p.load(table, "", nil)
		}
	}
	p.load(specs.TableDeployments, "id", ids)
	p.load(specs.TableDeployments, "name", names)
	p.load(specs.TableSettings, "deployment", ids)
	return p.to, p.err
}

// A partial loads rows into a snapshot until one table fails.
type partial struct {
	*session
	commit string
	to     *specs.Snapshot
	seen   map[string]bool // a deployment can be asked for by id and by name
	err    error
}

func (p *partial) load(table, column string, values []string) {
	if p.err != nil {
		return
	}
	rows, err := p.rowsWith(p.commit, table, column, values)
	if err != nil && !notYet(table, err) {
		p.err = err
		return
	}
	for _, row := range rows {
		key := keyOf(table, row)
		if !p.seen[table+"/"+key] {
			p.seen[table+"/"+key] = true
			p.to.Load(table, key, row)
		}
	}
}

// CountDeployments tells how many deployments there are at a commit.
func (r *Repo) CountDeployments(ctx context.Context, commit string) (int, error) {
	s, err := r.at(ctx, commit)
	if err != nil {
		return 0, err
	}
	defer s.close()
	text, err := s.value("SELECT count(*) FROM deployments")
	if err != nil {
		return 0, readError(specs.TableDeployments, commit, err)
	}
	var n int
	if _, err := fmt.Sscan(text, &n); err != nil {
		return 0, readError(specs.TableDeployments, commit, err)
	}
	return n, nil
}

// Rows reads the rows of a table at a commit whose column has one of the values;
// with no column all rows. With a column that begins an index its cost follows the
// values.
func (r *Repo) Rows(ctx context.Context, commit, table, column string, values []string) ([]specs.Row, error) {
	s, err := r.at(ctx, commit)
	if err != nil {
		return nil, err
	}
	defer s.close()
	return s.rowsWith(commit, table, column, values)
}

// Column reads one column of a table at a commit, sorted.
func (r *Repo) Column(ctx context.Context, commit, table, column string) ([]string, error) {
	s, err := r.at(ctx, commit)
	if err != nil {
		return nil, err
	}
	defer s.close()
	values, err := s.column("SELECT `" + column + "` FROM `" + table + "`")
	if err != nil {
		return nil, readError(table, commit, err)
	}
	return values, nil
}

// inAtOnce bounds the values of one statement: parsing costs more than linearly in
// its length.
const inAtOnce = 200

func (s *session) rowsWith(commit, table, column string, values []string) ([]specs.Row, error) {
	quoted := "`" + strings.ReplaceAll(table, "`", "``") + "`"
	var rows []specs.Row
	take := func(columns []string, values []any) error {
		rows = append(rows, rowOf(columns, values))
		return nil
	}
	if column == "" {
		if err := s.each(take, "SELECT * FROM "+quoted); err != nil {
			return nil, readError(table, commit, err)
		}
		return rows, nil
	}
	for len(values) > 0 {
		n := min(len(values), inAtOnce)
		args := make([]any, n)
		for i, v := range values[:n] {
			args[i] = v
		}
		values = values[n:]
		marks := strings.TrimSuffix(strings.Repeat("?, ", n), ", ")
		if err := s.each(take, "SELECT * FROM "+quoted+" WHERE `"+column+"` IN ("+marks+")", args...); err != nil {
			return nil, readError(table, commit, err)
		}
	}
	return rows, nil
}
