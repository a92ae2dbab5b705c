package githubtest_test

import (
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/mainstaydb/mainstay/webhooks/githubtest"
)

const orders = "name: orders\nsize: small\nregion: west\nversion: 1\nowner: ann\n"

// TestTwoOfOneFile: two that change different lines both merge; of two that change the
// same, the second cannot.
func TestTwoOfOneFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.repo.Commit("ann", "main", "All fields", githubtest.Files{file: orders})
	propose := func(old, now string) *githubtest.PullRequest {
		return w.repo.Open(githubtest.Opening{By: "ann", Title: now, Files: githubtest.Files{file: strings.Replace(orders, old, now, 1)}})
	}
	size, owner, other := propose("size: small", "size: large"), propose("owner: ann", "owner: bob"), propose("size: small", "size: tiny")
	for _, pr := range []*githubtest.PullRequest{size, owner} {
		if _, err := pr.Merge("ann"); err != nil {
			t.Fatalf("%d: %v", pr.Number, err)
		}
	}
	equal(t, "main", w.repo.Files("main")[file], "name: orders\nsize: large\nregion: west\nversion: 1\nowner: bob\n")
	if _, err := other.Merge("ann"); err == nil || other.Mergeable() {
		t.Errorf("the same field merges twice: %v", err)
	}
	back, err := size.Revert("ann")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := back.Squash("ann"); err != nil {
		t.Fatal(err)
	}
	equal(t, "main after the revert", w.repo.Files("main")[file], "name: orders\nsize: small\nregion: west\nversion: 1\nowner: bob\n")
	log := w.repo.Log("main")
	if want := `Revert "size: large" (#4)`; log[0].Message != want || len(log[0].Parents) != 1 {
		t.Errorf("the squashed commit is %q with %d parents", log[0].Message, len(log[0].Parents))
	}
}

// TestForced: a branch that is moved elsewhere takes its pull request along.
func TestForced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	pr := w.repo.Open(githubtest.Opening{By: "ann", Title: "Grow", Files: githubtest.Files{file: "size: large\n"}})
	was := pr.Head()
	w.repo.Branch("ann", "elsewhere", w.repo.Head("main"))
	sha := w.repo.Commit("ann", "elsewhere", "Otherwise", githubtest.Files{file: "size: tiny\n"})
	w.repo.Branch("ann", pr.Branch, sha)
	equal(t, "head", pr.Head(), sha)
	// What was there before is still found by its id, as on GitHub.
	equal(t, "commit of before", done[*github.Commit](t)(w.bot.Git.GetCommit(t.Context(), "acme", "fleet", was)).GetSHA(), was)
	w.repo.Symlink("ann", "elsewhere", "specs/link", "../../etc/passwd")
	tree := done[*github.Tree](t)(w.bot.Git.GetTree(t.Context(), "acme", "fleet", "elsewhere", true))
	mode := ""
	for _, e := range tree.Entries {
		if e.GetPath() == "specs/link" {
			mode = e.GetMode()
		}
	}
	equal(t, "mode of the link", mode, "120000")
	w.repo.Remove("ann", "elsewhere", "Unlink", "specs/link")
	equal(t, "files", len(w.repo.Files("elsewhere")), 2)
	w.repo.Branch("ann", pr.Branch, "")
	equal(t, "state without its branch", pr.State(), "closed")
}

// TestPushedMerge: a merge that was made on somebody's own machine is one too.
func TestPushedMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	open := func(name string) *githubtest.PullRequest {
		return w.repo.Open(githubtest.Opening{By: "ann", Title: name, Files: githubtest.Files{name: "x\n"}})
	}
	pr, other := open("a"), open("b")
	w.repo.Branch("ann", "main", pr.Head())
	equal(t, "state", pr.State(), "merged")
	equal(t, "state of the other", other.State(), "open")
	got := done[*github.PullRequest](t)(w.bot.PullRequests.Get(t.Context(), "acme", "fleet", pr.Number))
	equal(t, "by", got.GetMergedBy().GetLogin(), "ann")
	equal(t, "commit", got.GetMergeCommitSHA(), w.repo.Head("main"))
}

// BenchmarkPages reads 500 open pull requests of a fleet of 500 files, as a sweep does.
func BenchmarkPages(b *testing.B) {
	g := githubtest.New(b)
	r := g.Repository("acme", "fleet")
	files := githubtest.Files{}
	for i := range 500 {
		files["specs/d"+strings.Repeat("x", i)+".yaml"] = orders
	}
	r.Commit("acme", "main", "All", files)
	for i := range 500 {
		r.Open(githubtest.Opening{By: "acme", Title: "Grow", Files: githubtest.Files{"specs/d" + strings.Repeat("x", i) + ".yaml": "size: large\n"}})
	}
	c, err := github.NewClient(nil).WithAuthToken(g.Token("acme")).WithEnterpriseURLs(g.URL, g.URL)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		opts := &github.PullRequestListOptions{ListOptions: github.ListOptions{PerPage: 100}}
		for page := 1; page != 0; {
			opts.Page = page
			_, answer, err := c.PullRequests.List(b.Context(), "acme", "fleet", opts)
			if err != nil {
				b.Fatal(err)
			}
			page = answer.NextPage
		}
	}
}
