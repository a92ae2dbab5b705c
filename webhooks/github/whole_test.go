package github_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/webhooks"
	"github.com/mainstaydb/mainstay/webhooks/github"
	"github.com/mainstaydb/mainstay/webhooks/githubtest"
	"github.com/mainstaydb/mainstay/webhooks/githubtest/openapi"
)

const orders = "specs/orders.yaml"

var fleet = webhooks.Repository{Owner: "acme", Name: "fleet"}

func secretOf(s string) github.Secret {
	return func(context.Context) ([]byte, error) { return []byte(s), nil }
}

// A world is a server with a fleet's repository, and a client of its App.
type world struct {
	*githubtest.GitHub
	repo *githubtest.Repository
	gh   *github.Client
}

func newWorld(t *testing.T) world {
	t.Helper()
	g := githubtest.New(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	g.Person("ann", "Ann Lee", "ann@acme.example")
	repo := g.Repository("acme", "fleet")
	repo.Allow("ann", githubtest.Write)
	repo.Commit("ann", "main", "Add orders", githubtest.Files{orders: "name: orders\nsize: small\n", "README.md": "Fleet\n"})
	app := g.App("mainstay", &key.PublicKey, githubtest.AppPermissions(), repo)
	gh, err := github.New(github.Options{BaseURL: g.URL, App: fmt.Sprint(app.ID), PrivateKey: secretOf(string(pem.EncodeToMemory(
		&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gh.Close)
	return world{g, repo, gh}
}

// TestWhole: what is asked and put, of a GitHub that keeps it.
func TestWhole(t *testing.T) {
	t.Parallel()
	whole(t, newWorld(t))
}

// TestConformance: every request has the form that GitHub describes.
func TestConformance(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("MAINSTAY_TEST_GITHUB")
	if dir == "" {
		t.Skip("MAINSTAY_TEST_GITHUB is not set: run tools/github.sh and set it to build/github")
	}
	d, err := openapi.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.Validate(d)
	whole(t, w)
	t.Logf("%d requests of %d routes, %d unchanged", w.Count(""), len(w.Requests()), w.Unchanged())
}

func whole(t *testing.T, w world) {
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	base := w.repo.Head("main")
	pr := w.repo.Open(githubtest.Opening{By: "eve", Title: "Grow orders", Body: "They are many.", From: w.repo.Fork("eve"), Files: githubtest.Files{orders: "name: orders\nsize: large\n"}})
	open, err := w.gh.OpenPullRequests(ctx, fleet, "main")
	must(err)
	p, err := w.gh.PullRequest(ctx, fleet, pr.Number)
	must(err)
	if len(open) != 1 || open[0].HeadSHA != p.HeadSHA || !p.Fork || p.Author.Login != "eve" || p.BaseSHA != base || p.State != "open" {
		t.Errorf("open: %+v, read: %+v", open, p)
	}
	files, err := w.gh.Files(ctx, fleet, p.HeadSHA, "specs")
	must(err)
	if len(files) != 1 || files[0].Path != orders || string(files[0].Content) != "name: orders\nsize: large\n" {
		t.Errorf("files at the fork's head: %+v", files)
	}
	if at, err := w.gh.MergeBase(ctx, fleet, p.BaseSHA, p.HeadSHA); err != nil || at != base {
		t.Errorf("merge base %s, %v", at, err)
	}
	review(t, w, pr, p.HeadSHA)
	people(t, w, pr)
	for login, want := range map[string]bool{"ann": true, "eve": false, "nobody": false} {
		if may, err := w.gh.MayWrite(ctx, fleet, login); err != nil || may != want {
			t.Errorf("%s may write: %v, %v", login, may, err)
		}
	}
	write(t, w, base)
	for _, state := range []string{"queued", "in_progress", "in_progress", "success"} {
		must(w.gh.PutDeploymentStatus(ctx, fleet, webhooks.DeploymentStatus{Ref: base, State: state, Description: state, URL: "https://mainstay.acme.example"}))
	}
	if all := w.repo.DeploymentStatuses(base); len(all) != 3 || w.repo.Deployments(base) != 1 || all[2].State != "success" {
		t.Errorf("deployment statuses: %+v", all)
	}
}

// review leaves a check run and a comment, and changes them.
func review(t *testing.T, w world, pr *githubtest.PullRequest, head string) {
	t.Helper()
	ctx := t.Context()
	run := webhooks.CheckRun{Name: "mainstay", HeadSHA: head, Status: "completed", Conclusion: "failure", Title: "Refused", Summary: "No.", DetailsURL: "https://mainstay.acme.example/1", ExternalID: "h1"}
	for i := range 120 {
		run.Annotations = append(run.Annotations, webhooks.Annotation{Path: orders, Line: 2, Level: "failure", Title: "size", Message: fmt.Sprintf("finding %d", i)})
	}
	again := run
	again.ExternalID, again.Conclusion, again.Annotations = "h2", "success", run.Annotations[:1]
	for _, r := range []webhooks.CheckRun{run, run, again} {
		if err := w.gh.PutCheckRun(ctx, fleet, r); err != nil {
			t.Fatal(err)
		}
	}
	if all := w.repo.CheckRuns(head); len(all) != 1 || all[0].Conclusion != "success" || len(all[0].Annotations) != 120 || all[0].ExternalID != "h2" || !strings.Contains(all[0].Summary, "119 of the annotations") {
		t.Errorf("check runs: %+v", all)
	}
	pr.Comment("eve", "<!-- mainstay -->\nI am Mainstay.")
	since := time.Now().Add(-time.Hour)
	for _, body := range []string{"plan one", "plan two"} {
		if err := w.gh.PutComment(ctx, fleet, pr.Number, "mainstay", body); err != nil {
			t.Fatal(err)
		}
		if err := w.gh.AddComment(ctx, fleet, pr.Number, "answer-1", "an answer"); err != nil {
			t.Fatal(err)
		}
	}
	var said []string
	for _, c := range pr.Comments() {
		said = append(said, c.By+": "+c.Body)
	}
	want := []string{"eve: <!-- mainstay -->\nI am Mainstay.", "mainstay[bot]: <!-- mainstay -->\nplan two", "mainstay[bot]: <!-- answer-1 -->\nan answer"}
	if !slices.Equal(said, want) {
		t.Errorf("comments: %q", said)
	}
	if all, err := w.gh.Comments(ctx, fleet, pr.Number, since); err != nil || len(all) != 3 {
		t.Errorf("read: %+v, %v", all, err)
	}
}

// people are the same wherever they are met.
func people(t *testing.T, w world, pr *githubtest.PullRequest) {
	t.Helper()
	ctx := t.Context()
	pull, err := w.gh.PullRequest(ctx, fleet, pr.Number)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := w.gh.Person(ctx, fleet, pull.Author.Login); err != nil || p != pull.Author {
		t.Errorf("%+v is %+v elsewhere, %v", pull.Author, p, err)
	}
	if all, err := w.gh.Writers(ctx, fleet, pr.Number); err != nil || !slices.Contains(all, pull.Author.Login) {
		t.Errorf("it was written by %v, %v", all, err)
	}
}

// write commits to main and to a branch that is proposed.
func write(t *testing.T, w world, base string) {
	t.Helper()
	ctx := t.Context()
	ann := webhooks.Person{Name: "Ann Lee", Email: "ann@acme.example"}
	files := []webhooks.File{{Path: "specs/users.yaml", Content: []byte("name: users\n")}, {Path: orders}, {Path: "specs/never.yaml"}}
	at, err := w.gh.Commit(ctx, fleet, "mainstay/render", base, "Render", ann, files)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := w.gh.Commit(ctx, fleet, "mainstay/render", base, "Render", ann, files); err != nil || again != at {
		t.Errorf("again: %s, %v", again, err)
	}
	if got, want := w.repo.Files("mainstay/render"), (githubtest.Files{"README.md": "Fleet\n", "specs/users.yaml": "name: users\n"}); !maps.Equal(got, want) {
		t.Errorf("the branch holds %q", got)
	}
	var number int
	for range 2 {
		p, err := w.gh.OpenPullRequest(ctx, fleet, "Render", "From the fleet.", "mainstay/render", "main")
		if err != nil || p.HeadSHA != at || number != 0 && p.Number != number {
			t.Fatalf("%+v, %v", p, err)
		}
		number = p.Number
	}
	w.repo.Commit("ann", "main", "Meanwhile", githubtest.Files{"README.md": "A fleet\n"})
	if _, err := w.gh.Commit(ctx, fleet, "main", base, "Render", ann, files); !errors.Is(err, webhooks.ErrMoved) {
		t.Errorf("a branch that moved: %v", err)
	}
	if head, err := w.gh.Head(ctx, fleet, "main"); err != nil || head != w.repo.Head("main") {
		t.Errorf("main is at %s, %v", head, err)
	}
}

// TestWholeToken: with a personal token the check is a status.
func TestWholeToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gh, err := github.New(github.Options{BaseURL: w.URL, Token: secretOf(w.Token("ann"))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gh.Close)
	head := w.repo.Head("main")
	for range 2 {
		if err := gh.PutCheckRun(t.Context(), fleet, webhooks.CheckRun{Name: "mainstay", HeadSHA: head, Status: "completed", Conclusion: "success", Title: "2 changes"}); err != nil {
			t.Fatal(err)
		}
	}
	if all := w.repo.Statuses(head); len(all) != 1 || all[0].State != "success" || all[0].Context != "mainstay" || all[0].Description != "2 changes" {
		t.Errorf("statuses: %+v", all)
	}
}
