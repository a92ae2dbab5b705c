package repo

import (
	"context"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/mainstaydb/mainstay/specs"
)

// Changed is what a Change did.
type Changed struct {
	Commit  string // empty: nothing changed
	Base    string // the hub's commit that the change is on top of
	Results []*Result
	Changes []specs.RowChange
}

// Change runs the statements on the hub's newest commit of a branch, commits what
// they changed and pushes it. When another process pushed first they run again on
// what it pushed. After an error nothing was changed, here or on the hub.
func (r *Repo) Change(ctx context.Context, branch, statements, message string) (*Changed, error) {
	return r.ChangeChecked(ctx, branch, statements, message, func(string, []specs.RowChange) error { return nil })
}

// ChangeChecked is Change with a say before the push: check is told the commit
// that the change is on top of and what changed, and its error keeps the change
// from the hub. It is asked again when the change is made anew, and not when
// nothing changed.
func (r *Repo) ChangeChecked(
	ctx context.Context, branch, statements, message string, check func(base string, changes []specs.RowChange) error,
) (*Changed, error) {
	if branch == StatusBranch {
		return nil, fmt.Errorf("the branch status is written by the control planes alone; change main or a branch of it: %w", ErrProtectedBranch)
	}
	var changed *Changed
	err := r.landing(ctx, branch, func(s *session, base string) (string, error) {
		results, err := s.run(statements)
		if err != nil {
			return "", err
		}
		commit, err := r.commit(s, message)
		changed = &Changed{Commit: commit, Base: base, Results: results}
		if err != nil || commit == "" {
			return "", err
		}
		if changed.Changes, err = s.changes(base, commit); err != nil {
			return "", err
		}
		return commit, check(base, changed.Changes)
	})
	return changed, err
}

// landings bounds how often a change is made anew because others pushed first.
// Each round one process gets through, so this many at once all land.
const landings = 50

// landing makes a commit on the hub's newest commit of a branch and pushes it,
// again and again while others push first. make returns "" when nothing is to be
// pushed.
func (r *Repo) landing(ctx context.Context, branch string, make func(s *session, base string) (string, error), others ...string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return again(ctx, func() error { return r.land(ctx, branch, make, others...) })
}

// again does something until it is not lost to another process.
func again(ctx context.Context, do func() error) error {
	// Short waits with jitter, as a round takes about 20 ms.
	wait := backoff.NewExponentialBackOff(backoff.WithInitialInterval(10*time.Millisecond), backoff.WithMaxInterval(300*time.Millisecond))
	policy := backoff.WithContext(backoff.WithMaxRetries(wait, landings), ctx)
	return backoff.Retry(func() error {
		err := do()
		if err != nil && !isLost(err) {
			return backoff.Permanent(err)
		}
		return err
	}, policy)
}

func (r *Repo) land(ctx context.Context, branch string, make func(s *session, base string) (string, error), others ...string) error {
	base, err := r.fetchHead(ctx, branch, others...)
	if err != nil {
		return err
	}
	return r.scratch(ctx, base, func(s *session, scratch string) error {
		commit, err := make(s, base)
		if err != nil || commit == "" {
			return err
		}
		return r.push(s, scratch, branch)
	})
}
