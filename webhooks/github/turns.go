package github

import (
	"context"
	"sync"
)

// turns lets one at a time do something of a name. The zero value is ready.
type turns struct {
	mu   sync.Mutex
	held map[string]*turn
}

type turn struct {
	lock    chan struct{}
	waiting int // also the one who has it
}

// take waits for the turn of a name, and returns what ends it.
func (t *turns) take(ctx context.Context, name string) (end func(), err error) {
	t.mu.Lock()
	if t.held == nil {
		t.held = map[string]*turn{}
	}
	h, ok := t.held[name]
	if !ok {
		h = &turn{lock: make(chan struct{}, 1)}
		t.held[name] = h
	}
	h.waiting++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if h.waiting--; h.waiting == 0 {
			delete(t.held, name)
		}
	}
	select {
	case h.lock <- struct{}{}:
		return func() { <-h.lock; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}
