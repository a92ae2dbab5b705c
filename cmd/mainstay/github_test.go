package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs/manifest"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/mainstaydb/mainstay/webhooks"
)

var ann, bob = webhooks.Person{Login: "ann", Name: "Ann Lee", Email: "ann@acme.example"}, webhooks.Person{Login: "bob", Email: "bob@acme.example"}

// newTestBridge is a bridge to a hub of its own, whose fleet has deployments db-0, db-1, …
func newTestBridge(t testing.TB, deployments int) *bridge {
	t.Helper()
	dir := t.TempDir()
	names := make([]string, deployments)
	for i := range names {
		names[i] = fmt.Sprintf("('00000000-0000-0000-0000-%012d', 'db-%d')", i, i)
	}
	to := target{hub: "file://" + filepath.Join(dir, "hub"), seats: filepath.Join(dir, "seats")}
	c, err := to.open(t.Context(), repo.Author{Name: "mainstay", Email: "mainstay@localhost"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	c.warn = io.Discard
	if err := c.Init(t.Context(), "INSERT INTO deployments (id, name) VALUES "+strings.Join(names, ", ")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	return newBridge(webhooks.Repository{Owner: "acme", Name: "fleet"}, map[string]string{"Bob": "bob@work.example"}, c, func() {})
}

func sayVolume(name string, gb int) webhooks.File {
	return webhooks.File{Path: "specs/" + name + ".yaml", Content: fmt.Appendf(nil, "name: %s\nvolume_gb: %d\n", name, gb)}
}

// pull is a pull request that changes a volume.
func pull(number int, name string, from, to int) webhooks.Proposal {
	return webhooks.Proposal{Number: number, Title: fmt.Sprintf("Grow %s", name), URL: fmt.Sprintf("https://github.example/acme/fleet/pull/%d", number), Author: ann,
		Head: fmt.Sprintf("%040x", number*1000+to), Base: []webhooks.File{sayVolume(name, from)}, Files: []webhooks.File{sayVolume(name, to)}}
}

func propose(t testing.TB, b *bridge, p webhooks.Proposal) webhooks.Review {
	t.Helper()
	r, err := b.Propose(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestProposedTwice: an equal pull request is an equal branch, so an approval of it
// holds; another head is another commit, and the proposal stays the same.
func TestProposedTwice(t *testing.T) {
	t.Parallel()
	b := newTestBridge(t, 3)
	first := propose(t, b, pull(7, "db-1", 10, 20))
	if !first.Passed || first.Touched != 1 || first.Fleet != 3 || len(first.Changes) != 1 {
		t.Fatalf("judged %+v", first)
	}
	if again := propose(t, b, pull(7, "db-1", 10, 20)); again.Commit != first.Commit {
		t.Errorf("the branch was made anew: %s, was %s", again.Commit, first.Commit)
	}
	next := propose(t, b, pull(7, "db-1", 10, 30))
	if next.Commit == first.Commit || next.Changes[0].To != "30" {
		t.Errorf("after a push it is %+v", next)
	}
	book, err := b.client.book(t.Context())
	if err != nil || len(book.Proposals) != 1 {
		t.Errorf("there are %d proposals, %v", len(book.Proposals), err)
	}
}

// TestMergedTwice: a merge whose end was lost is found, and not made again.
func TestMergedTwice(t *testing.T) {
	t.Parallel()
	b := newTestBridge(t, 3)
	p := pull(7, "db-1", 10, 20)
	propose(t, b, p)
	first, err := b.Merge(t.Context(), p, bob, "abc")
	if err != nil || first.Commit == "" {
		t.Fatal(first, err)
	}
	again, err := b.Merge(t.Context(), p, bob, "abc")
	if err != nil || again.Commit != first.Commit {
		t.Errorf("merged again as %s, was %s; %v", again.Commit, first.Commit, err)
	}
	info, err := b.client.Commit(t.Context(), first.Commit)
	if err != nil || info.Email != ann.Email || !strings.Contains(info.Message, "pull/7") || !strings.Contains(info.Message, "Merged there as abc") {
		t.Errorf("the commit is %+v, %v", info, err)
	}
	book, _ := b.client.book(t.Context())
	if got := book.Proposals[1].EndedBy; got != "bob@work.example" {
		t.Errorf("it was merged by %q", got)
	}
}

// TestOldConflict: a conflict with what main changed since is told as one, on the line
// of the file, also for a pull request that nobody judged before.
func TestOldConflict(t *testing.T) {
	t.Parallel()
	b := newTestBridge(t, 3)
	if _, err := b.client.Change(t.Context(), "main", "UPDATE deployments SET volume_gb = 15, owner = 'x' WHERE name = 'db-1'", "by hand"); err != nil {
		t.Fatal(err)
	}
	r := propose(t, b, pull(7, "db-1", 10, 20))
	want := []webhooks.Conflict{{Table: "deployments", Key: "db-1", Column: "volume_gb", Base: "10", Ours: "15", Theirs: "20", Path: "specs/db-1.yaml", Line: 2}}
	if d := cmp.Diff(want, r.Conflicts); d != "" || r.Passed {
		t.Errorf("conflicts (-want +got):\n%s", d)
	}
	m, err := b.Merge(t.Context(), pull(7, "db-1", 10, 20), bob, "abc")
	if err != nil || len(m.Conflict) != 1 {
		t.Errorf("merged all the same: %+v, %v", m, err)
	}
}

// TestApproveBridge: only what the fleet has is approved.
func TestApproveBridge(t *testing.T) {
	t.Parallel()
	b := newTestBridge(t, 3)
	p := pull(7, "db-1", 10, 20)
	if _, err := b.Approve(t.Context(), 7, p.Head, bob, false); !errors.Is(err, webhooks.ErrRefused) {
		t.Errorf("approved before it was proposed: %v", err)
	}
	propose(t, b, p)
	if _, err := b.Approve(t.Context(), 7, strings.Repeat("0", 40), bob, false); !errors.Is(err, webhooks.ErrRefused) {
		t.Errorf("approved another head: %v", err)
	}
	for _, by := range []struct {
		who   webhooks.Person
		wrote bool
	}{{ann, false}, {bob, true}} {
		if a, err := b.Approve(t.Context(), 7, p.Head, by.who, by.wrote); !errors.Is(err, webhooks.ErrRefused) {
			t.Errorf("%s, who wrote it, approved: %+v %v", by.who.Login, a, err)
		}
	}
	before, err := b.Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a, err := b.Approve(t.Context(), 7, p.Head, bob, false); err != nil || !a.Counts {
		t.Errorf("approved as %+v, %v", a, err)
	}
	if after, err := b.Heads(t.Context()); err != nil || after == before {
		t.Error("nothing is to be judged again after an approval")
	}
}

// TestOverlapsAndAffected: proposals about the same deployments are told of each other,
// and are found when main changes those.
func TestOverlapsAndAffected(t *testing.T) {
	t.Parallel()
	b := newTestBridge(t, 3)
	propose(t, b, pull(7, "db-1", 10, 20))
	propose(t, b, pull(8, "db-2", 10, 20))
	r := propose(t, b, pull(9, "db-1", 10, 30))
	if len(r.Others) != 1 || !strings.Contains(r.Others[0].Proposal, "github/7") || r.Others[0].What != "the same values: db-1.volume_gb" || !strings.HasSuffix(r.Others[0].URL, "/pull/7") {
		t.Errorf("told of %+v", r.Others)
	}
	heads, err := b.Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.client.Change(t.Context(), "main", "UPDATE deployments SET owner = 'x' WHERE name = 'db-2'", "by hand"); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Affected(t.Context(), heads); err != nil || !cmp.Equal(got, []int{8}) {
		t.Errorf("affected are %v, %v", got, err)
	}
}

// TestRenderBridge: what main changed is written and nothing else, with what people
// wrote around it; what came from GitHub is known as that.
func TestRenderBridge(t *testing.T) {
	t.Parallel()
	b := newTestBridge(t, 3)
	since, err := b.client.Resolve(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	there := []webhooks.File{
		{Path: "specs/db-1.yaml", Content: []byte("# the first\nname: db-1\nvolume_gb: 10\n")},
		{Path: "specs/db-2.yaml", Content: []byte("name: db-2\nvolume_gb: 99\n")}, // somebody is changing it
		{Path: "specs/notes.txt", Content: []byte("not ours")},
	}
	p := pull(7, "db-0", 10, 20)
	propose(t, b, p)
	if _, err := b.Merge(t.Context(), p, bob, "abc"); err != nil {
		t.Fatal(err)
	}
	if out, err := b.Render(t.Context(), "specs", there, since); err != nil || !out.FromGitHub {
		t.Errorf("a merge from GitHub is not known as one: %+v %v", out, err)
	}
	other := pull(8, "db-2", 10, 20)
	propose(t, b, other)
	book, err := b.client.book(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p8, _ := book.OpenOf("github/8")
	if _, _, err := b.client.mergeProposal(t.Context(), p8, book, prMergeOptions{}); err != nil {
		t.Fatal(err)
	}
	if out, err := b.Render(t.Context(), "specs", there, since); err != nil || out.FromGitHub {
		t.Errorf("a proposal that was merged here is taken for a merge on GitHub: %+v %v", out, err)
	}
	if since, err = b.client.Resolve(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.client.Change(t.Context(), "main", "UPDATE deployments SET volume_gb = 15 WHERE name = 'db-1'", "more room"); err != nil {
		t.Fatal(err)
	}
	out, err := b.Render(t.Context(), "specs", there, since)
	if err != nil || out.FromGitHub || out.Message != "more room" {
		t.Fatalf("rendered %+v, %v", out, err)
	}
	var paths []string
	for _, f := range out.Files {
		paths = append(paths, f.Path)
		if f.Path == "specs/db-1.yaml" && (!strings.HasPrefix(string(f.Content), "# the first\n") || !strings.Contains(string(f.Content), "volume_gb: 15")) {
			t.Errorf("db-1 is\n%s", f.Content)
		}
	}
	if want := []string{"specs/db-1.yaml"}; !cmp.Equal(paths, want) {
		t.Errorf("written are %v, want %v", paths, want)
	}
	if _, err := b.client.Change(t.Context(), "main", "DELETE FROM deployments WHERE name = 'db-1'", "gone"); err != nil {
		t.Fatal(err)
	}
	out, err = b.Render(t.Context(), "specs", there, out.Commit)
	if err != nil || len(out.Files) != 1 || out.Files[0].Path != "specs/db-1.yaml" || out.Files[0].Content != nil {
		t.Errorf("after a deletion: %+v, %v", out.Files, err)
	}
	// The first time nothing is known of what is there: it is not deleted.
	out, err = b.Render(t.Context(), "specs", there, "")
	if err != nil || len(out.Unknown) != 1 {
		t.Errorf("the first time: %+v, %v", out, err)
	}
	for _, f := range out.Files {
		if f.Content == nil {
			t.Errorf("%s is deleted", f.Path)
		}
	}
}

// TestProgressOf: what is told of one deployment on its way to a commit.
func TestProgressOf(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	condition := func(kind, reason string, age time.Duration) ledger.Condition {
		return ledger.Condition{Condition: plan.Condition{Type: kind, Status: true, Reason: reason, Message: "a reason"}, Since: now.Add(-age)}
	}
	for name, c := range map[string]struct {
		phase      plan.Phase
		conditions []ledger.Condition
		carried    bool
		want       webhooks.Convergence
	}{
		"as it says":        {plan.PhaseServing, nil, true, webhooks.Convergence{Done: true}},
		"not yet":           {plan.PhaseServing, nil, false, webhooks.Convergence{Waiting: "db, which is serving"}},
		"waits":             {plan.PhaseStarting, []ledger.Condition{condition("Waiting", "Waiting", time.Minute)}, false, webhooks.Convergence{Waiting: "db: a reason"}},
		"waits for a limit": {plan.PhaseServing, []ledger.Condition{condition("Held", string(plan.ByLimit), time.Minute)}, false, webhooks.Convergence{Waiting: "db: a reason"}},
		"waits for long":    {plan.PhaseStarting, []ledger.Condition{condition("Waiting", "Waiting", time.Hour)}, false, webhooks.Convergence{Stalled: "db: a reason"}},
		"failed":            {plan.PhaseServing, []ledger.Condition{condition("Held", string(plan.ByFailure), time.Second)}, false, webhooks.Convergence{Stalled: "db: a reason"}},
		"fails":             {plan.PhaseFailing, nil, true, webhooks.Convergence{Stalled: "db, which is failing"}},
		"deleted":           {plan.PhaseDeleted, []ledger.Condition{condition("Retained", "RowDeleted", time.Hour)}, false, webhooks.Convergence{Done: true}},
		"stopped":           {plan.PhaseStopped, nil, true, webhooks.Convergence{Done: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := ledger.Deployment{Status: plan.Status{ID: "1", Name: "db", Phase: c.phase}}
			if got := progressOf(d, c.conditions, c.carried, now); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestHostileNames: what people call themselves ends no author early.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	b := newBridge(webhooks.Repository{}, nil, nil, nil)
	for p, want := range map[webhooks.Person]repo.Author{
		{Login: "eve", Name: "Eve <bob@acme.example>\n", Email: "e@x"}: {Name: "Eve bob@acme.example", Email: "e@x"},
		{Login: "eve", Name: "<>", Email: "<>"}:                        {Name: "eve", Email: "nobody@localhost"},
		{}:                                                             {Name: "somebody on GitHub", Email: "nobody@localhost"},
	} {
		if got := b.author(p); got != want {
			t.Errorf("%+v is %+v, want %+v", p, got, want)
		}
	}
}

// TestFileChange: files that are the same, and what is no YAML, are not looked at; an old
// file that cannot be read says nothing.
func TestFileChange(t *testing.T) {
	t.Parallel()
	same := sayVolume("a", 1)
	c := fileChange(
		[]webhooks.File{same, {Path: "specs/b.yaml", Content: []byte("name: [")}, {Path: "specs/gone.yaml", Content: []byte("name: gone\n")}},
		[]webhooks.File{same, sayVolume("b", 2), {Path: "specs/README.md", Content: []byte("x")}, {Path: "specs/.hidden.yaml", Content: []byte("[")}})
	names := func(files []*manifest.File) (all []string) {
		for _, f := range files {
			all = append(all, f.Name)
		}
		return all
	}
	if !cmp.Equal(names(c.old), []string{"specs/gone.yaml"}) || !cmp.Equal(names(c.files), []string{"specs/b.yaml"}) || len(c.faults) > 0 {
		t.Errorf("old %v, new %v, faults %v", names(c.old), names(c.files), c.faults)
	}
}

// BenchmarkRecheck is what it costs here to judge a pull request again after main moved,
// with 500 open.
func BenchmarkRecheck(b *testing.B) {
	const open = 500
	bridge := newTestBridge(b, open)
	for n := range open {
		propose(b, bridge, pull(n+1, fmt.Sprintf("db-%d", n), 10, 20))
	}
	if _, err := bridge.client.Change(b.Context(), "main", "UPDATE deployments SET owner = 'x' WHERE name = 'db-0'", "by hand"); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		if r := propose(b, bridge, pull(n%open+1, fmt.Sprintf("db-%d", n%open), 10, 20)); !r.Passed {
			b.Fatalf("%+v", r)
		}
		n++
	}
}
