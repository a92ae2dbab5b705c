package repo

import (
	"fmt"
)

// opposite makes a commit that undoes target on top of it: its tree is that of
// target's first parent. Merged into a branch it takes away what target did and
// nothing else, which holds for merges too, where dolt_revert gives up. The
// commit is reached by hash; its branch is gone when this returns.
func (r *Repo) opposite(s *session, target string) (string, error) {
	parents, err := s.value("SELECT parents FROM dolt_log(?, '--parents') LIMIT 1", target)
	if err != nil {
		return "", fmt.Errorf("the commit %s cannot be read: %w", target, err)
	}
	parent := firstParent(parents)
	if parent == "" {
		return "", fmt.Errorf("the commit %s is the first and cannot be undone", target)
	}
	var made string
	// The branch begins at the parent; a soft reset to target then leaves the
	// parent's rows as the change to be committed.
	err = r.scratch(s.ctx, parent, func(s *session, _ string) error {
		if err := s.call("dolt_reset", "--soft", target); err != nil {
			return fmt.Errorf("the commit %s cannot be undone: %w", target, err)
		}
		made, err = r.commit(s, "undo "+target)
		return err
	})
	return made, err
}

// undo merges the opposite and keeps the rows alone: the new commit has one
// parent, so that the history reads as one step.
func (r *Repo) undo(s *session, opposite, what, message string) (string, error) {
	if opposite == "" {
		return "", nil // it changed no rows
	}
	before, err := s.value("SELECT dolt_hashof('HEAD')")
	if err != nil {
		return "", fmt.Errorf("reverting %s cannot begin: %w", what, err)
	}
	merged, err := r.merge(s, opposite, "reverting "+what, "undo")
	if err != nil || merged == "" {
		return "", err
	}
	if err := s.call("dolt_reset", "--soft", before); err != nil {
		return "", fmt.Errorf("reverting %s failed, and nothing was changed: %w", what, err)
	}
	return r.commit(s, message)
}
