package imds

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// service is a metadata service: it wants tokens, and gives what it is told to.
type service struct {
	*httptest.Server
	tokens, questions atomic.Int32
	good              atomic.Int32 // the number of the only token it takes
	failures          atomic.Int32 // how many requests from now on fail
	code              int
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{code: http.StatusServiceUnavailable}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.failures.Add(-1) >= 0 {
		w.WriteHeader(s.code)
		return
	}
	if r.URL.Path == "/latest/api/token" {
		if r.Method != http.MethodPut || r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") != "21600" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.good.Store(s.tokens.Add(1))
		_, _ = w.Write([]byte(strings.Repeat("t", int(s.good.Load()))))
		return
	}
	s.questions.Add(1)
	switch {
	case r.Method != http.MethodGet:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case r.Header.Get("X-aws-ec2-metadata-token") != strings.Repeat("t", int(s.good.Load())):
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/latest/meta-data/instance-id":
		_, _ = w.Write([]byte("i-1"))
	case r.URL.Path == "/latest/long":
		_, _ = w.Write(make([]byte, answerLimit+1))
	case r.URL.Path == "/latest/elsewhere":
		http.Redirect(w, r, "/latest/meta-data/instance-id", http.StatusFound)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestGet(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := New(s.URL + "/")
	c.http.Timeout = time.Minute // so that a busy machine asks for no token again
	for _, path := range []string{"latest/meta-data/instance-id", "/latest/meta-data/instance-id"} {
		if got, err := c.Get(limited(t), path); err != nil || string(got) != "i-1" {
			t.Fatalf("%s: %q, %v", path, got, err)
		}
	}
	if _, err := c.Get(limited(t), "latest/user-data"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("nothing there: %v", err)
	}
	if n := s.tokens.Load(); n != 1 {
		t.Fatalf("%d tokens for three questions", n)
	}
}

func TestTokenIsReplaced(t *testing.T) {
	t.Parallel()
	s := newService(t)
	c := New(s.URL)
	c.http.Timeout = time.Minute // so that a busy machine asks for no token again
	ask := func() {
		t.Helper()
		if got, err := c.Get(limited(t), "latest/meta-data/instance-id"); err != nil || string(got) != "i-1" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	ask()
	s.good.Store(9) // the service forgot it
	ask()
	c.until = time.Now() // or it is about to run out
	ask()
	if n := s.tokens.Load(); n != 3 {
		t.Fatalf("%d tokens, want 3", n)
	}
}

func TestTroubles(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		path     string
		code     int
		failures int32
		says     string // empty: the answer comes after all
	}{
		"network comes up": {"latest/meta-data/instance-id", http.StatusServiceUnavailable, 3, ""},
		"too many":         {"latest/meta-data/instance-id", http.StatusTooManyRequests, 2, ""},
		"turned off":       {"latest/meta-data/instance-id", http.StatusForbidden, 9, "turn its endpoint on"},
		"no service":       {"latest/meta-data/instance-id", http.StatusNotFound, 1, "no instance metadata service"},
		"too long":         {"latest/long", 0, 0, "longer than"},
		"redirect":         {"latest/elsewhere", 0, 0, "302"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			s.code = tt.code
			s.failures.Store(tt.failures)
			_, err := New(s.URL).Get(limited(t), tt.path)
			if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Fatalf("error %v, want %q", err, tt.says)
			}
		})
	}
}

func TestEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := New(s.URL).Get(ctx, "latest/user-data"); err == nil {
		t.Fatal("an answer from nobody")
	}
	if ctx.Err() == nil {
		t.Fatal("gave up before its context ended")
	}
}
