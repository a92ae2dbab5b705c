package githubtest_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/mainstaydb/mainstay/webhooks/githubtest"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	refusals(t, newWorld(t, nil))
}

// refused fails unless a call was answered with a status.
func refused[T any](t *testing.T, what string, want int) func(T, *github.Response, error) {
	return func(_ T, r *github.Response, err error) {
		t.Helper()
		if err == nil || r == nil || r.StatusCode != want {
			t.Errorf("%s: %v, want status %d", what, err, want)
		}
	}
}

// refusals asks for what GitHub refuses.
func refusals(t *testing.T, w world) {
	ctx := t.Context()
	w.Person("eve", "", "")
	eve := client(t, w.GitHub, w.Token("eve"))
	pr := w.repo.Open(githubtest.Opening{By: "ann", Title: "Grow", Files: githubtest.Files{file: "size: large\n"}})
	run := github.CreateCheckRunOptions{Name: "mainstay", HeadSHA: pr.Head()}
	missing := github.CreateCheckRunOptions{Name: "mainstay", HeadSHA: noCommit}
	hello := &github.IssueComment{Body: github.String("hello")}

	refused[*github.PullRequest](t, "a pull request that is not there", 404)(w.bot.PullRequests.Get(ctx, "acme", "fleet", 99))
	refused[*github.Repository](t, "a repository that one does not see", 404)(eve.Repositories.Get(ctx, "acme", "fleet"))
	refused[*github.Repository](t, "a wrong token", 401)(client(t, w.GitHub, "ghp_wrong").Repositories.Get(ctx, "acme", "fleet"))
	refused[*github.Repository](t, "the App itself", 403)(w.jwt.Repositories.Get(ctx, "acme", "fleet"))
	refused[*github.App](t, "an installation that asks as the App", 401)(w.bot.Apps.Get(ctx, ""))
	refused[*github.CheckRun](t, "a check run of a person", 403)(w.ann.Checks.CreateCheckRun(ctx, "acme", "fleet", run))
	refused[*github.CheckRun](t, "a check run of no commit", 422)(w.bot.Checks.CreateCheckRun(ctx, "acme", "fleet", missing))
	refused[*github.IssueComment](t, "a comment without words", 422)(w.bot.Issues.CreateComment(ctx, "acme", "fleet", pr.Number, &github.IssueComment{Body: github.String("")}))
	refused[*github.PullRequest](t, "a second one of a branch", 422)(w.bot.PullRequests.Create(ctx, "acme", "fleet",
		&github.NewPullRequest{Title: github.String("Again"), Head: &pr.Branch, Base: github.String("main")}))
	refused[*github.PullRequestMergeResult](t, "a merge of another head", 409)(w.ann.PullRequests.Merge(ctx, "acme", "fleet", pr.Number, "", &github.PullRequestOptions{SHA: noCommit}))
	refused[*github.User](t, "nobody", 404)(w.bot.Users.Get(ctx, "nobody"))

	w.repo.Allow("eve", githubtest.Read)
	done[*github.IssueComment](t)(eve.Issues.CreateComment(ctx, "acme", "fleet", pr.Number, hello))
	refused[*github.PullRequestMergeResult](t, "a merge by a reader", 403)(eve.PullRequests.Merge(ctx, "acme", "fleet", pr.Number, "", nil))

	w.repo.Commit("ann", "main", "Shrink", githubtest.Files{file: "size: tiny\n"})
	equal(t, "mergeable", pr.Mergeable(), false)
	refused[*github.PullRequestMergeResult](t, "a merge with a conflict", 405)(w.ann.PullRequests.Merge(ctx, "acme", "fleet", pr.Number, "", nil))
}

const noCommit = "0000000000000000000000000000000000000000"

// TestAnnotations: GitHub takes 50 with a request, and 65535 characters.
func TestAnnotations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	note := &github.CheckRunAnnotation{Path: github.String(file), StartLine: github.Int(1), EndLine: github.Int(1), AnnotationLevel: github.String("notice"), Message: github.String("x")}
	for n, want := range map[int]int{50: http.StatusCreated, 51: http.StatusUnprocessableEntity} {
		notes := make([]*github.CheckRunAnnotation, n)
		for i := range notes {
			notes[i] = note
		}
		_, r, _ := w.bot.Checks.CreateCheckRun(t.Context(), "acme", "fleet", github.CreateCheckRunOptions{Name: "mainstay", HeadSHA: w.repo.Head("main"),
			Output: &github.CheckRunOutput{Title: github.String("t"), Summary: github.String("s"), Annotations: notes}})
		equal(t, "status", r.StatusCode, want)
	}
}

// TestPermissions: an App may do what it was given, and nothing else.
func TestPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	key := newKey(t)
	app := w.App("reader", &key.PublicKey, map[string]string{"contents": "read"}, w.repo)
	c := installed(t, w.GitHub, app, key)
	done[*github.Reference](t)(c.Git.GetRef(t.Context(), "acme", "fleet", "heads/main"))
	refused[*github.Blob](t, "writing", 403)(c.Git.CreateBlob(t.Context(), "acme", "fleet", &github.Blob{Content: github.String("x"), Encoding: github.String("utf-8")}))
	refused[[]*github.PullRequest](t, "reading pull requests", 403)(c.PullRequests.List(t.Context(), "acme", "fleet", nil))
	w.Repository("acme", "other")
	refused[*github.Repository](t, "where it is not installed", 404)(c.Repositories.Get(t.Context(), "acme", "other"))
}

// TestNarrowTokens: a token of an installation may be for less than the App has.
func TestNarrowTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	key := newKey(t)
	app := w.App("narrow", &key.PublicKey, map[string]string{"contents": "write"}, w.repo, w.Repository("acme", "other"))
	jwt := client(t, w.GitHub, signed(t, key, claims(app, time.Minute)))
	ask := func(o github.InstallationTokenOptions) (*github.InstallationToken, *github.Response, error) {
		return jwt.Apps.CreateInstallationToken(t.Context(), app.Installation, &o)
	}
	token := done[*github.InstallationToken](t)(ask(github.InstallationTokenOptions{Repositories: []string{"fleet"},
		Permissions: &github.InstallationPermissions{Contents: github.String("read")}}))
	c := client(t, w.GitHub, token.GetToken())
	done[*github.Reference](t)(c.Git.GetRef(t.Context(), "acme", "fleet", "heads/main"))
	refused[*github.Reference](t, "another repository", 404)(c.Git.GetRef(t.Context(), "acme", "other", "heads/main"))
	refused[*github.Blob](t, "writing", 403)(c.Git.CreateBlob(t.Context(), "acme", "fleet", &github.Blob{Content: github.String("x"), Encoding: github.String("utf-8")}))
	refused[*github.InstallationToken](t, "a token for more", 422)(ask(github.InstallationTokenOptions{Permissions: &github.InstallationPermissions{Checks: github.String("write")}}))
	refused[*github.InstallationToken](t, "a token for elsewhere", 422)(ask(github.InstallationTokenOptions{Repositories: []string{"nowhere"}}))
}

// TestTokens: of an App in its hour, and by its key.
func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	key := newKey(t)
	app := w.App("signer", &key.PublicKey, githubtest.AppPermissions(), w.repo)
	late, far, early := claims(app, -time.Second), claims(app, time.Hour), claims(app, time.Minute)
	early["iat"] = time.Now().Add(time.Hour).Unix()
	stranger := claims(app, time.Minute)
	stranger["iss"] = "nobody"
	for name, token := range map[string]string{"expired": signed(t, key, late), "of an hour": signed(t, key, far), "of tomorrow": signed(t, key, early),
		"of nobody": signed(t, key, stranger), "of another key": signed(t, newKey(t), claims(app, time.Minute)), "garbage": "a.b.c"} {
		refused[*github.App](t, "a token "+name, 401)(client(t, w.GitHub, token).Apps.Get(t.Context(), ""))
	}
	c := installed(t, w.GitHub, app, key)
	done[*github.Repository](t)(c.Repositories.Get(t.Context(), "acme", "fleet"))
	w.ExpireTokens()
	refused[*github.Repository](t, "a token that ended", 401)(c.Repositories.Get(t.Context(), "acme", "fleet"))
	refused[*github.InstallationToken](t, "a token of another installation", 404)(client(t, w.GitHub, signed(t, key, claims(app, time.Minute))).Apps.CreateInstallationToken(t.Context(), w.app.Installation, nil))
}

// TestLimits: the primary one, the secondary one, and what is free.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	now := time.Now()
	w.Clock(func() time.Time { return now })
	w.Limit(2, time.Hour)
	get := func() (*github.Response, error) {
		// A client of its own: one that was refused does not ask again by itself.
		_, r, err := client(t, w.GitHub, w.Token("ann")).Repositories.Get(t.Context(), "acme", "fleet")
		return r, err
	}
	r, err := get()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "remaining", r.Rate.Remaining, 1)
	if r, err = get(); err != nil || r.Rate.Remaining != 0 {
		t.Fatalf("the second: %v, %d left", err, r.Rate.Remaining)
	}
	var limited *github.RateLimitError
	done[*github.Repository](t)(w.bot.Repositories.Get(t.Context(), "acme", "fleet")) // has a limit of its own
	if _, err = get(); !errors.As(err, &limited) {
		t.Errorf("the third: %v", err)
	}
	w.Limit(5000, time.Hour)
	w.LimitPoints(6, time.Minute) // a comment and a look
	other := client(t, w.GitHub, w.Token("ann"))
	done[*github.Repository](t)(other.Repositories.Get(t.Context(), "acme", "fleet"))
	pr := w.repo.Open(githubtest.Opening{By: "ann", Title: "Grow", Files: githubtest.Files{file: "size: large\n"}})
	done[*github.IssueComment](t)(other.Issues.CreateComment(t.Context(), "acme", "fleet", pr.Number, &github.IssueComment{Body: github.String("hello")}))
	_, _, err = other.Repositories.Get(t.Context(), "acme", "fleet")
	var abuse *github.AbuseRateLimitError
	if !errors.As(err, &abuse) || abuse.GetRetryAfter() != time.Minute {
		t.Errorf("too much in a minute: %v", err)
	}
	now = now.Add(time.Minute)
	done[*github.Repository](t)(client(t, w.GitHub, w.Token("ann")).Repositories.Get(t.Context(), "acme", "fleet"))
}
