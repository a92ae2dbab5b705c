package repo

import (
	"context"
	"fmt"

	"github.com/mainstaydb/mainstay/specs"
)

// Revert undoes one commit on a branch of the hub with a new commit and pushes
// it. It returns the commit, or "" when there was nothing left to undo. A merge
// commit is undone against its first parent.
func (r *Repo) Revert(ctx context.Context, commit, onto, message string) (string, error) {
	target, err := r.Resolve(ctx, commit)
	if err != nil {
		return "", err
	}
	var made string
	err = r.landing(ctx, onto, func(s *session, base string) (string, error) {
		made, err = r.revert(s, base, target, commit, message)
		return made, err
	})
	if err != nil {
		return "", err
	}
	return made, nil
}

// RevertOnto is Revert to a new branch of the hub that begins at the head of
// onto. Where there is nothing left to undo, no branch is made.
func (r *Repo) RevertOnto(ctx context.Context, commit, onto, branch, message string) (string, error) {
	return r.onto(ctx, onto, branch, func(s *session, base string) (string, error) {
		target, err := s.within(commit, base, onto)
		if err != nil {
			return "", err
		}
		return r.revert(s, base, target, commit, message)
	})
}

// ResetOnto makes a new branch of the hub, with one commit on the head of onto
// that gives every table the rows it had at commit: all that came since is undone.
// It returns the commit, or "" and makes no branch when nothing differs.
func (r *Repo) ResetOnto(ctx context.Context, commit, onto, branch, message string) (string, error) {
	return r.onto(ctx, onto, branch, func(s *session, base string) (string, error) {
		target, err := s.within(commit, base, onto)
		if err != nil {
			return "", err
		}
		if err := s.refuseSchemaStep(target, base); err != nil {
			return "", fmt.Errorf("%s cannot go back to %s: %w", onto, commit, err)
		}
		if err := s.call("dolt_reset", "--hard", target); err != nil {
			return "", fmt.Errorf("the rows of %s cannot be taken: %w", commit, err)
		}
		if err := s.call("dolt_reset", "--soft", base); err != nil {
			return "", fmt.Errorf("the rows of %s cannot be put on %s: %w", commit, onto, err)
		}
		return r.commit(s, message)
	})
}

// within resolves a commit that must be in the history of the branch onto, whose head
// is base: there is nothing to undo of one that is not.
func (s *session) within(commit, base, onto string) (string, error) {
	target, err := s.resolve(commit)
	if err != nil {
		return "", err
	}
	common, err := s.value("SELECT dolt_merge_base(?, ?)", base, target)
	if err != nil || common != target {
		return "", fmt.Errorf("the commit %s is not in the history of %s and cannot be gone back to or undone there; mainstay log lists what is: %w",
			commit, onto, orUnknown(err))
	}
	return target, nil
}

func orUnknown(err error) error {
	if err == nil {
		return ErrUnknownRef
	}
	return err
}

// onto makes a commit on the head of a branch and pushes it as a new branch.
func (r *Repo) onto(ctx context.Context, onto, branch string, make func(s *session, base string) (string, error)) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	base, err := r.fetchHead(ctx, onto, branch) // which is not there: all are learned
	if err != nil {
		return "", err
	}
	made := ""
	err = r.scratch(ctx, base, func(s *session, scratch string) error {
		if _, err := s.head(branch); err == nil {
			return branchExists(branch)
		}
		commit, err := make(s, base)
		if err != nil || commit == "" {
			return err
		}
		// Whoever made the branch meanwhile has another commit on it.
		if err := r.push(s, scratch, branch); isLost(err) {
			return branchExists(branch)
		} else if err != nil {
			return err
		}
		made = commit
		return nil
	})
	if err != nil {
		return "", err
	}
	return made, nil
}

// revert undoes target on the session's branch, whose head is base. The new
// commit has one parent, so that the history reads as one step.
func (r *Repo) revert(s *session, base, target, what, message string) (string, error) {
	opposite, err := r.opposite(s, target)
	if err != nil || opposite == "" {
		return "", err // "": it changed no rows
	}
	merged, _, err := r.merge(s, merging{ours: base, theirs: opposite, what: "reverting " + what, message: "undo", author: r.by(Author{})})
	if err != nil || merged == "" {
		return "", err
	}
	if err := s.call("dolt_reset", "--soft", base); err != nil {
		return "", fmt.Errorf("reverting %s failed, and nothing was changed: %w", what, err)
	}
	return r.commit(s, message)
}

// opposite makes a commit that undoes target on top of it: its tree is that of
// target's first parent. Merged into a branch it takes away what target did and
// nothing else, which holds for merges too, where dolt_revert gives up. The
// commit is reached by hash; its branch is gone when this returns.
func (r *Repo) opposite(s *session, target string) (string, error) {
	info, err := s.commit(target)
	if err != nil {
		return "", err
	}
	if len(info.Parents) == 0 {
		return "", fmt.Errorf("the commit %s is the first and cannot be undone", target)
	}
	parent := info.Parents[0]
	if err := s.refuseSchemaStep(parent, target); err != nil {
		return "", fmt.Errorf("the commit %s cannot be undone: %w", target, err)
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

// refuseSchemaStep keeps migrations from being undone: the programs that run
// know the schema after them.
func (s *session) refuseSchemaStep(from, to string) error {
	tables, err := s.changedTables(from, to)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if table == specs.TableSchema {
			return fmt.Errorf("the schema was changed between %s and %s, and the tables of now do not fit the rows of then; change the rows back one by one: %w",
				from, to, ErrSchemaStep)
		}
	}
	return nil
}
