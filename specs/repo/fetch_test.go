package repo_test

import (
	"context"
	"errors"
	"testing"

	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/mainstaydb/mainstay/specs/schema"
)

// TestFetchHeads: the fleet's branches and those that are named are learned, others are
// as they were; one that is gone is forgotten, and one that is new is found.
func TestFetchHeads(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, hub := newFleet(t, orders)
	other := open(t, hub)
	ok(t, other.CreateBranch(ctx, "a", "main"))
	ok(t, other.CreateBranch(ctx, "b", "main"))
	must[string](t)(r.Ensure(ctx, schema.Proposals)) // while one is not there all are learned
	must[repo.Heads](t)(r.Fetch(ctx))
	must[string](t)(r.Resolve(ctx, "a"))
	before := must[string](t)(r.Resolve(ctx, "b"))
	a := change(t, other, "a", "UPDATE deployments SET volume_gb = 30")
	change(t, other, "b", "UPDATE deployments SET volume_gb = 30")
	main := change(t, other, "main", "UPDATE deployments SET owner = 'team'")

	if heads := must[repo.Heads](t)(r.FetchHeads(ctx, "a")); heads.Main != main {
		t.Errorf("main is at %s, want %s", heads.Main, main)
	}
	if got := must[string](t)(r.Resolve(ctx, "a")); got != a {
		t.Errorf("a is at %s, want %s", got, a)
	}
	if got := must[string](t)(r.Resolve(ctx, "b")); got != before {
		t.Error("b was learned too")
	}
	ok(t, other.DeleteBranch(ctx, "a"))
	must[repo.Heads](t)(r.FetchHeads(ctx, "a"))
	if _, err := r.Resolve(ctx, "a"); !errors.Is(err, repo.ErrUnknownRef) {
		t.Errorf("a branch that is gone is still there: %v", err)
	}
	ok(t, other.CreateBranch(ctx, "c", "main"))
	must[repo.Heads](t)(r.FetchHeads(ctx, "c"))
	must[string](t)(r.Resolve(ctx, "c"))
}
