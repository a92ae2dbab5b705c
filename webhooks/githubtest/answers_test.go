package githubtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/mainstaydb/mainstay/webhooks/githubtest"
)

// TestConditional: what has not changed is answered 304 and is free.
func TestConditional(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	pr := w.repo.Open(githubtest.Opening{By: "ann", Title: "Grow", Files: githubtest.Files{file: "size: large\n"}})
	token := w.Token("ann")
	ask := func(tag string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), "GET", w.URL+"/repos/acme/fleet/pulls/1", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "token "+token)
		r.Header.Set("If-None-Match", tag)
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		return answer
	}
	first := ask("")
	tag := first.Header.Get("ETag")
	second := ask(tag)
	equal(t, "status", second.StatusCode, http.StatusNotModified)
	equal(t, "remaining", second.Header.Get("X-RateLimit-Remaining"), first.Header.Get("X-RateLimit-Remaining"))
	equal(t, "unchanged", w.Unchanged(), 1)
	pr.Title("ann", "Grow a lot")
	equal(t, "status after a change", ask(tag).StatusCode, http.StatusOK)
}

// TestPages: every one is found by the links, and none twice.
func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const many = 65 // more than two pages of GitHub's 30
	for i := range many {
		w.repo.Open(githubtest.Opening{By: "ann", Title: "Change", Files: githubtest.Files{fmt.Sprintf("specs/%d.yaml", i): "x\n"}})
	}
	seen := map[int]bool{}
	opts := &github.PullRequestListOptions{}
	pages := 0
	for {
		all, r, err := w.bot.PullRequests.List(t.Context(), "acme", "fleet", opts)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, pr := range all {
			seen[pr.GetNumber()] = true
		}
		if r.NextPage == 0 {
			break
		}
		opts.Page = r.NextPage
	}
	equal(t, "pull requests", len(seen), many)
	equal(t, "pages", pages, 3)
	if most := w.Peak(); most < 1 || most > 2 { // the one before may just be on its way out
		t.Errorf("%d requests at one time", most)
	}
	equal(t, "requests", w.Count("GET /repos/{owner}/{repo}/pulls"), 3)
}

// TestFaults: what is refused is not done, what is lost is.
func TestFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	pr := w.repo.Open(githubtest.Opening{By: "ann", Title: "Grow", Files: githubtest.Files{file: "size: large\n"}})
	say := func(ctx context.Context) error {
		_, _, err := client(t, w.GitHub, w.Token("ann")).Issues.CreateComment(ctx, "acme", "fleet", pr.Number, &github.IssueComment{Body: github.String("hello")})
		return err
	}
	const route = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments"
	var abuse *github.AbuseRateLimitError
	for name, c := range map[string]struct {
		fault githubtest.Fault
		said  int
		is    func(error) bool
	}{
		"down":     {githubtest.Unavailable(), 0, func(err error) bool { return err != nil }},
		"lost":     {githubtest.Fault{Status: 502, After: true}, 1, func(err error) bool { return err != nil }},
		"too much": {githubtest.Secondary(http.StatusForbidden, 3*time.Second), 0, func(err error) bool { return errors.As(err, &abuse) && abuse.GetRetryAfter() == 3*time.Second }},
		"late":     {githubtest.Fault{Delay: time.Millisecond}, 1, func(err error) bool { return err == nil }},
	} {
		before := len(pr.Comments())
		w.Failing(githubtest.First(1, githubtest.On(route, c.fault)))
		if err := say(t.Context()); !c.is(err) {
			t.Errorf("%s: %v", name, err)
		}
		equal(t, name+": comments", len(pr.Comments())-before, c.said)
		if err := say(t.Context()); err != nil {
			t.Errorf("%s: and then: %v", name, err)
		}
	}
	before := len(pr.Comments())
	ctx, cancel := context.WithCancel(t.Context())
	w.Failing(func(r githubtest.Request) *githubtest.Fault {
		if r.Route == route {
			go func() { // once it is done
				for len(pr.Comments()) == before && t.Context().Err() == nil {
					time.Sleep(time.Millisecond)
				}
				cancel()
			}()
		}
		return &githubtest.Fault{Hang: true, After: true}
	})
	if err := say(ctx); err == nil {
		t.Error("what hangs was answered")
	}
	equal(t, "hang: comments", len(pr.Comments())-before, 1)
}
