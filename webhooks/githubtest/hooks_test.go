package githubtest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/mainstaydb/mainstay/webhooks/githubtest"
)

// A hook remembers what arrives, and fails for what go-github does not take.
type hook struct {
	t      *testing.T
	mu     sync.Mutex
	events []string // with their action
	ids    []string
	status int
}

const secret = "not a secret"

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	body, err := github.ValidatePayload(r, []byte(secret))
	if err != nil {
		h.t.Errorf("a delivery is not signed: %v", err)
		return
	}
	if _, err := github.ParseWebHook(github.WebHookType(r), body); err != nil {
		h.t.Errorf("a delivery is not read: %v", err)
	}
	var named struct{ Action string }
	_ = json.Unmarshal(body, &named)
	h.events = append(h.events, strings.TrimSuffix(github.WebHookType(r)+"."+named.Action, "."))
	h.ids = append(h.ids, github.DeliveryID(r))
	w.WriteHeader(h.status)
	_, _ = io.WriteString(w, "ok")
}

func hooked(t *testing.T) (world, *hook) {
	t.Helper()
	w := newWorld(t, nil)
	h := &hook{t: t, status: http.StatusAccepted}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	w.Hook(server.URL, secret)
	return w, h
}

// TestDeliveries: what people do is told of, in order.
func TestDeliveries(t *testing.T) {
	t.Parallel()
	w, h := hooked(t)
	people(t, w)
	if err := w.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	want := []string{"push", "push", "push", "pull_request.opened", "pull_request.ready_for_review", "push", "pull_request.synchronize", "pull_request.edited",
		"issue_comment.created", "issue_comment.edited", "pull_request.edited", "pull_request.edited", "pull_request.closed", "pull_request.reopened", "push", "pull_request.closed"}
	if !slices.Equal(h.events, want) {
		t.Errorf("deliveries are\n%q, want\n%q", h.events, want)
	}
	equal(t, "refused", len(w.Refused()), 0)
}

// people do all that they can do to a pull request.
func people(t *testing.T, w world) {
	t.Helper()
	w.repo.Commit("ann", "release", "Release", githubtest.Files{"VERSION": "1\n"})
	pr := w.repo.Open(githubtest.Opening{By: "ann", Title: "Grow", Draft: true, Files: githubtest.Files{file: "size: large\n"}})
	pr.Draft("ann", false)
	pr.Push("ann", "More", githubtest.Files{file: "size: huge\n"})
	pr.Title("ann", "Grow a lot")
	pr.EditComment("ann", pr.Comment("ann", "/mainstay plan"), "/mainstay check")
	pr.Base("ann", "release")
	pr.Base("ann", "main")
	pr.Close("ann")
	pr.Reopen("ann")
	if _, err := pr.Squash("ann"); err != nil {
		t.Fatal(err)
	}
}

// TestDeliveriesByHand: repeated, reordered, dropped and late ones.
func TestDeliveriesByHand(t *testing.T) {
	t.Parallel()
	w, h := hooked(t)
	w.Hold()
	pr := w.repo.Open(githubtest.Opening{By: "ann", Title: "Grow", Files: githubtest.Files{file: "size: large\n"}})
	pr.Comment("ann", "one")
	pr.Comment("ann", "two")
	held := w.Take()
	equal(t, "arrived while held", len(h.events), 0)
	n := len(held)
	statuses := w.Deliver(t.Context(), held[n-1], held[n-3], held[n-1])
	if !slices.Equal(statuses, []int{202, 202, 202}) || !slices.Equal(h.events, []string{"issue_comment.created", "pull_request.opened", "issue_comment.created"}) || h.ids[0] != h.ids[2] {
		t.Errorf("by hand: %v %q %v", statuses, h.events, h.ids)
	}
	pr.Close("ann")
	h.mu.Lock()
	h.status = http.StatusInternalServerError
	h.mu.Unlock()
	w.Release()
	if err := w.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if refused := w.Refused(); len(refused) != 1 || refused[0].Action != "closed" {
		t.Errorf("refused are %v", refused)
	}
	equal(t, "all", len(w.Deliveries()), n+1)
}
