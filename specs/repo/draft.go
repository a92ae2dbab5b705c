package repo

import (
	"context"
	"fmt"
)

// A Draft is a commit to be made in the clone alone.
type Draft struct {
	From       string // commit that it is on top of
	Statements string
	Message    string
	Author     Author // zero: that of Options
}

// Draft makes a commit that the hub knows nothing of, and returns it, or From when
// the statements change nothing. It can be read, merged by MergeOptions.Head and
// given to the hub by Place for as long as the Repo is open. A *StatementError says
// which statement the engine refused.
func (r *Repo) Draft(ctx context.Context, d Draft) (commit string, err error) {
	err = r.scratch(ctx, d.From, func(s *session, _ string) error {
		if _, err := s.run(d.Statements); err != nil {
			return err
		}
		commit, err = r.commitAs(s, d.Author, d.Message)
		return err
	})
	if err == nil && commit == "" {
		commit = d.From
	}
	return commit, err
}

// Place has a branch of the hub be at a commit, whatever it was at: it is for
// branches that a program keeps and nobody else writes to. Commits that were on the
// branch alone are lost.
func (r *Repo) Place(ctx context.Context, branch, commit string) error {
	if branch == MainBranch || branch == StatusBranch || branch == ProposalsBranch {
		return fmt.Errorf("the branch %s is not replaced, because the fleet lives on it: %w", branch, ErrProtectedBranch)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return again(ctx, func() error {
		return r.scratch(ctx, commit, func(s *session, scratch string) error {
			return r.pushSpec(s, branch, scratch+":"+branch, "--force")
		})
	})
}
