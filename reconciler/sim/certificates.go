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

// An Authority gives certificates, or not.
type Authority struct {
	changed chan struct{}

	mu      sync.Mutex
	tracked map[string]bool
	given   map[string]plan.Certificate
	number  int
	refusal string
}

var _ reconciler.Certificates = (*Authority)(nil)

// lifetime and renewal are those of common authorities.
const (
	lifetime = 90 * 24 * time.Hour
	renewal  = 60 * 24 * time.Hour
)

// NewAuthority makes one that gave nothing yet.
func NewAuthority() *Authority {
	return &Authority{changed: make(chan struct{}, 1), tracked: map[string]bool{}, given: map[string]plan.Certificate{}}
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

// Track implements reconciler.Certificates.
func (a *Authority) Track(names map[string][]string) {
	a.change(func() {
		clear(a.tracked)
		for id := range names {
			a.tracked[id] = true
		}
	})
}

// Reports implements reconciler.Certificates.
func (a *Authority) Reports() map[string]plan.Certificate {
	a.mu.Lock()
	defer a.mu.Unlock()
	reports := maps.Clone(a.given)
	for id := range a.tracked {
		if _, ok := reports[id]; !ok {
			reports[id] = plan.Certificate{}
		}
	}
	maps.DeleteFunc(reports, func(id string, _ plan.Certificate) bool { return !a.tracked[id] })
	return reports
}

// Changed implements reconciler.Certificates.
func (a *Authority) Changed() <-chan struct{} { return a.changed }

// Obtain implements reconciler.Certificates.
func (a *Authority) Obtain(_ context.Context, deployment string, names []string) error {
	a.change(func() {
		c := a.given[deployment]
		if a.refusal != "" {
			c.Error, c.Retry = a.refusal, time.Now().Add(time.Hour)
			a.given[deployment] = c
			return
		}
		a.number++
		a.given[deployment] = plan.Certificate{Fingerprint: fmt.Sprintf("c%d", a.number), Names: strings.Join(names, " "),
			NotAfter: time.Now().Add(lifetime), Renew: time.Now().Add(renewal)}
	})
	return nil
}

func (a *Authority) change(f func()) {
	a.mu.Lock()
	f()
	a.mu.Unlock()
	select {
	case a.changed <- struct{}{}:
	default:
	}
}
