package acme

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// A book counts what the authority issued, as far as that is known: what was found
// in the store and what was ordered by this process. Safe for concurrent use.
type book struct {
	limits Limits

	mu      sync.Mutex
	issued  map[string]issue // by fingerprint
	pending map[*issue]bool  // ordered, and neither issued nor given up
	orders  []time.Time
}

func newBook(limits Limits) *book {
	standard := LetsEncrypt()
	if limits.Domain.Count == 0 {
		limits.Domain = standard.Domain
	}
	if limits.Names.Count == 0 {
		limits.Names = standard.Names
	}
	if limits.Orders.Count == 0 {
		limits.Orders = standard.Orders
	}
	return &book{limits: limits, issued: make(map[string]issue), pending: make(map[*issue]bool)}
}

// reserve takes note of an order that is about to be made, unless a limit holds it
// back. The order is counted as if it were issued until it is settled or released,
// so that orders side by side do not pass a limit together. A renewal is not held.
func (b *book) reserve(names string, renewal bool, now time.Time) (*issue, hold) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(now)
	if !renewal {
		if h := b.limits.of(names, b.all(), b.orders); h.until.After(now) {
			return nil, h
		}
		b.orders = append(b.orders, now)
	}
	i := &issue{at: now, names: names, renewal: renewal}
	b.pending[i] = true
	return i, hold{}
}

// release forgets an order that came to nothing. It stays an order.
func (b *book) release(i *issue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.pending, i)
}

// keep counts an order of which it is not known whether a certificate came of it.
func (b *book) keep(i *issue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.issued[fmt.Sprintf("%s at %s", i.names, i.at)] = *i
}

// saw takes note of a certificate.
func (b *book) saw(s *stored) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.issued[s.fingerprint] = issue{at: s.issued, names: s.names, renewal: s.renewal}
}

func (b *book) all() []issue {
	all := make([]issue, 0, len(b.issued)+len(b.pending))
	for _, i := range b.issued {
		all = append(all, i)
	}
	for i := range b.pending {
		all = append(all, *i)
	}
	return all
}

// forget drops what has no weight any more: after two periods a limit has refilled,
// whatever was used before.
func (b *book) forget(now time.Time) {
	old := now.Add(-2 * max(b.limits.Domain.Period, b.limits.Names.Period))
	for fingerprint, i := range b.issued {
		if i.at.Before(old) {
			delete(b.issued, fingerprint)
		}
	}
	old = now.Add(-2 * b.limits.Orders.Period)
	b.orders = slices.DeleteFunc(b.orders, func(at time.Time) bool { return at.Before(old) })
}
