package githubtest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
)

// hooks post what happens, one after the other.
type hooks struct {
	url, secret string
	hold        bool
	all         []Delivery
	waiting     []Delivery
	posting     bool
	refused     []Delivery // answered with no 2xx, or not at all
	changed     chan struct{}
	client      *http.Client
}

// start posts until the context ends. What it gives is closed when it is over.
func (h *hooks) start(ctx context.Context, g *GitHub) <-chan struct{} {
	h.client = &http.Client{Transport: &http.Transport{}}
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer h.client.CloseIdleConnections()
		for g.postNext(ctx) {
		}
	}()
	return over
}

// postNext posts one, or waits for something to change. It is false at the end.
func (g *GitHub) postNext(ctx context.Context) bool {
	g.mu.Lock()
	h := &g.hooks
	changed := h.changed
	if h.hold || len(h.waiting) == 0 {
		g.mu.Unlock()
		select {
		case <-changed:
			return true
		case <-ctx.Done():
			return false
		}
	}
	d, url, secret := h.waiting[0], h.url, h.secret
	h.waiting, h.posting = h.waiting[1:], true
	g.mu.Unlock()
	status := d.post(ctx, h.client, url, secret)
	g.mu.Lock()
	defer g.mu.Unlock()
	h.posting = false
	if status/100 != 2 {
		h.refused = append(h.refused, d)
	}
	h.wake()
	return ctx.Err() == nil
}

// wake tells all who wait that something is otherwise.
func (h *hooks) wake() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// tell makes the event of something that happened.
func (g *GitHub) tell(r *Repository, by *Person, event string, body object) {
	if g.hooks.url == "" {
		return
	}
	body["repository"], body["sender"] = r.json(), g.user(by)
	for _, a := range g.apps {
		if a.installedOn[r] {
			body["installation"] = object{"id": a.Installation, "node_id": node("I", a.Installation)}
		}
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // an object of ours that is no JSON is a mistake in this package
	}
	d := NewDelivery(event, b)
	g.hooks.all = append(g.hooks.all, d)
	g.hooks.waiting = append(g.hooks.waiting, d)
	g.hooks.wake()
}

// Hook posts all that happens from now on to a URL, in order, one after the other.
func (g *GitHub) Hook(url, secret string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hooks.url, g.hooks.secret = url, secret
}

// Hold has deliveries wait until Release.
func (g *GitHub) Hold() { g.setHold(true) }

// Release posts what waits, and what comes.
func (g *GitHub) Release() { g.setHold(false) }

func (g *GitHub) setHold(hold bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hooks.hold = hold
	g.hooks.wake()
}

// Take gives the deliveries that wait, and does not post them: the test does with
// Deliver, in its order, as often as it likes, or never.
func (g *GitHub) Take() []Delivery {
	g.mu.Lock()
	defer g.mu.Unlock()
	taken := g.hooks.waiting
	g.hooks.waiting = nil
	g.hooks.wake()
	return taken
}

// Deliver posts deliveries now, in this order, and gives the statuses of the answers,
// 0 for one that did not come.
func (g *GitHub) Deliver(ctx context.Context, all ...Delivery) []int {
	g.mu.Lock()
	url, secret, client := g.hooks.url, g.hooks.secret, g.hooks.client
	g.mu.Unlock()
	statuses := make([]int, 0, len(all))
	for _, d := range all {
		statuses = append(statuses, d.post(ctx, client, url, secret))
	}
	return statuses
}

// Deliveries are all that came about since Hook, in order, posted or not.
func (g *GitHub) Deliveries() []Delivery {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.hooks.all)
}

// Refused are those that were posted by themselves and not answered with success.
func (g *GitHub) Refused() []Delivery {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.hooks.refused)
}

// Settle waits until all is posted that is not held.
func (g *GitHub) Settle(ctx context.Context) error {
	for {
		g.mu.Lock()
		h := &g.hooks
		idle, changed := !h.posting && (h.hold || len(h.waiting) == 0), h.changed
		g.mu.Unlock()
		if idle {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
