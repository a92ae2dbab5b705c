package repo_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/repo"
)

var author = repo.Author{Name: "Ann Other", Email: "ann@example.com"}

const orders = "INSERT INTO deployments (name) VALUES ('orders')"

// newHub gives the URL of a file:// hub that does not exist yet.
func newHub(t *testing.T) string {
	t.Helper()
	return "file://" + filepath.Join(t.TempDir(), "hub")
}

func open(t *testing.T, hub string) *repo.Repo {
	t.Helper()
	return openWith(t, repo.Options{Dir: filepath.Join(t.TempDir(), "clone"), Hub: hub, Author: author})
}

func openWith(t *testing.T, o repo.Options) *repo.Repo {
	t.Helper()
	r, err := repo.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// newFleet gives a repository on a hub that holds the seed.
func newFleet(t *testing.T, seed string) (*repo.Repo, string) {
	t.Helper()
	hub := newHub(t)
	r := open(t, hub)
	ok(t, r.Init(context.Background(), seed))
	return r, hub
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[V any](t *testing.T) func(V, error) V {
	t.Helper()
	return func(v V, err error) V {
		t.Helper()
		ok(t, err)
		return v
	}
}

func heads(t *testing.T, r *repo.Repo) repo.Heads {
	t.Helper()
	return must[repo.Heads](t)(r.Fetch(context.Background()))
}

func snapshot(t *testing.T, r *repo.Repo, commit string) *specs.Snapshot {
	t.Helper()
	return must[*specs.Snapshot](t)(r.Snapshot(context.Background(), commit))
}

func TestInitAndClone(t *testing.T) {
	t.Parallel()
	r, hub := newFleet(t, orders)
	ctx := context.Background()
	if err := r.Init(ctx, ""); !errors.Is(err, repo.ErrInitialised) {
		t.Errorf("second Init: %v", err)
	}
	ok(t, r.CheckSchema(ctx))
	other := open(t, hub)
	h := heads(t, other)
	if h != heads(t, r) || h.Main == "" || h.Status == "" {
		t.Fatalf("heads %v", h)
	}
	s := snapshot(t, other, h.Main)
	if f := specs.Validate(s); len(f) > 0 {
		t.Errorf("the seed has findings: %v", f)
	}
	d := s.ByName("orders")
	if d == nil || d.VolumeGB != 10 || d.Zone != "local" || !d.Running || d.Protected || d.DoltVersion != "2.2.0" || len(d.ID) != 36 {
		t.Errorf("a name alone gave %+v", d)
	}
	tables := must[map[string][]specs.Row](t)(other.Tables(ctx, h.Status, "world", "mainstay_schema"))
	if len(tables["world"]) != 0 || len(tables["mainstay_schema"]) == 0 {
		t.Errorf("status holds %v", tables)
	}
	if _, err := other.Tables(ctx, h.Status, "settings"); !errors.Is(err, repo.ErrNotInitialised) {
		t.Errorf("status has main's tables: %v", err)
	}
}

// TestOpenRefuses runs by itself: a program that starts while a clone is made could have
// its lock.
func TestOpenRefuses(t *testing.T) {
	ctx := context.Background()
	r, hub := newFleet(t, "")
	_ = r
	dir := t.TempDir()
	first := openWith(t, repo.Options{Dir: dir, Hub: hub, Author: author})
	if _, err := repo.Open(ctx, repo.Options{Dir: dir, Hub: hub, Author: author}); !errors.Is(err, repo.ErrLocked) {
		t.Errorf("second Open: %v", err)
	}
	ok(t, first.Close())
	if _, err := repo.Open(ctx, repo.Options{Dir: dir, Hub: newHub(t), Author: author}); err == nil || !strings.Contains(err.Error(), "is a clone of") {
		t.Errorf("another hub: %v", err)
	}
	again := openWith(t, repo.Options{Dir: dir, Hub: hub, Author: author})
	heads(t, again)
}

func TestCheckHub(t *testing.T) {
	t.Parallel()
	for hub, want := range map[string]string{
		"file:///srv/hub":                   "",
		"http://127.0.0.1:1/fleet":          "",
		"https://doltremoteapi.example/a/b": "",
		"aws://[table:bucket]/db":           "",
		"git+file:///srv/hub":               "git remote",
		"git+ssh://host/x.git":              "git remote",
		"https://host/x.git":                "git remote",
		"ftp://host/x":                      "must begin with",
		"/srv/hub":                          "must begin with",
		"file://srv/hub":                    "absolute path",
		"http://user:secret@host/x":         "user and password apart",
	} {
		err := repo.CheckHub(hub)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", hub, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is in the error: %v", err)
		}
	}
}

func TestUnreachableHub(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	// Port 1 on loopback: nothing listens there.
	_, err := repo.Open(ctx, repo.Options{Dir: t.TempDir(), Hub: "http://127.0.0.1:1/fleet", Author: author})
	if err == nil || !strings.Contains(err.Error(), "cannot be cloned") {
		t.Errorf("got %v", err)
	}
}

func TestChange(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, hub := newFleet(t, orders)
	before := heads(t, r)
	c := must[*repo.Changed](t)(r.Change(ctx, "main", "UPDATE deployments SET volume_gb = 20 WHERE name = 'orders'; SELECT volume_gb FROM deployments;", "grow"))
	if c.Base != before.Main || c.Commit == "" || len(c.Results) != 2 || c.Results[0].Affected != 1 || c.Results[1].Rows[0][0] != "20" {
		t.Errorf("got %+v", c)
	}
	if len(c.Changes) != 1 || c.Changes[0].From["volume_gb"] != "10" || c.Changes[0].To["volume_gb"] != "20" || c.Changes[0].To["running"] != "1" {
		t.Errorf("changes %v", c.Changes)
	}
	other := open(t, hub)
	if got := heads(t, other).Main; got != c.Commit {
		t.Errorf("the hub has %s, want %s", got, c.Commit)
	}
	c = must[*repo.Changed](t)(r.Change(ctx, "main", "UPDATE deployments SET volume_gb = 20", "again"))
	if c.Commit != "" {
		t.Errorf("a commit of nothing: %+v", c)
	}
}

func TestChangeRefused(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, _ := newFleet(t, orders)
	before := heads(t, r)
	for statements, want := range map[string]string{
		"INSERT INTO deployments (name) VALUES ('ok'); INSERT INTO deployments (name) VALUES ('Bad Name')": "deployments_name_is_a_dns_label",
		"INSERT INTO deployments (name) VALUES ('orders')":                                                 "statement 1",
		"UPDATE deployments SET dolt_version = '9.9.9'":                                                    "deployments_dolt_version_is_known",
		"UPDATE deployments SET volume_gb = 0":                                                             "deployments_volume_gb_range",
		"CREATE TABLE left_over (id INT PRIMARY KEY); SELEC 1":                                             "statement 2",
		"CALL dolt_checkout('main')":                                                                       "not possible here",
		"USE fleet":                                                                                        "not possible here",
	} {
		_, err := r.Change(ctx, "main", statements, "x")
		var se *repo.StatementError
		if !errors.As(err, &se) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", statements, err, want)
		}
	}
	if _, err := r.Change(ctx, "nope", "SELECT 1", "x"); !errors.Is(err, repo.ErrUnknownRef) || !strings.Contains(err.Error(), "main, status") {
		t.Errorf("unknown branch: %v", err)
	}
	if _, err := r.Change(ctx, "status", "SELECT 1", "x"); !errors.Is(err, repo.ErrProtectedBranch) {
		t.Errorf("status: %v", err)
	}
	if after := heads(t, r); after != before {
		t.Errorf("refused changes moved %v to %v", before, after)
	}
	result := must[*repo.Result](t)(r.Query(ctx, "main", "SELECT name FROM dolt_branches"))
	if len(result.Rows) != 1 {
		t.Errorf("branches were left behind: %v", result.Rows)
	}
}

func TestMergeKeepsBothChanges(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, _ := newFleet(t, orders)
	ok(t, r.CreateBranch(ctx, "rename", "main"))
	if err := r.CreateBranch(ctx, "rename", "main"); !errors.Is(err, repo.ErrBranchExists) {
		t.Errorf("twice: %v", err)
	}
	must[*repo.Changed](t)(r.Change(ctx, "rename", "UPDATE deployments SET name = 'sales'", "rename"))
	grow := must[*repo.Changed](t)(r.Change(ctx, "main", "UPDATE deployments SET volume_gb = 30", "grow"))
	preview := must[*repo.Merged](t)(r.TryMerge(ctx, repo.MergeOptions{Branch: "rename", Into: "main"}))
	if d := snapshot(t, r, preview.Commit).ByName("sales"); d == nil || d.VolumeGB != 30 || len(preview.Changes) != 1 {
		t.Errorf("preview %+v of %+v", d, preview)
	}
	if got := heads(t, r).Main; got != grow.Commit {
		t.Errorf("the preview moved the hub to %s", got)
	}
	merged := must[string](t)(r.Merge(ctx, "rename", "main", "merge rename"))
	if d := snapshot(t, r, merged).ByName("sales"); d == nil || d.VolumeGB != 30 {
		t.Errorf("merged %+v", d)
	}
	if again := must[string](t)(r.Merge(ctx, "rename", "main", "again")); again != "" {
		t.Errorf("merged twice: %s", again)
	}
	steps, isAncestor, err := r.Steps(ctx, grow.Base, merged)
	if err != nil || !isAncestor || len(steps) != 2 || steps[0] != grow.Commit || steps[1] != merged {
		t.Errorf("steps %v %v %v", steps, isAncestor, err)
	}
	if _, isAncestor, err := r.Steps(ctx, merged, grow.Commit); err != nil || isAncestor {
		t.Errorf("backwards: %v %v", isAncestor, err)
	}
	if _, isAncestor, err := r.Steps(ctx, strings.Repeat("a", 32), merged); err != nil || isAncestor {
		t.Errorf("from another history: %v %v", isAncestor, err)
	}
	ok(t, r.DeleteBranch(ctx, "rename"))
	branches := must[[]repo.Branch](t)(r.Branches(ctx))
	if len(branches) != 2 || branches[0].Name != "main" || branches[0].Author != author.Name {
		t.Errorf("branches %+v", branches)
	}
	if err := r.DeleteBranch(ctx, "main"); !errors.Is(err, repo.ErrProtectedBranch) {
		t.Errorf("main deleted: %v", err)
	}
}

func TestMergeConflicts(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for name, c := range map[string]struct{ branch, main, want string }{
		"cell":         {"UPDATE deployments SET volume_gb = 20", "UPDATE deployments SET volume_gb = 30", "volume_gb is 30 here and 20 there"},
		"unique":       {"INSERT INTO deployments (name) VALUES ('same')", "INSERT INTO deployments (name) VALUES ('same')", "same"},
		"delete":       {"DELETE FROM deployments", "UPDATE deployments SET owner = 'x'", "orders"},
		"foreign key":  {"UPDATE deployments SET dolt_version = '1.86.4'", "DELETE FROM versions WHERE version = '1.86.4'", "dolt_version"},
		"two columns":  {"UPDATE deployments SET volume_iops = 1000", "UPDATE deployments SET volume_type = 'sc1'", ""},
		"schema apart": {"CREATE TABLE notes (id INT PRIMARY KEY)", "CREATE TABLE notes (id VARCHAR(10) PRIMARY KEY)", "notes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := newFleet(t, orders)
			ok(t, r.CreateBranch(ctx, "b", "main"))
			must[*repo.Changed](t)(r.Change(ctx, "b", c.branch, "branch"))
			must[*repo.Changed](t)(r.Change(ctx, "main", c.main, "main"))
			before := heads(t, r)
			_, err := r.Merge(ctx, "b", "main", "merge")
			var conflict *repo.ConflictError
			if c.want == "" {
				ok(t, err)
				return
			}
			if !errors.As(err, &conflict) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			if heads(t, r) != before {
				t.Error("the hub moved")
			}
		})
	}
}

func TestRevert(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, _ := newFleet(t, orders)
	deleted := must[*repo.Changed](t)(r.Change(ctx, "main", "DELETE FROM deployments", "oops"))
	must[*repo.Changed](t)(r.Change(ctx, "main", "INSERT INTO deployments (name) VALUES ('other')", "other"))
	made := must[string](t)(r.Revert(ctx, deleted.Commit, "main", "bring orders back"))
	s := snapshot(t, r, made)
	if s.ByName("orders") == nil || s.ByName("other") == nil {
		t.Errorf("after the revert: %v", s.Deployments)
	}
	if again := must[string](t)(r.Revert(ctx, deleted.Commit, "main", "again")); again != "" {
		t.Errorf("reverted twice: %s", again)
	}
	ok(t, r.CreateBranch(ctx, "b", "main"))
	must[*repo.Changed](t)(r.Change(ctx, "b", "UPDATE deployments SET owner = 'team'", "own"))
	merge := must[string](t)(r.Merge(ctx, "b", "main", "merge b"))
	made = must[string](t)(r.Revert(ctx, merge, "main", "not ours"))
	if d := snapshot(t, r, made).ByName("orders"); d == nil || d.Owner != "" {
		t.Errorf("after reverting a merge: %+v", d)
	}
	grown := must[*repo.Changed](t)(r.Change(ctx, "main", "UPDATE deployments SET volume_gb = 20", "grow"))
	must[*repo.Changed](t)(r.Change(ctx, "main", "UPDATE deployments SET volume_gb = 40", "grow more"))
	var conflict *repo.ConflictError
	if _, err := r.Revert(ctx, grown.Commit, "main", "no"); !errors.As(err, &conflict) {
		t.Errorf("a conflicting revert: %v", err)
	}
	log := must[[]repo.LogEntry](t)(r.Log(ctx, "main", repo.LogOptions{Limit: 4}))
	if log[2].Message != "not ours" || log[2].Author != author.Name || log[2].Email != author.Email || len(log[2].Changes) != 2 {
		t.Errorf("log %+v", log[2])
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, _ := newFleet(t, orders)
	seeded := heads(t, r).Main
	log := must[[]repo.LogEntry](t)(r.Log(ctx, "main", repo.LogOptions{}))
	// A time is whole seconds: move past the seed's.
	c := must[*repo.Changed](t)(r.Change(ctx, "main", "UPDATE deployments SET owner = 'a'", "own"))
	for ref, want := range map[string]string{
		"main": c.Commit, c.Commit: c.Commit, c.Commit[:8]: c.Commit, "main~1": seeded, "main^": seeded, c.Commit + "~": seeded,
		time.Now().Add(time.Hour).UTC().Format(time.RFC3339):       c.Commit,
		log[0].Date.Add(time.Microsecond).Format(time.RFC3339Nano): seeded,
	} {
		if got, err := r.Resolve(ctx, ref); err != nil || got != want {
			t.Errorf("%q is %s (%v), want %s", ref, got, err, want)
		}
	}
	for _, ref := range []string{"mian", strings.Repeat("0", 32), "main~99", "2001-01-01T00:00:00Z", "'", "scratch-1"} {
		if _, err := r.Resolve(ctx, ref); !errors.Is(err, repo.ErrUnknownRef) {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, _ := newFleet(t, orders)
	before := heads(t, r)
	for statement, want := range map[string]string{
		"SELECT name, running, NULL FROM deployments;":   "[orders 1 <nil>]",
		"SHOW TABLES LIKE 'limits'":                      "[limits]",
		"(SELECT 1) UNION (SELECT 2) ORDER BY 1 LIMIT 1": "[1]",
		"WITH x AS (SELECT 7 AS n) SELECT n FROM x":      "[7]",
	} {
		result, err := r.Query(ctx, "main", statement)
		if err != nil || len(result.Rows) != 1 || fmt.Sprint(result.Rows[0]) != want {
			t.Errorf("%s: %+v, %v", statement, result, err)
		}
	}
	for _, statement := range []string{
		"DELETE FROM deployments", "CALL dolt_reset('--hard')", "SELECT 1 INTO OUTFILE '/tmp/x'", "DROP TABLE limits", "SELECT 1; SELECT 2", "SET @@autocommit = 0", "",
	} {
		if result, err := r.Query(ctx, "main", statement); err == nil {
			t.Errorf("%s: %+v", statement, result)
		}
	}
	if heads(t, r) != before {
		t.Error("a query moved the hub")
	}
}

func TestLogAndBlame(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, _ := newFleet(t, orders+"; INSERT INTO deployments (name) VALUES ('other')")
	grow := must[*repo.Changed](t)(r.Change(ctx, "main", "UPDATE deployments SET volume_gb = 20 WHERE name = 'orders'", "grow"))
	must[*repo.Changed](t)(r.Change(ctx, "main", "UPDATE deployments SET volume_gb = 30 WHERE name = 'other'", "elsewhere"))
	set := must[*repo.Changed](t)(r.Change(ctx, "main", "INSERT INTO settings SELECT id, 'log_level', 'debug' FROM deployments WHERE name = 'orders'", "louder"))
	ok(t, r.CreateBranch(ctx, "b", "main"))
	rename := must[*repo.Changed](t)(r.Change(ctx, "b", "UPDATE deployments SET name = 'sales' WHERE name = 'orders'", "rename"))
	must[*repo.Changed](t)(r.Change(ctx, "main", "UPDATE deployments SET owner = 'x' WHERE name = 'other'", "own"))
	must[string](t)(r.Merge(ctx, "b", "main", "merge"))

	blame := map[string]repo.BlameCell{}
	for _, cell := range must[[]repo.BlameCell](t)(r.Blame(ctx, "main", "sales")) {
		blame[cell.Column] = cell
	}
	for column, want := range map[string]string{"name": rename.Commit, "volume_gb": grow.Commit, "settings.log_level": set.Commit} {
		if got := blame[column]; got.Commit != want || got.Author != author.Name || got.Message == "" || got.Date.IsZero() {
			t.Errorf("blame of %s: %+v, want %s", column, got, want)
		}
	}
	if blame["zone"].Message != "seed the fleet" || blame["settings.log_level"].Value != "debug" {
		t.Errorf("blame %+v", blame)
	}
	var messages []string
	for _, e := range must[[]repo.LogEntry](t)(r.Log(ctx, "main", repo.LogOptions{Deployment: "sales"})) {
		messages = append(messages, e.Message)
	}
	if got := strings.Join(messages, ","); got != "merge,rename,louder,grow,seed the fleet" {
		t.Errorf("log of sales: %s", got)
	}
	louder := must[[]repo.LogEntry](t)(r.Log(ctx, set.Commit, repo.LogOptions{Limit: 1}))[0].Changes
	if len(louder) == 0 || louder[0].Key != "orders/log_level" {
		t.Errorf("cells %+v", louder)
	}
	if none := must[[]repo.LogEntry](t)(r.Log(ctx, "main", repo.LogOptions{Author: "nobody"})); len(none) != 0 {
		t.Errorf("log of nobody: %v", none)
	}
	if _, err := r.Blame(ctx, "main", "nope"); err == nil {
		t.Error("blame of nothing")
	}
}

func TestCancelledContextPoisonsNothing(t *testing.T) {
	t.Parallel()
	r, _ := newFleet(t, orders)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Change(ctx, "main", "DELETE FROM deployments", "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := r.Fetch(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if s := snapshot(t, r, heads(t, r).Main); s.ByName("orders") == nil {
		t.Error("a cancelled change was made")
	}
	must[*repo.Changed](t)(r.Change(context.Background(), "main", "DELETE FROM deployments", "x"))
}

func TestMain(m *testing.M) {
	// The engine reads its user's configuration: not that of whoever runs the tests.
	home, err := os.MkdirTemp("", "repo-test")
	if err != nil {
		panic(err)
	}
	os.Setenv("HOME", home)
	os.Setenv("DOLT_ROOT_PATH", home)
	code := m.Run()
	os.RemoveAll(home)
	os.Exit(code)
}
