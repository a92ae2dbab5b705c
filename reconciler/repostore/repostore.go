// Package repostore is the fleet's repository as the loop sees it. The loop and
// the repository do not know each other; values that look the same are carried
// over here, and nothing else happens.
package repostore

import (
	"context"
	"errors"
	"fmt"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/proposals"
	"github.com/mainstaydb/mainstay/specs/repo"
)

// A Store implements reconciler.Store on a clone.
type Store struct{ *repo.Repo }

var _ reconciler.Store = Store{}

// Fetch learns the hub's newest commits.
func (s Store) Fetch(ctx context.Context) (reconciler.Heads, error) {
	h, err := s.Repo.FetchHeads(ctx)
	return reconciler.Heads(h), err
}

// Commit tells who made a commit and how.
func (s Store) Commit(ctx context.Context, hash string) (reconciler.Commit, error) {
	c, err := s.Repo.Commit(ctx, hash)
	return reconciler.Commit{Author: c.Email, Message: c.Message, Parents: c.Parents}, err
}

// Snapshot loads the desired state whole. The loop does so once and reads differences
// from then on, so the engine keeps nothing of it.
func (s Store) Snapshot(ctx context.Context, commit string) (*specs.Snapshot, error) {
	defer s.Repo.Forget()
	return s.Repo.Snapshot(ctx, commit)
}

// EachRow reads tables of the branch status whole, and has the engine keep nothing of
// them either.
func (s Store) EachRow(ctx context.Context, commit string, names []string, do func(table string, row specs.Row) error) error {
	defer s.Repo.Forget()
	return s.Repo.EachRow(ctx, commit, names, do)
}

// Approvals are the mail addresses of those who approved a commit. A hub that never
// had a proposal has none.
func (s Store) Approvals(ctx context.Context, hash string) ([]string, error) {
	head, err := s.Repo.Resolve(ctx, repo.ProposalsBranch)
	if errors.Is(err, repo.ErrUnknownRef) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	tables, err := s.Repo.Tables(ctx, head, proposals.TableReviews)
	if err != nil {
		return nil, err
	}
	// Anybody may write there: of a row that makes no sense nothing may hang.
	var people []string
	for _, row := range tables[proposals.TableReviews] {
		if person, ok := row["person"].(string); ok && row["head"] == hash {
			people = append(people, person)
		}
	}
	return people, nil
}

// Publish commits the edits on the branch status and pushes; reconciler.ErrLost
// when another pushed first.
func (s Store) Publish(ctx context.Context, base string, edits []ledger.Edit, message string) (string, error) {
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
