package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/specs"
)

// LogOptions choose what Log lists. The zero value lists everything.
type LogOptions struct {
	Limit      int    // 0: no limit
	Deployment string // name or id: only commits that changed it
	Author     string // part of name or e-mail address
	Since      time.Time
}

// A LogEntry is one commit with the cells it changed. A merge is shown against
// its first parent.
type LogEntry struct {
	Commit  string
	Author  string
	Email   string
	Date    time.Time
	Message string
	Changes []specs.CellChange
}

var errEnough = errors.New("enough")

// Log lists the commits that a reference reaches, newest first.
func (r *Repo) Log(ctx context.Context, ref string, o LogOptions) ([]LogEntry, error) {
	commit, err := r.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	history, err := r.at(ctx, commit)
	if err != nil {
		return nil, err
	}
	defer history.close()
	// The rows of a commit are read while the history is: two sessions.
	rows, err := r.session(ctx)
	if err != nil {
		return nil, err
	}
	defer rows.close()
	filter := &logFilter{LogOptions: o, rows: rows, ids: map[string]bool{o.Deployment: true}}
	if id, err := history.value("SELECT id FROM deployments WHERE name = ?", o.Deployment); err == nil && id != "" {
		filter.ids[id] = true
	}
	var entries []LogEntry
	err = history.each(func(_ []string, values []any) error {
		entry, ok, err := filter.entry(values)
		if err != nil {
			return err
		}
		if ok {
			entries = append(entries, entry)
		}
		if o.Limit > 0 && len(entries) == o.Limit {
			return errEnough
		}
		return nil
	}, "SELECT commit_hash, parents, author, author_email, date, message FROM dolt_log(?, '--parents')", commit)
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("the history of %s cannot be read: %w", ref, err)
	}
	return entries, nil
}

type logFilter struct {
	LogOptions
	rows *session
	// ids are those of the deployment asked for: a name may have been another's.
	ids map[string]bool
}

func (f *logFilter) entry(values []any) (LogEntry, bool, error) {
	date, _ := values[4].(time.Time)
	e := LogEntry{
		Commit: fmt.Sprint(values[0]), Author: fmt.Sprint(values[2]), Email: fmt.Sprint(values[3]),
		Date: date, Message: fmt.Sprint(values[5]),
	}
	if !f.Since.IsZero() && date.Before(f.Since) || !strings.Contains(strings.ToLower(e.Author+" <"+e.Email+">"), strings.ToLower(f.Author)) {
		return e, false, nil
	}
	parent := firstParent(fmt.Sprint(values[1]))
	if parent == "" {
		return e, f.Deployment == "", nil
	}
	changes, err := f.rows.changes(parent, e.Commit)
	if err != nil {
		return e, false, err
	}
	if f.Deployment != "" {
		changes = f.concerning(changes)
	}
	names := f.rows.namesAt(parent, e.Commit)
	for _, c := range changes {
		e.Changes = append(e.Changes, specs.Cells(c, names)...)
	}
	return e, f.Deployment == "" || len(changes) > 0, nil
}

// concerning keeps the changes of the deployment asked for, and learns its id
// where a commit gave or took the name.
func (f *logFilter) concerning(changes []specs.RowChange) []specs.RowChange {
	var kept []specs.RowChange
	for _, c := range changes {
		if c.Table == specs.TableDeployments && (c.From["name"] == f.Deployment || c.To["name"] == f.Deployment) {
			f.ids[c.Key] = true
		}
	}
	for _, c := range changes {
		id, _, _ := strings.Cut(c.Key, "/")
		if (c.Table == specs.TableDeployments || c.Table == specs.TableSettings) && f.ids[id] {
			kept = append(kept, c)
		}
	}
	return kept
}

// namesAt finds the name of a deployment by its id, at the newest of these
// commits that has it.
func (s *session) namesAt(commits ...string) func(id string) string {
	known := map[string]string{}
	return func(id string) string {
		if name, ok := known[id]; ok {
			return name
		}
		known[id] = id
		for _, commit := range commits {
			name, err := s.value("SELECT name FROM deployments AS OF ? WHERE id = ?", commit, id)
			if err == nil && name != "" {
				known[id] = name
			}
		}
		return known[id]
	}
}
