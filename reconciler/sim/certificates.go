package sim

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// An Authority gives certificates, or not. Any number of control planes may share it,
// and the store in which what it gave is kept.
type Authority struct {
	mu      sync.Mutex
	given   map[string]plan.Certificate
	asked   map[string]int // how many were given, by names
	number  int
	refusal string
	changed []chan struct{}
}

// lifetime and renewal are those of common authorities.
const (
	lifetime = 90 * 24 * time.Hour
	renewal  = 60 * 24 * time.Hour
)

// retryAfter is when an authority that refuses may be asked again, as its Retry-After
// says.
const retryAfter = 10 * time.Minute

// MostAlike is how many certificates for the same names Let's Encrypt gives within
// seven days (https://letsencrypt.org/docs/rate-limits).
const MostAlike = 5

// NewAuthority makes one that gave nothing yet.
func NewAuthority() *Authority {
	return &Authority{given: map[string]plan.Certificate{}, asked: map[string]int{}}
}

// Refuse has it give nothing from now on, with the reason; empty: it gives again.
func (a *Authority) Refuse(reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refusal = reason
}

// Given is how many certificates were given.
func (a *Authority) Given() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.number
}

// Alike is how many certificates were given for the names that most were given for.
func (a *Authority) Alike() (most int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range a.asked {
		most = max(most, n)
	}
	return most
}

// An Account is a control plane's way to an authority.
type Account struct {
	authority *Authority
	changed   chan struct{}
	tracked   map[string]bool
}

var _ reconciler.Certificates = (*Account)(nil)

// Account gives one control plane its way.
func (a *Authority) Account() *Account {
	own := &Account{authority: a, changed: make(chan struct{}, 1)}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changed = append(a.changed, own.changed)
	return own
}

// Track implements reconciler.Certificates.
func (c *Account) Track(names map[string][]string) {
	c.authority.change(func() {
		c.tracked = map[string]bool{}
		for id := range names {
			c.tracked[id] = true
		}
	})
}

// Reports implements reconciler.Certificates.
func (c *Account) Reports() map[string]plan.Certificate {
	c.authority.mu.Lock()
	defer c.authority.mu.Unlock()
	reports := maps.Clone(c.authority.given)
	for id := range c.tracked {
		if _, ok := reports[id]; !ok {
			reports[id] = plan.Certificate{}
		}
	}
	maps.DeleteFunc(reports, func(id string, _ plan.Certificate) bool { return !c.tracked[id] })
	return reports
}

// Changed implements reconciler.Certificates.
func (c *Account) Changed() <-chan struct{} { return c.changed }

// Obtain implements reconciler.Certificates.
func (c *Account) Obtain(_ context.Context, deployment string, names []string) error {
	a := c.authority
	a.change(func() {
		had := a.given[deployment]
		if a.refusal != "" {
			had.Error, had.Retry = a.refusal, time.Now().Add(retryAfter)
			a.given[deployment] = had
			return
		}
		a.number++
		all := strings.Join(names, " ")
		a.asked[all]++
		a.given[deployment] = plan.Certificate{Fingerprint: fmt.Sprintf("c%d", a.number), Names: all,
			NotAfter: time.Now().Add(lifetime), Renew: time.Now().Add(renewal)}
	})
	return nil
}

func (a *Authority) change(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
	for _, c := range a.changed {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
