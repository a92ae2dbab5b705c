package repo_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/repo"
)

// TestSnapshotBeforeAMigration: a control plane that was upgraded begins at the
// commit that the former one left in force, which has the former schema.
func TestSnapshotBeforeAMigration(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r, _ := newFleet(t, "")
	first := must[string](t)(r.Resolve(ctx, "main~1"))
	s := must[*specs.Snapshot](t)(r.Snapshot(ctx, first))
	if s.SchemaVersion != 1 || len(s.Versions) == 0 {
		t.Fatalf("main~1 has schema version %d; is it still the commit before the last migration?", s.SchemaVersion)
	}
	head := must[string](t)(r.Resolve(ctx, "main"))
	changes := must[[]specs.RowChange](t)(r.Changes(ctx, first, head))
	if _, err := r.SnapshotAround(ctx, first, changes); err != nil {
		t.Error(err)
	}
	if found := s.Apply(changes); len(found) > 0 || s.SchemaVersion != specs.SchemaVersion {
		t.Errorf("the step to the newest schema: version %d, %v", s.SchemaVersion, found)
	}
}

// TestBlameAfterForks: of branches that began at one commit and were merged one
// after the other, each cell is blamed on the commit of its branch.
func TestBlameAfterForks(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r, _ := newFleet(t, "")
	must[*repo.Changed](t)(r.Change(ctx, "main", "INSERT INTO deployments (name) VALUES ('sales')", "add sales"))
	wrote := map[string]string{}
	columns := []string{"owner", "retention_days", "volume_gb"}
	for _, column := range columns {
		if err := r.CreateBranch(ctx, "set-"+column, "main"); err != nil {
			t.Fatal(err)
		}
		changed := must[*repo.Changed](t)(r.Change(ctx, "set-"+column, "UPDATE deployments SET "+column+" = '42'", "set "+column))
		wrote[column] = changed.Commit
	}
	for _, column := range columns {
		must[string](t)(r.Merge(ctx, "set-"+column, "main", "merge "+column))
	}
	again := must[*repo.Changed](t)(r.Change(ctx, "main", "UPDATE deployments SET zone = 'elsewhere'", "move"))
	wrote["zone"] = again.Commit
	for range 2 { // the second time from what was kept
		cells := must[[]repo.BlameCell](t)(r.Blame(ctx, "main", "sales"))
		for column, commit := range wrote {
			i := slices.IndexFunc(cells, func(c repo.BlameCell) bool { return c.Column == column })
			if i < 0 || cells[i].Commit != commit {
				t.Errorf("%s is blamed on %+v, want %s", column, cells[max(i, 0)], commit)
			}
		}
		if len(cells) != len(specs.DeploymentColumns()) {
			t.Errorf("%d cells are explained, want %d", len(cells), len(specs.DeploymentColumns()))
		}
	}
}

// TestRollBackWhatIsThere: a commit that main does not have cannot be undone on it.
func TestRollBackWhatIsThere(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r, _ := newFleet(t, "INSERT INTO deployments (name) VALUES ('sales')")
	ok(t, r.CreateBranch(ctx, "aside", "main"))
	must[*repo.Changed](t)(r.Change(ctx, "aside", "UPDATE deployments SET retention_days = 33", "one"))
	second := must[*repo.Changed](t)(r.Change(ctx, "aside", "UPDATE deployments SET owner = 'x'", "two"))
	if made, err := r.RevertOnto(ctx, second.Commit, "main", "back", "back"); !errors.Is(err, repo.ErrUnknownRef) {
		t.Errorf("made %q, %v", made, err)
	}
}
