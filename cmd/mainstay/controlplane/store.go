package controlplane

import (
	"context"
	"errors"
	"fmt"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/specs/repo"
)

// store is the repository as the loop sees it. The two packages do not know each
// other, so values that look the same are carried over here.
type store struct{ *repo.Repo }

func (s store) Fetch(ctx context.Context) (reconciler.Heads, error) {
	h, err := s.Repo.Fetch(ctx)
	return reconciler.Heads(h), err
}

func (s store) Publish(ctx context.Context, base string, edits []ledger.Edit, message string) (string, error) {
	converted := make([]repo.Edit, len(edits))
	for i, e := range edits {
		converted[i] = repo.Edit(e)
	}
	commit, err := s.Repo.Publish(ctx, base, converted, message)
	if errors.Is(err, repo.ErrLost) {
		err = fmt.Errorf("%w: %w", reconciler.ErrLost, err)
	}
	return commit, err
}
