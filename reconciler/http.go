package reconciler

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// stalled is after how long without a finished pass the loop counts as hung: no
// pass waits for longer than one listing may take.
const stalled = 2 * lookTimeout

// health is what /healthz and /readyz answer from.
type health struct {
	mu     sync.Mutex
	last   time.Time // end of the last pass, good or not
	err    error     // why the hub could not be used in it
	passes int       // good ones
}

// began has the first pass be missed too, when it never ends.
func (h *health) began() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = time.Now()
}

func (h *health) passed(time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last, h.err = time.Now(), nil
	h.passes++
}

// failed reports whether the failure is news.
func (h *health) failed(err error) (news bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	news = h.err == nil
	h.last, h.err = time.Now(), err
	return news
}

func (h *health) live() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.last.IsZero() && time.Since(h.last) > stalled {
		return fmt.Errorf("no pass has ended since %s", h.last.UTC().Format(time.RFC3339))
	}
	return nil
}

func (h *health) ready() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return h.err
	}
	if h.passes == 0 {
		return fmt.Errorf("the first pass has not ended yet")
	}
	return nil
}

// Handler serves /metrics, /healthz (the loop turns), /readyz (and the hub
// answers), and POST /wake, which asks for a pass.
func (r *Reconciler) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(r.cfg.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", answer(r.health.live))
	mux.HandleFunc("GET /readyz", answer(r.health.ready))
	mux.HandleFunc("POST /wake", func(w http.ResponseWriter, _ *http.Request) {
		r.Wake()
		w.WriteHeader(http.StatusAccepted)
	})
	return mux
}

func answer(check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := check(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	}
}
