package repo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/repo"
)

// fork makes the branch b and changes both sides, one commit for each statement.
func fork(t *testing.T, r *repo.Repo, branch, main []string) {
	t.Helper()
	ok(t, r.CreateBranch(context.Background(), "b", "main"))
	for name, statements := range map[string][]string{"b": branch, "main": main} {
		for _, statement := range statements {
			change(t, r, name, statement)
		}
	}
}

// change makes one commit.
func change(t *testing.T, r *repo.Repo, branch, statements string) string {
	t.Helper()
	return must[*repo.Changed](t)(r.Change(context.Background(), branch, statements, "change "+branch)).Commit
}

// one gives the answer of a query with one value a row, joined.
func one(t *testing.T, r *repo.Repo, ref, query string) string {
	t.Helper()
	var all []string
	for _, row := range must[*repo.Result](t)(r.Query(context.Background(), ref, query)).Rows {
		all = append(all, fmt.Sprint(row...))
	}
	return strings.Join(all, ",")
}

func TestMergeChecked(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, hub := newFleet(t, orders)
	fork(t, r, []string{"UPDATE deployments SET owner = 'team'"}, []string{"UPDATE deployments SET volume_gb = 30"})
	before := heads(t, r)

	refused := errors.New("no")
	asked := 0
	_, err := r.MergeChecked(ctx, repo.MergeOptions{Branch: "b", Into: "main", Approve: func(m *repo.Merged) (string, error) {
		asked++
		if d := snapshot(t, r, m.Commit).ByName("orders"); d == nil || d.Owner != "team" || d.VolumeGB != 30 || m.Base != before.Main || len(m.Changes) != 1 {
			t.Errorf("asked about %+v with %+v", m, d)
		}
		must[*specs.Statistics](t)(r.Statistics(ctx, m.Base)) // must not wait for the merge
		return "", refused
	}})
	if !errors.Is(err, refused) || asked != 1 || heads(t, r) != before {
		t.Errorf("refused: %v, asked %d times", err, asked)
	}

	m := must[*repo.Merged](t)(r.MergeChecked(ctx, repo.MergeOptions{Branch: "b", Into: "main", Approve: func(*repo.Merged) (string, error) {
		return "proposal 7: own it", nil
	}}))
	if got := heads(t, open(t, hub)).Main; got != m.Commit {
		t.Errorf("the hub has %s, want %s", got, m.Commit)
	}
	info := must[repo.CommitInfo](t)(r.Commit(ctx, m.Commit))
	if info.Message != "proposal 7: own it" || info.Author != author.Name || info.Email != author.Email || info.Date.IsZero() ||
		!slices.Equal(info.Parents, []string{m.Base, m.Head}) {
		t.Errorf("commit %+v of %+v", info, m)
	}
	if _, err := r.Commit(ctx, strings.Repeat("0", 32)); !errors.Is(err, repo.ErrUnknownRef) {
		t.Errorf("an unknown commit: %v", err)
	}
	m = must[*repo.Merged](t)(r.MergeChecked(ctx, repo.MergeOptions{Branch: "b", Into: "main", Approve: func(*repo.Merged) (string, error) {
		return "", errors.New("asked about nothing")
	}}))
	if m.Commit != "" {
		t.Errorf("merged again: %+v", m)
	}
	for _, o := range []repo.MergeOptions{{Branch: "b", Into: "status"}, {Branch: "status", Into: "main"}, {Branch: "b", Into: "proposals"}} {
		if _, err := r.MergeChecked(ctx, o); !errors.Is(err, repo.ErrProtectedBranch) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := r.TryMerge(ctx, repo.MergeOptions{Branch: "b", Into: "main", Resolve: "both"}); err == nil {
		t.Error("settled with both")
	}
}

// TestConflictIsShown names the cells, their values and who wrote them, also
// where the writer's commit came in by a merge.
func TestConflictIsShown(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, hub := newFleet(t, orders+"; INSERT INTO deployments (name) VALUES ('doomed')")
	bob := openWith(t, repo.Options{Dir: t.TempDir(), Hub: hub, Author: repo.Author{Name: "Bob", Email: "bob@example.com"}})
	ok(t, r.CreateBranch(ctx, "b", "main"))
	ok(t, r.CreateBranch(ctx, "side", "main"))
	theirs := change(t, bob, "b", "UPDATE deployments SET volume_gb = 20, owner = 'b' WHERE name = 'orders'")
	change(t, bob, "b", "UPDATE deployments SET retention_days = 9 WHERE name = 'orders'")
	deleted := change(t, bob, "b", "DELETE FROM deployments WHERE name = 'doomed'")
	change(t, r, "side", "UPDATE deployments SET volume_gb = 25 WHERE name = 'orders'")
	ours := change(t, r, "side", "UPDATE deployments SET volume_gb = 30 WHERE name = 'orders'")
	kept := change(t, r, "main", "UPDATE deployments SET owner = 'x' WHERE name = 'doomed'")
	must[string](t)(r.Merge(ctx, "side", "main", "merge side"))
	before := heads(t, r)

	_, err := r.TryMerge(ctx, repo.MergeOptions{Branch: "b", Into: "main"})
	var conflict *repo.ConflictError
	if !errors.As(err, &conflict) || len(conflict.Conflicts) != 2 || len(conflict.Reasons) != 2 {
		t.Fatalf("got %v, %+v", err, conflict)
	}
	found := map[string]repo.Conflict{}
	for _, c := range conflict.Conflicts {
		found[c.Key] = c
	}
	c := found["orders"]
	if c.Table != "deployments" || c.Column != "volume_gb" || c.Base != "10" || c.Ours != "30" || c.Theirs != "20" {
		t.Errorf("conflict %+v", c)
	}
	if c.OursBy == nil || c.OursBy.Commit != ours || c.OursBy.Email != author.Email || c.TheirsBy == nil || c.TheirsBy.Commit != theirs || c.TheirsBy.Author != "Bob" || c.TheirsBy.Date.IsZero() {
		t.Errorf("by %+v and %+v, want %s and %s", c.OursBy, c.TheirsBy, ours, theirs)
	}
	c = found["doomed"]
	if c.Column != "" || c.Theirs != nil || c.Ours != "owner=x" || c.OursBy == nil || c.OursBy.Commit != kept || c.TheirsBy == nil || c.TheirsBy.Commit != deleted {
		t.Errorf("delete against change: %+v, by %+v and %+v", c, c.OursBy, c.TheirsBy)
	}
	if heads(t, r) != before || one(t, r, "main", "SELECT count(*) FROM dolt_branches") != "1" {
		t.Error("something was left behind")
	}
}

// TestMergeRace has two clones merge twenty proposals each at once.
func TestMergeRace(t *testing.T) {
	t.Parallel()
	const proposals = 20
	ctx := context.Background()
	first, hub := newFleet(t, orders)
	racers := []*repo.Repo{first, open(t, hub)}
	for i := range racers {
		for n := range proposals {
			branch := fmt.Sprintf("p%d-%d", i, n)
			ok(t, first.CreateBranch(ctx, branch, "main"))
			change(t, first, branch, fmt.Sprintf("INSERT INTO deployments (name) VALUES ('d%d-%d')", i, n))
		}
	}
	var wg sync.WaitGroup
	asked := make([]int, len(racers))
	merged := make([][]string, len(racers))
	for i, r := range racers {
		wg.Go(func() {
			for n := range proposals {
				branch := fmt.Sprintf("p%d-%d", i, n)
				m, err := r.MergeChecked(ctx, repo.MergeOptions{Branch: branch, Into: "main", Approve: func(*repo.Merged) (string, error) {
					asked[i]++
					return "merge " + branch, nil
				}})
				if err != nil { // ErrLost would do, but fifty tries are more than the other side takes
					t.Errorf("%s: %v", branch, err)
					return
				}
				merged[i] = append(merged[i], m.Commit)
			}
		})
	}
	wg.Wait()
	t.Logf("asked %v times", asked)
	head := heads(t, first).Main
	if got := len(snapshot(t, first, head).Deployments); got != 1+proposals*len(racers) {
		t.Errorf("%d deployments", got)
	}
	for i := range racers {
		for _, commit := range merged[i] {
			if _, in, err := first.Steps(ctx, commit, head); err != nil || !in {
				t.Errorf("the merge %s is not on main: %v", commit, err)
			}
		}
	}
}
