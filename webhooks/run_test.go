package webhooks_test

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mainstaydb/mainstay/webhooks"
	"github.com/mainstaydb/mainstay/webhooks/notes"
	"github.com/mainstaydb/mainstay/webhooks/queue"
)

// TestRun: with real files, from a delivery to the comment, over a restart, and with a
// delivery that never came.
func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.open(1, file("specs/a.yaml", "11"))
		stop := start(t, w, dir, func(e *webhooks.Endpoint) {
			body := `{"action":"opened","pull_request":{"number":1},` + repositoryJSON + `}`
			req := httptest.NewRequestWithContext(t.Context(), "POST", "/github", strings.NewReader(body))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("X-GitHub-Event", "pull_request")
			req.Header.Set("X-GitHub-Delivery", "d-1")
			req.Header.Set("X-Hub-Signature-256", sign("s", body))
			rec := httptest.NewRecorder()
			e.Handler().ServeHTTP(rec, req)
			if rec.Code != 202 {
				t.Fatal(rec.Code)
			}
		})
		synctest.Wait()
		if w.run(1).Conclusion != "success" || len(w.bodies(1)) != 1 {
			t.Errorf("%+v", w.run(1))
		}
		stop()
		w.open(2, file("specs/b.yaml", "21")) // while nobody listens
		w.mergeOnGitHub(1)
		stop = start(t, w, dir, nil)
		time.Sleep(2 * time.Minute) // virtual
		synctest.Wait()
		if w.run(2).Conclusion != "success" || w.fleet.main["specs/a.yaml"] != "11" || len(w.bodies(1)) != 1 {
			t.Errorf("%+v, %v", w.run(2), w.fleet.main)
		}
		stop()
	})
}

// start runs a control plane's side of GitHub on the files of a directory.
func start(t *testing.T, w *world, dir string, deliver func(*webhooks.Endpoint)) (stop func()) {
	t.Helper()
	q, err := queue.Open(filepath.Join(dir, "queue"), queue.Options{})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := notes.Open(filepath.Join(dir, "notes"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := w.cfg
	cfg.Queue, cfg.Notes = q, kept
	worker, err := webhooks.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if deliver != nil {
		deliver(webhooks.NewEndpoint(webhooks.EndpointConfig{Repository: fleetRepo, Base: "main", Inbox: q,
			Secrets: func(context.Context) ([][]byte, error) { return [][]byte{[]byte("s")}, nil }}))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group errgroup.Group
	group.Go(func() error { return worker.Run(ctx) })
	return func() {
		cancel()
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for name, change := range map[string]func(*webhooks.Config){
		"no repository": func(c *webhooks.Config) { c.Repository.Name = "" },
		"no notes":      func(c *webhooks.Config) { c.Notes = nil },
		"render":        func(c *webhooks.Config) { c.Render = "always" },
	} {
		cfg := w.cfg
		change(&cfg)
		if _, err := webhooks.New(cfg); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
