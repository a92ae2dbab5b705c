package repo

import (
	"context"
	"errors"
	"fmt"

	"github.com/mainstaydb/mainstay/specs/schema"
)

// Ensure gives the head of a branch of the hub that programs write, after a
// fetch. It makes the branch where it is not there, and migrates an older one;
// of two processes that do so at once, one uses what the other made.
func (r *Repo) Ensure(ctx context.Context, b schema.Branch) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var head string
	err := again(ctx, func() error {
		var err error
		head, err = r.ensure(ctx, b)
		return err
	})
	if err != nil {
		return "", err
	}
	return head, nil
}

func (r *Repo) ensure(ctx context.Context, b schema.Branch) (string, error) {
	s, err := r.session(ctx)
	if err != nil {
		return "", err
	}
	defer s.close()
	if err := r.fetchOnly(s, string(b)); err != nil {
		return "", err
	}
	from, current, err := s.start(b)
	if err != nil || current {
		return from, err
	}
	head := ""
	err = r.scratch(ctx, from, func(s *session, scratch string) error {
		if err := r.migrate(s, b); err != nil {
			return err
		}
		if err := r.push(s, scratch, string(b)); err != nil {
			return err
		}
		head, err = s.value("SELECT dolt_hashof('HEAD')")
		return err
	})
	return head, err
}

// start finds the commit that a branch is to be brought forward from: its head,
// or the repository's first commit. current: it needs nothing.
func (s *session) start(b schema.Branch) (from string, current bool, err error) {
	refs, err := s.remoteBranches()
	if err != nil {
		return "", false, err
	}
	head := refs[string(b)]
	if head == "" {
		if refs[MainBranch] == "" {
			return "", false, fmt.Errorf("the hub has no branch %s; run mainstay init: %w", MainBranch, ErrNotInitialised)
		}
		from, err := s.firstCommit(refs[MainBranch])
		return from, false, err
	}
	known, err := knownVersion(b)
	if err != nil {
		return "", false, err
	}
	version, err := s.schemaVersion(head)
	switch {
	case errors.Is(err, ErrNotInitialised): // someone made the branch by hand
		return head, false, nil
	case err != nil:
		return "", false, err
	case version > known:
		return "", false, fmt.Errorf("the hub's branch %s has schema version %d and this program knows versions up to %d; run a newer mainstay: %w",
			b, version, known, ErrNewerSchema)
	}
	return head, version == known, nil
}
