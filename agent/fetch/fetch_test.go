package fetch

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// store serves one file, and breaks off as it is told to.
type store struct {
	*httptest.Server
	data []byte

	mu     sync.Mutex
	breaks []int // after how many bytes each of the next answers breaks off
	stalls bool  // does not break off but sends nothing more
	ranges []string
}

func newStore(t *testing.T) *store {
	t.Helper()
	s := &store{data: make([]byte, 3<<20)}
	if _, err := rand.Read(s.data); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.ranges = append(s.ranges, r.Header.Get("Range"))
	limit := -1
	if len(s.breaks) > 0 {
		limit, s.breaks = s.breaks[0], s.breaks[1:]
	}
	s.mu.Unlock()
	if r.URL.Path != "/dolt" {
		http.NotFound(w, r)
		return
	}
	if limit >= 0 {
		w = &breaking{ResponseWriter: w, left: limit, stall: s.stalls, r: r}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.data))
}

type breaking struct {
	http.ResponseWriter
	left  int
	stall bool
	r     *http.Request
}

func (b *breaking) Write(p []byte) (int, error) {
	n, err := b.ResponseWriter.Write(p[:min(len(p), b.left)])
	if b.left -= n; b.left > 0 || err != nil {
		return n, err
	}
	if f, ok := b.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
	if b.stall {
		<-b.r.Context().Done()
	}
	panic(http.ErrAbortHandler) // how net/http breaks a connection
}

func (s *store) source() Source {
	sum := sha256.Sum256(s.data)
	return Source{s.URL + "/dolt", hex.EncodeToString(sum[:])}
}

func (s *store) check(t *testing.T, f *os.File, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, s.data) {
		t.Fatalf("%d bytes, %v; want the %d of the file", len(got), err, len(s.data))
	}
}

func quiet(int64, int64) {}

func TestGoesOnWhereItBrokeOff(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.breaks = []int{1 << 20, 1 << 20}
	path := filepath.Join(t.TempDir(), "parts", "one")
	for range 2 {
		if _, err := New().File(t.Context(), s.source(), path, quiet); err == nil || errors.Is(err, ErrWrong) {
			t.Fatalf("a broken download: %v", err)
		}
	}
	var last, whole int64
	f, err := New().File(t.Context(), s.source(), path, func(done, total int64) { last, whole = done, total })
	s.check(t, f, err)
	if want := []string{"", "bytes=1048576-", "bytes=2097152-"}; !equal(s.ranges, want) {
		t.Fatalf("asked for %q, want %q", s.ranges, want)
	}
	if last != int64(len(s.data)) || whole != last {
		t.Fatalf("progress ended at %d of %d", last, whole)
	}
	f, err = New().File(t.Context(), s.source(), path, quiet)
	s.check(t, f, err)
	if len(s.ranges) != 3 {
		t.Fatal("what was whole was fetched again")
	}
}

func equal(a, b []string) bool { return strings.Join(a, ",") == strings.Join(b, ",") }

func TestWrongFileIsNotKept(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	good := s.source()
	bad := good
	bad.SHA256 = strings.Repeat("0", 64)
	path := filepath.Join(t.TempDir(), "one")
	if _, err := New().File(t.Context(), bad, path, quiet); !errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), good.SHA256) {
		t.Fatalf("another sum: %v", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Fatalf("the wrong file stays: %v", err)
	}

	t.Log("a rest that belongs to another file costs one more try")
	if err := os.WriteFile(path, []byte("not the beginning"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New().File(t.Context(), good, path, quiet); !errors.Is(err, ErrWrong) {
		t.Fatalf("a mixed file: %v", err)
	}
	f, err := New().File(t.Context(), good, path, quiet)
	s.check(t, f, err)
}

func TestBounds(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	f := New()
	f.limit = 1 << 20
	if _, err := f.File(t.Context(), s.source(), filepath.Join(t.TempDir(), "one"), quiet); !errors.Is(err, ErrWrong) {
		t.Fatalf("too long: %v", err)
	}
	f = New()
	f.stall = 50 * time.Millisecond
	s.breaks, s.stalls = []int{1 << 20}, true
	if _, err := f.File(t.Context(), s.source(), filepath.Join(t.TempDir(), "two"), quiet); err == nil || !strings.Contains(err.Error(), "nothing came") {
		t.Fatalf("a stall: %v", err)
	}
	s.breaks = []int{1 << 20}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := New().File(ctx, s.source(), filepath.Join(t.TempDir(), "three"), func(int64, int64) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Fatalf("its context's end: %v", err)
	}
}

func TestSourceCheck(t *testing.T) {
	t.Parallel()
	sum := strings.Repeat("a", 64)
	tests := map[string]struct {
		src  Source
		says string
	}{
		"https":        {Source{"https://example.com/dolt", sum}, ""},
		"loopback":     {Source{"http://127.0.0.1:1/dolt", sum}, ""},
		"loopback 6":   {Source{"http://[::1]:1/dolt", sum}, ""},
		"http":         {Source{"http://example.com/dolt", sum}, "without TLS"},
		"looks local":  {Source{"http://127.0.0.1.example.com/dolt", sum}, "without TLS"},
		"file":         {Source{"file:///etc/passwd", sum}, "names no host"},
		"password":     {Source{"https://me:secret@example.com/dolt", sum}, "password"},
		"no sum":       {Source{"https://example.com/dolt", ""}, "no SHA-256"},
		"capital sum":  {Source{"https://example.com/dolt", strings.ToUpper(sum)}, "no SHA-256"},
		"not an URL":   {Source{"https://exa mple.com", sum}, "correct it"},
		"another kind": {Source{"ftp://example.com/dolt", sum}, "without TLS"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tt.src.Check()
			if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Fatalf("%v, want %q", err, tt.says)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Fatalf("the password is told: %v", err)
			}
		})
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := map[string]string{"/good": s.URL + "/dolt", "/bad": "http://192.0.2.1/dolt", "/round": "/round"}[r.URL.Path]
		http.Redirect(w, r, to, http.StatusFound)
	}))
	t.Cleanup(server.Close)
	src := s.source()
	src.URL = server.URL + "/good"
	f, err := New().File(t.Context(), src, filepath.Join(t.TempDir(), "one"), quiet)
	s.check(t, f, err)
	for path, says := range map[string]string{"/bad": "without TLS", "/round": "circles"} {
		src.URL = server.URL + path
		if _, err := New().File(t.Context(), src, filepath.Join(t.TempDir(), "two"), quiet); err == nil || !strings.Contains(err.Error(), says) {
			t.Fatalf("%s: %v", path, err)
		}
	}
}

func TestOneAtATimeAndClean(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "one")
	f, err := New().File(t.Context(), s.source(), path, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New().File(t.Context(), s.source(), path, quiet); !errors.Is(err, ErrBusy) {
		t.Fatalf("two at a time: %v", err)
	}
	for _, name := range []string{"kept", "left"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(Workplace(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := Clean(dir, filepath.Join(dir, "kept")); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, dir), []string{"kept", "kept.d", "one"}; !equal(got, want) {
		t.Fatalf("left are %q, want %q", got, want)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Clean(dir, ""); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) != 0 {
		t.Fatalf("left are %q", got)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
