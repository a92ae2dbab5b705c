package webhooks_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/mainstaydb/mainstay/webhooks"
)

// An inbox remembers what was put.
type inbox struct {
	mu    sync.Mutex
	items []webhooks.Item
	seen  map[string]bool
	err   error
}

func (b *inbox) Put(_ context.Context, item webhooks.Item) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil || b.seen[item.Delivery] {
		return false, b.err
	}
	b.items = append(b.items, item)
	b.seen[item.Delivery] = item.Delivery != ""
	return true, nil
}

func sign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func serve(t *testing.T, box *inbox, secrets ...string) *httptest.Server {
	t.Helper()
	var all [][]byte
	for _, s := range secrets {
		all = append(all, []byte(s))
	}
	e := webhooks.NewEndpoint(webhooks.EndpointConfig{Repository: fleetRepo, Base: "main", Inbox: box,
		Secrets: func(context.Context) ([][]byte, error) { return all, nil }})
	server := httptest.NewServer(e.Handler())
	t.Cleanup(server.Close)
	return server
}

const repositoryJSON = `"repository":{"name":"Fleet","owner":{"login":"Acme"}}`

func TestEndpoint(t *testing.T) {
	t.Parallel()
	opened := `{"action":"opened","pull_request":{"number":7,"head":{"sha":"a lie"}},` + repositoryJSON + `}`
	comment := `{"action":"created","issue":{"number":8,"pull_request":{}},` + repositoryJSON + `}`
	tests := []struct {
		name, event, body, signature string
		change                       func(*http.Request)
		status                       int
		numbers                      []int
		anew                         bool
	}{
		{name: "pull request", event: "pull_request", body: opened, status: 202, numbers: []int{7}},
		{name: "older secret", event: "pull_request", body: opened, signature: sign("old secret", opened), status: 202, numbers: []int{7}},
		{name: "comment", event: "issue_comment", body: comment, status: 202, numbers: []int{8}},
		{name: "comment on an issue", event: "issue_comment", body: `{"action":"created","issue":{"number":8},` + repositoryJSON + `}`, status: 202},
		{name: "edited comment", event: "issue_comment", body: strings.Replace(comment, "created", "edited", 1), status: 202},
		{name: "push to base", event: "push", body: `{"ref":"refs/heads/main",` + repositoryJSON + `}`, status: 202, numbers: []int{0}},
		{name: "push elsewhere", event: "push", body: `{"ref":"refs/heads/x",` + repositoryJSON + `}`, status: 202},
		{name: "check again", event: "check_run", body: `{"action":"rerequested","check_run":{"pull_requests":[{"number":3},{"number":4}]},` + repositoryJSON + `}`, status: 202, numbers: []int{3, 4}, anew: true},
		{name: "all checks again", event: "check_suite", body: `{"action":"rerequested","check_suite":{"pull_requests":[{"number":3}]},` + repositoryJSON + `}`, status: 202, numbers: []int{3}, anew: true},
		{name: "unknown event", event: "star", body: `not even JSON`, status: 202},
		{name: "another repository", event: "pull_request", body: strings.Replace(opened, "Acme", "evil", 1), status: 202},
		{name: "number that is none", event: "pull_request", body: strings.Replace(opened, "7", "-7", 1), status: 202},
		{name: "no JSON", event: "pull_request", body: `{`, status: 400},
		{name: "wrong signature", event: "pull_request", body: opened, signature: sign("guess", opened), status: 401},
		{name: "signed with nothing", event: "pull_request", body: opened, signature: sign("", opened), status: 401},
		{name: "signature of another body", event: "pull_request", body: opened, signature: sign("new secret", comment), status: 401},
		{name: "short signature", event: "pull_request", body: opened, signature: "sha256=00", status: 401},
		{name: "not signed", event: "pull_request", body: opened, change: func(r *http.Request) { r.Header.Del("X-Hub-Signature-256") }, status: 401},
		{name: "no id", event: "pull_request", body: opened, change: func(r *http.Request) { r.Header.Del("X-GitHub-Delivery") }, status: 400},
		{name: "id with lines", event: "pull_request", body: opened, change: func(r *http.Request) { r.Header.Set("X-GitHub-Delivery", "a/../b") }, status: 400},
		{name: "form", event: "pull_request", body: opened, change: func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, status: 415},
		{name: "GET", event: "pull_request", body: opened, change: func(r *http.Request) { r.Method = "GET" }, status: 405},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			box := &inbox{seen: map[string]bool{}}
			server := serve(t, box, "new secret", "old secret", "")
			if tt.signature == "" {
				tt.signature = sign("new secret", tt.body)
			}
			status := deliver(t, server, "d-1", tt.event, strings.NewReader(tt.body), tt.signature, tt.change)
			if status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
			var numbers []int
			for _, item := range box.items {
				numbers = append(numbers, item.Number)
				if item.Anew != tt.anew {
					t.Errorf("anew is %t, want %t", item.Anew, tt.anew)
				}
				if item.Repository != fleetRepo {
					t.Errorf("the repository is as it was delivered: %v", item.Repository)
				}
			}
			if len(numbers) != len(tt.numbers) || len(numbers) > 0 && numbers[len(numbers)-1] != tt.numbers[len(numbers)-1] {
				t.Errorf("queued %v, want %v", numbers, tt.numbers)
			}
		})
	}
}

func deliver(t *testing.T, server *httptest.Server, id, event string, body io.Reader, signature string, change func(*http.Request)) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/github", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", event)
	req.Header.Set("X-GitHub-Delivery", id)
	req.Header.Set("X-Hub-Signature-256", signature)
	if change != nil {
		change(req)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func TestReplayedDelivery(t *testing.T) {
	t.Parallel()
	box := &inbox{seen: map[string]bool{}}
	server := serve(t, box, "s")
	body := `{"pull_request":{"number":7},` + repositoryJSON + `}`
	for range 3 {
		if status := deliver(t, server, "same", "pull_request", strings.NewReader(body), sign("s", body), nil); status != 202 {
			t.Fatal(status)
		}
	}
	if len(box.items) != 1 {
		t.Errorf("queued %d times", len(box.items))
	}
	box.err = errors.New("disk full")
	if status := deliver(t, server, "other", "pull_request", strings.NewReader(body), sign("s", body), nil); status != 500 {
		t.Errorf("status %d for what is not kept", status)
	}
}

func TestNoSecretTakesNothing(t *testing.T) {
	t.Parallel()
	box := &inbox{seen: map[string]bool{}}
	server := serve(t, box, "")
	body := `{"pull_request":{"number":7},` + repositoryJSON + `}`
	if status := deliver(t, server, "d", "pull_request", strings.NewReader(body), sign("", body), nil); status != 500 || len(box.items) > 0 {
		t.Errorf("status %d, queued %d", status, len(box.items))
	}
}

// A counted reader knows how much of it was read.
type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// TestLongBody: 30 MB are refused, without being read when the length is told, and
// without being read to the end when it is not.
func TestLongBody(t *testing.T) {
	t.Parallel()
	const size = 30 << 20
	box := &inbox{seen: map[string]bool{}}
	e := webhooks.NewEndpoint(webhooks.EndpointConfig{Repository: fleetRepo, Inbox: box,
		Secrets: func(context.Context) ([][]byte, error) { return [][]byte{[]byte("s")}, nil }})
	for _, told := range []int64{size, -1} {
		body := &counted{Reader: io.LimitReader(zeros{}, size)}
		req := httptest.NewRequestWithContext(t.Context(), "POST", "/github", body)
		req.ContentLength = told
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-GitHub-Event", "pull_request")
		req.Header.Set("X-GitHub-Delivery", "d")
		req.Header.Set("X-Hub-Signature-256", sign("s", ""))
		w := httptest.NewRecorder()
		e.Handler().ServeHTTP(w, req)
		if w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d", w.Code)
		}
		if most := 25<<20 + 1; told == size && body.n > 0 || body.n > most {
			t.Errorf("%d bytes were read of a body of %d, told %d", body.n, size, told)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte{'0'}, len(p))), nil }
