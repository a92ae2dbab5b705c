package githubtest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// A GitHub is the server. Safe for concurrent use.
type GitHub struct {
	// URL is where it listens. The API is below URL/api/v3/, as with GitHub
	// Enterprise, and at the root, as with github.com.
	URL string

	t      testing.TB
	done   chan struct{} // closed at the end: what hangs lets go
	routes []route

	mu        sync.Mutex
	lastID    int64
	people    map[string]*Person     // by login
	repos     map[string]*Repository // by owner/name, in lower case
	who       map[string]*credential // by token
	apps      []*App
	limits    limits
	requests  map[string]int
	unchanged int // answers 304
	throttled int // requests that were too many
	asking    int // requests that are not answered yet
	peak      int
	fault     func(Request) *Fault
	validator Validator
	tarballs  map[string]func() []byte // by the token in their address
	clock     func() time.Time
	hooks     hooks
}

// New starts a GitHub without repositories. It ends with the test.
func New(t testing.TB) *GitHub {
	t.Helper()
	g := NewOffline(t)
	server := httptest.NewServer(g)
	g.URL = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	posted := g.hooks.start(ctx, g)
	t.Cleanup(func() {
		close(g.done)
		cancel()
		<-posted
		server.Close()
	})
	return g
}

// NewOffline is one that no network leads to: it is asked through RoundTrip, and posts
// nothing, so that time can be virtual.
func NewOffline(t testing.TB) *GitHub {
	t.Helper()
	g := &GitHub{URL: "http://127.0.0.1", t: t, done: make(chan struct{}), people: map[string]*Person{}, repos: map[string]*Repository{}, who: map[string]*credential{}, tarballs: map[string]func() []byte{},
		requests: map[string]int{}, clock: time.Now, limits: newLimits(), lastID: 1000}
	g.routes = routes()
	g.hooks.changed = make(chan struct{})
	return g
}

// RoundTrip implements http.RoundTripper.
func (g *GitHub) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	g.ServeHTTP(rec, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	answer := rec.Result()
	answer.Request = r
	return answer, nil
}

// Clock sets what the time is, for what is stored and for tokens and limits.
func (g *GitHub) Clock(now func() time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.clock = now
}

// now is to the second, as all of GitHub's times are.
func (g *GitHub) now() time.Time { return g.clock().UTC().Truncate(time.Second) }

func (g *GitHub) id() int64 {
	g.lastID++
	return g.lastID
}

// A Person has an account. GitHub shows an address only if its owner wants it.
type Person struct {
	Login, Name, Email string
	id                 int64
	bot                bool
	usage              usage
}

// Person makes an account, or changes one.
func (g *GitHub) Person(login, name, email string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.person(login)
	p.Name, p.Email = name, email
}

// person finds an account, or makes one without a name.
func (g *GitHub) person(login string) *Person {
	key := strings.ToLower(login)
	if g.people[key] == nil {
		g.people[key] = &Person{Login: login, id: g.id(), bot: strings.HasSuffix(login, "[bot]")}
	}
	return g.people[key]
}

// Requests are the numbers of requests by route, as in
// "GET /repos/{owner}/{repo}/pulls/{pull_number}".
func (g *GitHub) Requests() map[string]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make(map[string]int, len(g.requests))
	for route, n := range g.requests {
		all[route] = n
	}
	return all
}

// Count is how many requests there were of routes that begin so: "" counts all, "POST"
// those that make something.
func (g *GitHub) Count(prefix string) int {
	n := 0
	for route, times := range g.Requests() {
		if strings.HasPrefix(route, prefix) {
			n += times
		}
	}
	return n
}

// Unchanged is how many requests were answered 304, which cost nothing of the limit.
func (g *GitHub) Unchanged() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.unchanged
}

// Peak is the most requests that there were at one time, with those whose answer is
// just being written. GitHub allows 100.
func (g *GitHub) Peak() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.peak
}
