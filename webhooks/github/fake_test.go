package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mainstaydb/mainstay/webhooks"
)

var repo = webhooks.Repository{Owner: "acme", Name: "fleet"}

// sha is a hash by number.
func sha(n int) string { return fmt.Sprintf("%040x", n) }

// A fake answers as GitHub's documentation says, and keeps what is put there. Paths
// are below the API's root.
type fake struct {
	*http.ServeMux

	mu    sync.Mutex
	calls []string // method and path
	lose  map[string]int
	ids   int64
}

func newFake() *fake {
	f := &fake{ServeMux: http.NewServeMux(), lose: map[string]int{}}
	f.json("GET /user", func(*http.Request) (int, any) { return 200, obj{"login": "mainstay-user", "id": 7} })
	return f
}

type obj = map[string]any

// json answers a route. It is called with the lock held.
func (f *fake) json(pattern string, answer func(*http.Request) (int, any)) {
	method, path, _ := strings.Cut(pattern, " ")
	f.HandleFunc(method+" /api/v3"+path, func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		status, body := answer(r)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		if body != nil {
			_ = json.NewEncoder(w).Encode(body)
		}
	})
}

func (f *fake) id() int64 { f.ids++; return f.ids }

func decode(r *http.Request) obj {
	var o obj
	_ = json.NewDecoder(r.Body).Decode(&o)
	return o
}

// count is how often a call was made.
func (f *fake) count(call string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if c == call {
			n++
		}
	}
	return n
}

// RoundTrip implements http.RoundTripper, without a network, so that time can be
// virtual. Answers of calls in lose get lost after the call was carried out.
func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	call := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/api/v3")
	f.mu.Lock()
	f.calls = append(f.calls, call)
	lost := f.lose[call] > 0
	f.lose[call]--
	f.mu.Unlock()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	f.ServeHTTP(rec, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if lost {
		return nil, errors.New("connection reset by peer")
	}
	resp := rec.Result()
	resp.Request = r
	return resp, nil
}

func secretOf(s string) Secret {
	return func(context.Context) ([]byte, error) { return []byte(s), nil }
}

// fast is a pace at which tests need not wait.
var fast = Pace{AtOnce: 100, PointsPerMinute: 6e7, PointsBurst: 1e6, WritesPerSecond: 1e6, WritesBurst: 1e6, PostsPerHour: 3.6e9, PostsBurst: 1e6}

// client asks a fake, with a personal token.
func client(t *testing.T, rt http.RoundTripper) *Client {
	t.Helper()
	return clientOf(t, Options{BaseURL: "https://github.example.com", Token: secretOf("secret-token\n"), Pace: fast, Transport: rt})
}

func clientOf(t *testing.T, opts Options) *Client {
	t.Helper()
	c, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// paged is one page of a list, with the header that says where the next is.
func paged[T any](w http.ResponseWriter, r *http.Request, all []T) []T {
	page, size := 1, 30
	_, _ = fmt.Sscan(r.URL.Query().Get("page"), &page)
	_, _ = fmt.Sscan(r.URL.Query().Get("per_page"), &size)
	from, to := min((page-1)*size, len(all)), min(page*size, len(all))
	if to < len(all) {
		next := *r.URL
		q := next.Query()
		q.Set("page", fmt.Sprint(page+1))
		next.RawQuery = q.Encode()
		w.Header().Set("Link", fmt.Sprintf(`<%s>; rel="next"`, (&url.URL{Scheme: "https", Host: "github.example.com", Path: next.Path, RawQuery: next.RawQuery}).String()))
	}
	return slices.Clone(all[from:to])
}

// list answers a route with a list in pages.
func (f *fake) list(pattern string, all func(*http.Request) []obj) {
	method, path, _ := strings.Cut(pattern, " ")
	f.HandleFunc(method+" /api/v3"+path, func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		_ = json.NewEncoder(w).Encode(append([]obj{}, paged(w, r, all(r))...))
	})
}

// roundTripper is one that is a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answered is a response with headers in pairs.
func answered(status int, body string, headers ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}
