package github

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/mainstaydb/mainstay/webhooks"
)

// TestRepeats: what fails is sent again only when that cannot do it twice.
func TestRepeats(t *testing.T) {
	t.Parallel()
	get := func(ctx context.Context, c *Client) error { _, err := c.Head(ctx, repo, "main"); return err }
	post := func(ctx context.Context, c *Client) error {
		_, _, err := c.api.Issues.CreateComment(about(ctx, repo), repo.Owner, repo.Name, 1, nil)
		return err
	}
	safe := func(ctx context.Context, c *Client) error {
		_, _, err := c.api.Git.CreateBlob(repeatable(about(ctx, repo)), repo.Owner, repo.Name, nil)
		return err
	}
	status := func(n int) func() (*http.Response, error) {
		return func() (*http.Response, error) { return answered(n, `{"message":"no"}`), nil }
	}
	lost := func() (*http.Response, error) { return nil, io.ErrUnexpectedEOF }
	undialled := func() (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	for _, c := range []struct {
		name  string
		call  func(context.Context, *Client) error
		fails func() (*http.Response, error)
		want  int
	}{
		{"a read that fails there", get, status(502), attempts},
		{"a read whose answer is lost", get, lost, attempts},
		{"a read of what is not there", get, status(404), 1},
		{"making that fails there", post, status(502), 1},
		{"making whose answer is lost", post, lost, 1},
		{"making that never left", post, undialled, attempts},
		{"making what may be made twice", safe, status(500), attempts},
		{"making that is refused", safe, status(422), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				gh := client(t, roundTripper(func(*http.Request) (*http.Response, error) { calls++; return c.fails() }))
				if err := c.call(t.Context(), gh); err == nil {
					t.Error("no error")
				}
				if calls != c.want {
					t.Errorf("%d calls, want %d", calls, c.want)
				}
			})
		})
	}
}

// TestUnchanged: what did not change is told from what was kept, and who may not see it
// is not told.
func TestUnchanged(t *testing.T) {
	t.Parallel()
	var asked []string
	reg := prometheus.NewRegistry()
	gh := clientOf(t, Options{BaseURL: "https://github.example.com", Token: secretOf("t"), Registerer: reg, Pace: fast,
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.Header.Get("If-None-Match"))
			if r.Header.Get("If-None-Match") == `"one"` {
				return answered(304, ""), nil
			}
			return answered(200, refBody, "ETag", `"one"`), nil
		})})
	for range 3 {
		if at, err := gh.Head(t.Context(), repo, "main"); err != nil || at != sha(0xaa) {
			t.Fatalf("%s, %v", at, err)
		}
	}
	if want := []string{"", `"one"`, `"one"`}; fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("asked with %q, want %q", asked, want)
	}
	const want = `
# HELP mainstay_github_calls_total Calls to GitHub, by route and result: done, unchanged, throttled, refused, failed, lost.
# TYPE mainstay_github_calls_total counter
mainstay_github_calls_total{result="done",route="GET /repos/{owner}/{repo}/git/ref/heads/{branch}"} 1
mainstay_github_calls_total{result="unchanged",route="GET /repos/{owner}/{repo}/git/ref/heads/{branch}"} 2
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	api, err := apiURL("https://github.example.com")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"repos/acme/fleet/pulls/12":                          "/repos/{owner}/{repo}/pulls/{n}",
		"repos/123/456/pulls":                                "/repos/{owner}/{repo}/pulls",
		"repos/users/heads/git/blobs/" + sha(1):              "/repos/{owner}/{repo}/git/blobs/{sha}",
		"repos/a/b/git/ref/heads/feature/12/x":               "/repos/{owner}/{repo}/git/ref/heads/{branch}",
		"repos/a/b/compare/" + sha(1) + "..." + sha(2):       "/repos/{owner}/{repo}/compare/{range}",
		"repos/a/b/collaborators/someone/permission":         "/repos/{owner}/{repo}/collaborators/{login}/permission",
		"app/installations/77/access_tokens":                 "/app/installations/{n}/access_tokens",
		"users/someone":                                      "/users/{login}",
		"repos/a/b/commits/" + sha(9) + "/check-runs?page=2": "/repos/{owner}/{repo}/commits/{sha}/check-runs",
	} {
		req := httptest.NewRequest(http.MethodGet, "https://github.example.com/api/v3/"+path, nil)
		if got := route(req, api); got != "GET "+want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

// TestSlow: a call that takes too long ends, and says so.
func TestSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gh := client(t, roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		_, err := gh.Head(t.Context(), repo, "main")
		if KindOf(err) != Unreachable || !strings.Contains(err.Error(), "did not answer within 25s") {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("the delivery took too long"))
		defer cancel()
		if _, err := gh.Head(ctx, repo, "main"); err == nil || !strings.Contains(err.Error(), "the delivery took too long") {
			t.Errorf("%v", err)
		}
	})
}

// TestNowhereElse: no credentials go to another server, wherever an answer leads.
func TestNowhereElse(t *testing.T) {
	t.Parallel()
	asked := 0
	gh := client(t, roundTripper(func(*http.Request) (*http.Response, error) {
		asked++
		return answered(302, "", "Location", "https://evil.example.net/"), nil
	}))
	_, err := gh.Head(t.Context(), repo, "main")
	if asked != 1 || err == nil || !strings.Contains(err.Error(), "evil.example.net") {
		t.Errorf("%d calls, %v", asked, err)
	}
}

// TestMoved: a repository that was renamed is followed.
func TestMoved(t *testing.T) {
	t.Parallel()
	gh := client(t, roundTripper(func(r *http.Request) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, "/api/v3/repos/") {
			return answered(301, "", "Location", "https://github.example.com/api/v3/repositories/1/git/ref/heads/main"), nil
		}
		return answered(200, refBody), nil
	}))
	if at, err := gh.Head(t.Context(), repo, "main"); err != nil || at != sha(0xaa) {
		t.Errorf("%s, %v", at, err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	calls := 0
	gh := client(t, roundTripper(func(*http.Request) (*http.Response, error) {
		calls++
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(endless{})}, nil
	}))
	if _, err := gh.Head(t.Context(), repo, "main"); KindOf(err) != Unfit || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

// TestErrors: each kind with its advice, and never the token.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		status  int
		body    string
		headers []string
		kind    Kind
		absent  bool
		says    string
	}{
		{"nothing", 404, `{"message":"Not Found"}`, nil, NotFound, true, "see whether it exists and whether the App is installed"},
		{"gone", 410, `{"message":"Issues are disabled"}`, nil, Gone, true, "turned off"},
		{"blocked", 451, `{"message":"Repository access blocked"}`, nil, Gone, true, ""},
		{"not installed so", 403, `{"message":"Resource not accessible by integration"}`, []string{"X-Accepted-GitHub-Permissions", "contents=read,metadata=read; administration=read"}, Denied, false,
			"give it the permission contents: read and metadata: read or administration: read"},
		{"a classic token", 403, `{"message":"Must have admin rights"}`, []string{"X-Accepted-OAuth-Scopes", "repo"}, Denied, false, "give it the permission (scope) repo"},
		{"by an old server", 403, `{"message":"Resource not accessible by integration"}`, nil, Denied, false, "give it the permission contents: read"},
		{"permissions not told", 403, `{"message":"no"}`, nil, Denied, false, "compare the permissions"},
		{"bad token", 401, `{"message":"Bad credentials"}`, nil, Denied, false, "clock"},
		{"wrong", 422, `{"message":"Validation Failed","errors":[{"resource":"Ref","field":"sha","code":"invalid"},{"message":"not like this"}]}`, nil, Refused, false,
			"Validation Failed, sha of Ref: invalid, not like this"},
		{"nonsense", 200, `<html>`, nil, Unreachable, false, "looked at again"},
		{"no JSON in an error", 400, `<html>`, nil, Refused, false, "GitHub answered 400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			gh := client(t, roundTripper(func(*http.Request) (*http.Response, error) { return answered(c.status, c.body, c.headers...), nil }))
			_, err := gh.Head(t.Context(), repo, "main")
			if KindOf(err) != c.kind || errors.Is(err, webhooks.ErrNotFound) != c.absent {
				t.Fatalf("kind %q, absent %v: %v", KindOf(err), errors.Is(err, webhooks.ErrNotFound), err)
			}
			text := err.Error()
			if !strings.HasPrefix(text, "find where the branch main of acme/fleet is: ") || !strings.Contains(text, c.says) || strings.Contains(text, "secret") {
				t.Errorf("it says %q", text)
			}
		})
	}
}

// TestPermissions: each route's, where GitHub does not say it.
func TestPermissions(t *testing.T) {
	t.Parallel()
	for call, want := range map[string]string{
		"GET pulls/7":                             "pull_requests: read",
		"POST pulls":                              "pull_requests: write",
		"POST issues/7/comments":                  "pull_requests: write",
		"GET git/trees/" + sha(1):                 "contents: read",
		"PATCH git/refs/heads/pulls":              "contents: write",
		"GET compare/a...b":                       "contents: read",
		"GET commits/" + sha(1) + "/check-runs":   "checks: read",
		"PATCH check-runs/7":                      "checks: write",
		"POST statuses/" + sha(1):                 "statuses: write",
		"POST deployments/7/statuses":             "deployments: write",
		"GET collaborators/someone/permission":    "metadata: read",
		"GET collaborators/check-runs/permission": "metadata: read",
		"GET somewhere/else":                      "",
	} {
		method, path, _ := strings.Cut(call, " ")
		if got := permissionOf(httptest.NewRequest(method, "https://github.example.com/api/v3/repos/git/pulls/"+path, nil)); got != want {
			t.Errorf("%s needs %q, want %q", call, got, want)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	key := secretOf("k")
	for _, c := range []struct {
		opts  Options
		wrong string
		base  string
	}{
		{Options{Token: key}, "", "https://api.github.com/"},
		{Options{App: "1", PrivateKey: key, BaseURL: "https://github.example.com"}, "", "https://github.example.com/api/v3/"},
		{Options{Token: key, BaseURL: "https://github.example.com/api/v3"}, "", "https://github.example.com/api/v3/"},
		{Options{Token: key, BaseURL: "https://api.tenant.ghe.com"}, "", "https://api.tenant.ghe.com/"},
		{Options{Token: key, BaseURL: "http://127.0.0.1:80/"}, "", "http://127.0.0.1:80/api/v3/"},
		{Options{Token: key, BaseURL: "http://github.example.com"}, "in the clear", ""},
		{Options{Token: key, BaseURL: "github.example.com"}, "not the URL", ""},
		{Options{Token: key, BaseURL: "https://user:word@github.example.com"}, "not the URL", ""},
		{Options{}, "configure one", ""},
		{Options{App: "1", Token: key}, "configure one", ""},
		{Options{App: "1"}, "configure one", ""},
		{Options{App: "1", PrivateKey: key, Token: key}, "configure one", ""},
	} {
		gh, err := New(c.opts)
		switch {
		case c.wrong == "" && err != nil, c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%+v: %v", c.opts, err)
		case err == nil && gh.api.BaseURL.String() != c.base:
			t.Errorf("%q: the API is at %s", c.opts.BaseURL, gh.api.BaseURL)
		}
	}
}

// TestArguments: nothing that would bend a path is asked.
func TestArguments(t *testing.T) {
	t.Parallel()
	gh := client(t, roundTripper(func(r *http.Request) (*http.Response, error) {
		t.Errorf("asked %s", r.URL)
		return answered(404, ""), nil
	}))
	ctx := t.Context()
	for _, r := range []webhooks.Repository{{}, {Owner: "a", Name: ".."}, {Owner: "a/b", Name: "c"}, {Owner: "a", Name: "b?c"}} {
		if _, err := gh.PullRequest(ctx, r, 1); KindOf(err) != Refused {
			t.Errorf("%v: %v", r, err)
		}
	}
	for _, branch := range []string{"", "../x", "a..b", "a b", "/x", "x/", ".x", "a/.b", "a\nb", "a//b", "a:b"} {
		if _, err := gh.Head(ctx, repo, branch); KindOf(err) != Refused {
			t.Errorf("%q: %v", branch, err)
		}
	}
	for _, s := range []string{"", "main", "HEAD", strings.Repeat("g", 40), sha(1) + "/.."} {
		if _, err := gh.Files(ctx, repo, s, "specs"); KindOf(err) != Refused {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, login := range []string{"", "a/b", "..", "dependabot[bot]", "a b"} {
		if may, err := gh.MayWrite(ctx, repo, login); may || err != nil {
			t.Errorf("%q: %v, %v", login, may, err)
		}
	}
}

// TestRealServer: over a real connection, also when the server breaks it.
func TestRealServer(t *testing.T) {
	t.Parallel()
	broken := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !broken {
			broken = true
			panic(http.ErrAbortHandler)
		}
		if r.URL.Path != "/api/v3/repos/acme/fleet/git/ref/heads/main" || r.Header.Get("Authorization") != "Bearer secret-token" || r.Header.Get("User-Agent") != "mainstay" {
			http.Error(w, "{}", http.StatusTeapot)
			return
		}
		_, _ = io.WriteString(w, refBody)
	}))
	t.Cleanup(s.Close)
	gh := clientOf(t, Options{BaseURL: s.URL, Token: secretOf("secret-token"), Pace: fast})
	t.Cleanup(gh.Close)
	if at, err := gh.Head(t.Context(), repo, "main"); err != nil || at != sha(0xaa) {
		t.Errorf("%s, %v", at, err)
	}
}

// TestCacheIsBounded: the oldest unused go first, and what is too large is not kept.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := newCache(100 << 10)
	now := time.Now()
	body := &answer{body: make([]byte, 9<<10)}
	for i := range 20 {
		c.put(fmt.Sprint(i), body, now)
		c.get("0")
	}
	if _, _, ok := c.get("0"); !ok {
		t.Error("what is used all the time went")
	}
	if _, _, ok := c.get("1"); ok {
		t.Error("what is not used stayed")
	}
	if _, _, ok := c.get("19"); !ok {
		t.Error("the newest went")
	}
	if c.put("large", &answer{body: make([]byte, 50<<10)}, now); c.size > c.limit || len(c.entries) != c.recent.Len() || len(c.entries) != 9 {
		t.Errorf("%d bytes in %d entries", c.size, len(c.entries))
	}
}
