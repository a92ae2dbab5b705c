package repo_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/mainstaydb/mainstay/specs/schema"
)

func TestStatistics(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	hub, dir := newHub(t), t.TempDir()
	r := openWith(t, repo.Options{Dir: dir, Hub: hub, Author: author})
	ok(t, r.Init(ctx, "INSERT INTO deployments (name, owner, volume_gb) VALUES ('a', 'x', 10), ('b', 'y', 20)"))
	older := heads(t, r).Main
	// A branch of two commits is one change where it is merged.
	fork(t, r, []string{"UPDATE deployments SET volume_gb = 50 WHERE name = 'a'", "UPDATE deployments SET volume_gb = 40 WHERE name = 'a'"},
		[]string{"UPDATE deployments SET owner = 'z' WHERE name = 'b'"})
	must[string](t)(r.Merge(ctx, "b", "main", "merge"))
	head := heads(t, r).Main
	sums := func(commit string) map[string]specs.Series {
		t.Helper()
		got := must[*specs.Statistics](t)(r.Statistics(ctx, commit))
		if got.Commit != commit {
			t.Errorf("up to %s, want %s", got.Commit, commit)
		}
		return got.Values["volume_gb"]
	}
	want := map[string]specs.Series{
		"":  {N: 3, Min: 10, Max: 40, Sum: 70, SumSquares: 100 + 400 + 1600},
		"x": {N: 2, Min: 10, Max: 40, Sum: 50, SumSquares: 1700},
		"y": {N: 1, Min: 20, Max: 20, Sum: 20, SumSquares: 400},
	}
	before := sums(older)
	if got := sums(head); before[""].N != 2 || !reflect.DeepEqual(got, want) {
		t.Errorf("brought forward from %v: %v, want %v", before, got, want)
	}
	file := filepath.Join(dir, "statistics.json")
	kept := must[[]byte](t)(os.ReadFile(file))
	if got := sums(older); !reflect.DeepEqual(got, before) || string(must[[]byte](t)(os.ReadFile(file))) != string(kept) {
		t.Errorf("an older commit: %v", got)
	}
	for name, content := range map[string]string{
		"damaged": string(kept[:len(kept)/2]), "of another form": `{"form": 0}`, "empty": "", "null": "null",
		"of another history": strings.ReplaceAll(string(kept), head, strings.Repeat("a", 32)),
		"of another hub":     strings.ReplaceAll(string(kept), hub, "file:///elsewhere"),
	} {
		ok(t, os.WriteFile(file, []byte(content), 0o600))
		if got := sums(head); !reflect.DeepEqual(got, want) {
			t.Errorf("from a file %s: %v", name, got)
		}
		if got := must[[]byte](t)(os.ReadFile(file)); string(got) != string(kept) {
			t.Errorf("after a file %s: %s", name, got)
		}
	}
	// What is kept is used: nobody reads the history again.
	ok(t, os.WriteFile(file, []byte(strings.Replace(string(kept), `"n":3`, `"n":99`, 1)), 0o600))
	if next := sums(change(t, r, "main", "UPDATE deployments SET volume_gb = 60 WHERE name = 'a'")); next[""].N != 100 && next["x"].N != 3 {
		t.Errorf("what was kept was not used: %v", next)
	}
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	empty := open(t, newHub(t))
	if _, err := empty.Ensure(ctx, schema.Proposals); !errors.Is(err, repo.ErrNotInitialised) {
		t.Errorf("on an empty hub: %v", err)
	}
	first, hub := newFleet(t, orders)
	racers := []*repo.Repo{first, open(t, hub), open(t, hub)}
	made := make([]string, len(racers))
	var wg sync.WaitGroup
	for i, r := range racers {
		wg.Go(func() {
			var err error
			if made[i], err = r.Ensure(ctx, schema.Proposals); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made[0] == "" || made[1] != made[0] || made[2] != made[0] {
		t.Errorf("heads %v", made)
	}
	if err := first.DeleteBranch(ctx, repo.ProposalsBranch); !errors.Is(err, repo.ErrProtectedBranch) {
		t.Errorf("deleted: %v", err)
	}
	edit := []repo.Edit{{Table: "acknowledgements", Row: specs.Row{"proposal": "1", "head": "h", "check_name": "c", "person": "p", "at": "2026-11-22 10:00:00.000000"}}}
	next := must[string](t)(first.PublishTo(ctx, repo.ProposalsBranch, made[0], edit, "acknowledge"))
	if _, err := racers[1].PublishTo(ctx, repo.ProposalsBranch, made[0], []repo.Edit{{Table: "reviews", Row: specs.Row{
		"proposal": "1", "person": "p", "head": "h", "comment": "", "at": "2026-11-22 10:00:00.000000"}}}, "late"); !errors.Is(err, repo.ErrLost) {
		t.Errorf("on an old base: %v", err)
	}
	if got := must[string](t)(racers[1].Ensure(ctx, schema.Proposals)); got != next {
		t.Errorf("head %s, want %s", got, next)
	}
	must[string](t)(first.PublishTo(ctx, repo.ProposalsBranch, next, []repo.Edit{{Table: "mainstay_schema", Row: specs.Row{"version": "99", "name": "the future"}}}, "newer"))
	if _, err := racers[2].Ensure(ctx, schema.Proposals); !errors.Is(err, repo.ErrNewerSchema) {
		t.Errorf("newer: %v", err)
	}
}

func TestRollBackToABranch(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, _ := newFleet(t, orders)
	start := heads(t, r).Main
	grown := change(t, r, "main", "UPDATE deployments SET volume_gb = 20")
	change(t, r, "main", "UPDATE deployments SET owner = 'team'; INSERT INTO deployments (name) VALUES ('other')")
	change(t, r, "main", "CREATE TABLE notes (id INT PRIMARY KEY); INSERT INTO notes VALUES (1)")
	before := heads(t, r)

	made := must[string](t)(r.RevertOnto(ctx, grown, "main", "undo-1", "shrink again"))
	if d := snapshot(t, r, made).ByName("orders"); d.VolumeGB != 10 || d.Owner != "team" {
		t.Errorf("reverted to %+v", d)
	}
	info := must[repo.CommitInfo](t)(r.Commit(ctx, made))
	if heads(t, r) != before || must[string](t)(r.Resolve(ctx, "undo-1")) != made || len(info.Parents) != 1 || info.Parents[0] != before.Main || info.Message != "shrink again" {
		t.Errorf("made %+v", info)
	}
	if _, err := r.RevertOnto(ctx, grown, "main", "undo-1", "again"); !errors.Is(err, repo.ErrBranchExists) {
		t.Errorf("on a branch that is there: %v", err)
	}
	if _, err := r.RevertOnto(ctx, grown, "nope", "undo-2", "x"); !errors.Is(err, repo.ErrUnknownRef) {
		t.Errorf("onto nothing: %v", err)
	}
	// The branch has it undone: nothing is left, and no branch is made.
	if made := must[string](t)(r.RevertOnto(ctx, grown, "undo-1", "undo-2", "x")); made != "" {
		t.Errorf("undone twice: %s", made)
	}
	if _, err := r.Resolve(ctx, "undo-2"); !errors.Is(err, repo.ErrUnknownRef) {
		t.Errorf("a branch of nothing: %v", err)
	}

	made = must[string](t)(r.ResetOnto(ctx, start, "main", "back", "all of it"))
	if changes := must[[]specs.RowChange](t)(r.Changes(ctx, start, made)); len(changes) != 0 || one(t, r, made, "SHOW TABLES LIKE 'notes'") != "" {
		t.Errorf("back at the start but for %v", changes)
	}
	if info := must[repo.CommitInfo](t)(r.Commit(ctx, made)); len(info.Parents) != 1 || info.Parents[0] != before.Main {
		t.Errorf("made %+v", info)
	}
	if made := must[string](t)(r.ResetOnto(ctx, "main", "main", "same", "nothing")); made != "" {
		t.Errorf("a commit of nothing: %s", made)
	}
	if _, err := r.ResetOnto(ctx, made, "main", "aside", "x"); !errors.Is(err, repo.ErrUnknownRef) || !strings.Contains(err.Error(), "not in the history") {
		t.Errorf("to a commit of another branch: %v", err)
	}

	// Later edits of the same cell are a person's to decide about.
	change(t, r, "main", "UPDATE deployments SET volume_gb = 40 WHERE name = 'orders'")
	var conflict *repo.ConflictError
	if _, err := r.RevertOnto(ctx, grown, "main", "undo-3", "x"); !errors.As(err, &conflict) {
		t.Fatalf("a conflicting revert: %v", err)
	}
	if c := conflict.Conflicts[0]; c.Key != "orders" || c.Column != "volume_gb" || c.Base != "20" || c.Ours != "40" || c.Theirs != "10" || c.OursBy == nil || c.TheirsBy != nil {
		t.Errorf("conflict %+v", c)
	}
	if _, err := r.Resolve(ctx, "undo-3"); !errors.Is(err, repo.ErrUnknownRef) {
		t.Errorf("a branch of a conflict: %v", err)
	}
}

// TestRollBackKeepsTheSchema: programs that run know the schema of now.
func TestRollBackKeepsTheSchema(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, _ := newFleet(t, orders)
	start := heads(t, r).Main
	migrated := change(t, r, "main", "INSERT INTO mainstay_schema VALUES (98, 'a step')")
	for name, undo := range map[string]func() (string, error){
		"Revert":     func() (string, error) { return r.Revert(ctx, migrated, "main", "x") },
		"RevertOnto": func() (string, error) { return r.RevertOnto(ctx, migrated, "main", "b", "x") },
		"ResetOnto":  func() (string, error) { return r.ResetOnto(ctx, start, "main", "b", "x") },
	} {
		if made, err := undo(); !errors.Is(err, repo.ErrSchemaStep) {
			t.Errorf("%s: %s, %v", name, made, err)
		}
	}
	if len(must[[]repo.Branch](t)(r.Branches(ctx))) != 2 {
		t.Error("a branch was made")
	}
}
