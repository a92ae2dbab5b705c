package repo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mainstaydb/mainstay/specs"
)

// A cellID names a cell across commits; column "" is the row.
type cellID struct{ table, key, column string }

// writers finds who gave each cell in conflict its value on one side, since the
// sides parted. A merge is named only where no commit that it brought in gave
// the value. The cost follows the commits since then.
func (s *session) writers(base, head string, side Side, clashes []*clash) (map[cellID]*Writer, error) {
	wanted := map[cellID]any{}
	keys := map[string][]string{}
	for _, c := range clashes {
		keys[c.table] = c.keys
		for _, cell := range c.both {
			value := cell.From
			if side == Theirs {
				value = cell.To
			}
			wanted[cellID{c.table, c.key(), cell.Column}] = value
		}
		if len(c.both) == 0 {
			wanted[cellID{c.table, c.key(), ""}] = nil
		}
	}
	commits, err := s.commitsBetween(base, head)
	if err != nil {
		return nil, err
	}
	found, merges := map[cellID]*Writer{}, map[cellID]*Writer{}
	for _, commit := range commits {
		if len(found) == len(wanted) {
			break
		}
		written, err := s.writtenBy(commit, keys, wanted)
		if err != nil {
			return nil, err
		}
		into := found
		if len(commit.Parents) > 1 {
			into = merges
		}
		for _, id := range written {
			if into[id] == nil {
				into[id] = &Writer{Commit: commit.Hash, Author: commit.Author, Email: commit.Email, Date: commit.Date}
			}
		}
	}
	for id, writer := range merges {
		if found[id] == nil {
			found[id] = writer
		}
	}
	return found, nil
}

// writtenBy lists the cells that a commit gave the value they have in the end.
func (s *session) writtenBy(commit CommitInfo, keys map[string][]string, wanted map[cellID]any) ([]cellID, error) {
	if len(commit.Parents) == 0 {
		return nil, nil
	}
	var written []cellID
	for table := range keys {
		err := s.each(func(columns []string, values []any) error {
			change := changeOf(table, columns, values)
			row := change.To
			if row == nil {
				row = change.From
			}
			key := keyIn(keys[table], row)
			if _, ok := wanted[cellID{table, key, ""}]; ok {
				written = append(written, cellID{table, key, ""})
			}
			for _, cell := range specs.Cells(change, nil) {
				id := cellID{table, key, cell.Column}
				if value, ok := wanted[id]; ok && value == cell.To {
					written = append(written, id)
				}
			}
			return nil
		}, "SELECT * FROM dolt_diff(?, ?, ?)", commit.Parents[0], commit.Hash, table)
		if err != nil && !containsAny(err, "table not found") {
			return nil, fmt.Errorf("who wrote what in %s cannot be found at %s: %w", table, commit.Hash, err)
		}
	}
	return written, nil
}

// commitsBetween lists the commits that head has and base has not, newest first.
func (s *session) commitsBetween(base, head string) ([]CommitInfo, error) {
	var all []CommitInfo
	err := s.each(func(_ []string, values []any) error {
		all = append(all, commitInfo(values))
		return nil
	}, commitColumns+" FROM dolt_log(?, '--parents')", base+".."+head)
	if err != nil {
		return nil, fmt.Errorf("the commits between %s and %s cannot be read: %w", base, head, err)
	}
	return all, nil
}

// Authors are the mail addresses of those who wrote the commits that head has and
// base has not, by name.
func (r *Repo) Authors(ctx context.Context, base, head string) ([]string, error) {
	s, err := r.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	commits, err := s.commitsBetween(base, head)
	var all []string
	for _, c := range commits {
		if !slices.Contains(all, c.Email) {
			all = append(all, c.Email)
		}
	}
	slices.Sort(all)
	return all, err
}

// MergeBase is the newest commit that both have; "" where there is none.
func (r *Repo) MergeBase(ctx context.Context, a, b string) (string, error) {
	s, err := r.session(ctx)
	if err != nil {
		return "", err
	}
	defer s.close()
	return s.value("SELECT dolt_merge_base(?, ?)", a, b)
}

// commitColumns begins a query that commitInfo reads.
const commitColumns = "SELECT commit_hash, author, author_email, date, message, parents"

func commitInfo(values []any) CommitInfo {
	date, _ := values[3].(time.Time)
	return CommitInfo{
		Hash: fmt.Sprint(values[0]), Author: fmt.Sprint(values[1]), Email: fmt.Sprint(values[2]), Date: date,
		Message: fmt.Sprint(values[4]), Parents: parentsOf(fmt.Sprint(values[5])),
	}
}
