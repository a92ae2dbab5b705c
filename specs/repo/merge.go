package repo

import (
	"context"
	"fmt"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
)

// Merge puts a branch of the hub into another with a merge commit and pushes it.
// It returns the commit, or "" when the branch is in it already. A *ConflictError
// says what a person must decide. The merged rows are checked for what the schema
// can check; what more must hold is for the caller: see PreviewMerge.
func (r *Repo) Merge(ctx context.Context, branch, into, message string) (string, error) {
	var commit string
	err := r.landing(ctx, into, func(s *session, _ string) (string, error) {
		from, err := s.head(branch)
		if err != nil {
			return "", err
		}
		commit, err = r.merge(s, from, fmt.Sprintf("merging %s into %s", branch, into), message)
		return commit, err
	})
	if err != nil {
		return "", err
	}
	return commit, nil
}

// PreviewMerge merges in the clone alone. The commit can be read by Snapshot and
// Changes for as long as the Repo is open; the hub knows nothing of it. Commit is
// empty when there is nothing to merge.
func (r *Repo) PreviewMerge(ctx context.Context, branch, into string) (*Changed, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	base, err := r.fetchHead(ctx, into)
	if err != nil {
		return nil, err
	}
	preview := &Changed{Base: base}
	err = r.scratch(ctx, base, func(s *session, _ string) error {
		from, err := s.head(branch)
		if err != nil {
			return err
		}
		preview.Commit, err = r.merge(s, from, fmt.Sprintf("merging %s into %s", branch, into), "preview")
		if err != nil || preview.Commit == "" {
			return err
		}
		preview.Changes, err = s.changes(base, preview.Commit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return preview, nil
}

// merge merges a commit into the session's branch.
func (r *Repo) merge(s *session, from, what, message string) (string, error) {
	// With these the engine leaves conflicts in the scratch branch to be read,
	// and does not only say that there are some. Nothing is committed then.
	for _, variable := range []string{"dolt_allow_commit_conflicts", "dolt_force_transaction_commit"} {
		if err := s.exec("SET @@" + variable + " = 1"); err != nil {
			return "", fmt.Errorf("%s cannot begin: %w", what, err)
		}
	}
	before, err := s.value("SELECT dolt_hashof('HEAD')")
	if err != nil {
		return "", fmt.Errorf("%s cannot begin: %w", what, err)
	}
	merged := s.call("dolt_merge", "--no-ff", "-m", message, "--author", r.opts.Author.String(), from)
	reasons, err := s.conflicts()
	switch {
	case err != nil:
		return "", err
	case len(reasons) > 0:
		return "", &ConflictError{What: what, Reasons: reasons}
	case containsAny(merged, "conflict", "can't be merged"):
		return "", &ConflictError{What: what, Reasons: []string{merged.Error()}}
	case merged != nil:
		return "", fmt.Errorf("%s failed, and nothing was changed: %w", what, merged)
	}
	if reasons, err = s.violations(); err != nil || len(reasons) > 0 {
		if err == nil {
			err = &ConflictError{What: what, Reasons: reasons}
		}
		return "", err
	}
	after, err := s.value("SELECT dolt_hashof('HEAD')")
	if err != nil || after == before {
		return "", err
	}
	return after, nil
}

// violations has every row checked again: a merge of two branches on which every
// constraint held can break one.
func (s *session) violations() ([]string, error) {
	// Its own error says no more than the tables do.
	checked := s.call("dolt_verify_constraints", "--all", "--output-only")
	if checked != nil && !containsAny(checked, "constraint") {
		return nil, fmt.Errorf("the merged rows cannot be checked: %w", checked)
	}
	return s.conflicts()
}

// conflicts describes what a merge could not put together.
func (s *session) conflicts() ([]string, error) {
	var reasons []string
	for _, kind := range []struct{ list, rows string }{
		{"SELECT `table` FROM dolt_conflicts", "dolt_conflicts_"},
		{"SELECT `table` FROM dolt_constraint_violations", "dolt_constraint_violations_"},
	} {
		tables, err := s.column(kind.list)
		if err != nil {
			return nil, fmt.Errorf("the conflicts cannot be listed: %w", err)
		}
		for _, table := range tables {
			err := s.each(func(columns []string, values []any) error {
				reasons = append(reasons, describe(table, rowOf(columns, values)))
				return nil
			}, "SELECT * FROM `"+kind.rows+table+"`")
			if err != nil {
				return nil, fmt.Errorf("the conflicts of %s cannot be listed: %w", table, err)
			}
		}
	}
	return reasons, nil
}

func (s *session) column(statement string, args ...any) ([]string, error) {
	var all []string
	err := s.each(func(_ []string, values []any) error {
		all = append(all, fmt.Sprint(values[0]))
		return nil
	}, statement, args...)
	return all, err
}

// describe makes a line for people from a row of a conflict or violation table.
func describe(table string, row specs.Row) string {
	name := func(prefix string) string {
		for _, column := range append([]string{"name"}, keyColumns[table]...) {
			if text, ok := row[prefix+column].(string); ok {
				return text
			}
		}
		return "a row"
	}
	if kind, ok := row["violation_type"].(string); ok {
		return fmt.Sprintf("%s %s breaks a %s %v", table, name(""), kind, row["violation_info"])
	}
	var differ []string
	for _, column := range specs.DeploymentColumns() {
		base, ours, theirs := row["base_"+column], row["our_"+column], row["their_"+column]
		if ours != theirs && ours != base && theirs != base {
			differ = append(differ, fmt.Sprintf("%s is %v here and %v there", column, orNone(ours), orNone(theirs)))
		}
	}
	if len(differ) == 0 {
		differ = append(differ, "was changed on one side and deleted on the other")
	}
	who := name("our_")
	if who == "a row" {
		who = name("base_")
	}
	return fmt.Sprintf("%s %s: %s", table, who, strings.Join(differ, ", "))
}

func orNone(v any) any {
	if v == nil {
		return "nothing"
	}
	return v
}

// Revert undoes one commit on a branch of the hub with a new commit and pushes
// it. It returns the commit, or "" when there was nothing left to undo. A merge
// commit is undone against its first parent.
func (r *Repo) Revert(ctx context.Context, commit, onto, message string) (string, error) {
	target, err := r.Resolve(ctx, commit)
	if err != nil {
		return "", err
	}
	var made string
	err = r.landing(ctx, onto, func(s *session, _ string) (string, error) {
		opposite, err := r.opposite(s, target)
		if err != nil {
			return "", err
		}
		made, err = r.undo(s, opposite, commit, message)
		return made, err
	})
	if err != nil {
		return "", err
	}
	return made, nil
}
