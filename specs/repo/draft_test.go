package repo_test

import (
	"context"
	"errors"
	"testing"

	"github.com/mainstaydb/mainstay/specs/repo"
)

// TestDraft: a draft is merged on trial and the hub knows nothing of it; placed, it
// is a branch, and takes the place of what the branch was before.
func TestDraft(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, hub := newFleet(t, orders)
	before := heads(t, r)
	ann := repo.Author{Name: "Ann", Email: "ann@example.com"}
	draft := func(statements string) string {
		t.Helper()
		return must[string](t)(r.Draft(ctx, repo.Draft{From: before.Main, Statements: statements, Message: "bigger", Author: ann}))
	}
	first := draft("UPDATE deployments SET volume_gb = 30")
	if same := draft("UPDATE deployments SET volume_gb = volume_gb"); same != before.Main {
		t.Errorf("a draft of nothing is %s, want %s", same, before.Main)
	}
	m := must[*repo.Merged](t)(r.TryMerge(ctx, repo.MergeOptions{Branch: "github/1", Head: first, Into: "main"}))
	if m.Head != first || len(m.Changes) != 1 {
		t.Errorf("tried %+v", m)
	}
	other := open(t, hub)
	if _, err := other.Fetch(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Resolve(ctx, "github/1"); !errors.Is(err, repo.ErrUnknownRef) {
		t.Errorf("the hub has the branch of a draft: %v", err)
	}
	ok(t, r.Place(ctx, "github/1", first))
	second := draft("UPDATE deployments SET volume_gb = 40")
	ok(t, r.Place(ctx, "github/1", second))
	if _, err := other.Fetch(ctx); err != nil {
		t.Fatal(err)
	}
	if got := one(t, other, "github/1", "SELECT volume_gb FROM deployments"); got != "40" {
		t.Errorf("the branch has %s GiB, want what was placed last", got)
	}
	if c := must[repo.CommitInfo](t)(other.Commit(ctx, second)); c.Email != ann.Email || c.Message != "bigger" || c.Parents[0] != before.Main {
		t.Errorf("the commit is %+v", c)
	}
	if err := r.Place(ctx, "main", second); !errors.Is(err, repo.ErrProtectedBranch) {
		t.Errorf("main was replaced: %v", err)
	}
	var statement *repo.StatementError
	if _, err := r.Draft(ctx, repo.Draft{From: before.Main, Statements: "UPDATE deployments SET name = 'No Name'", Message: "x"}); !errors.As(err, &statement) {
		t.Errorf("a draft that the engine refuses: %v", err)
	}
}

// TestMergeAuthor: a merge is by whom it is said to be.
func TestMergeAuthor(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, _ := newFleet(t, orders)
	fork(t, r, []string{"UPDATE deployments SET owner = 'team'"}, []string{"UPDATE deployments SET volume_gb = 30"})
	ann := repo.Author{Name: "Ann", Email: "ann@example.com"}
	m := must[*repo.Merged](t)(r.MergeChecked(ctx, repo.MergeOptions{Branch: "b", Into: "main", Author: ann,
		Approve: func(*repo.Merged) (string, error) { return "bring it in", nil }}))
	if c := must[repo.CommitInfo](t)(r.Commit(ctx, m.Commit)); c.Email != ann.Email || c.Author != ann.Name || c.Message != "bring it in" {
		t.Errorf("the commit is %+v", c)
	}
}
