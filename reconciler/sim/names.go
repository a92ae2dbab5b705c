package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// Names is a domain in memory. Any number of control planes may share it.
type Names struct {
	domain string

	mu      sync.Mutex
	records map[string]plan.Address // by name and type
	gap     string
	refusal error
	changes int
}

var _ reconciler.Names = (*Names)(nil)

// NewNames makes an empty domain.
func NewNames(domain string) *Names {
	return &Names{domain: domain, records: map[string]plan.Address{}}
}

// Domain implements reconciler.Names.
func (n *Names) Domain() string { return n.domain }

// Put writes a record as somebody would by hand; without a deployment it is theirs.
func (n *Names) Put(a plan.Address) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.records[recordKey(a.Name, a.Type)] = a
}

// Remove takes a record away as somebody would by hand.
func (n *Names) Remove(name, kind string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.records, recordKey(name, kind))
}

// SetGap says why the domain cannot be listed whole from now on; empty: it can.
func (n *Names) SetGap(gap string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gap = gap
}

// Refuse has every change fail from now on; nil: none does.
func (n *Names) Refuse(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refusal = err
}

// Changes is how many were made so far.
func (n *Names) Changes() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changes
}

// Addresses implements reconciler.Names.
func (n *Names) Addresses(context.Context) ([]plan.Address, string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gap != "" {
		return nil, n.gap
	}
	as := slices.Collect(maps.Values(n.records))
	slices.SortFunc(as, func(a, b plan.Address) int {
		return strings.Compare(recordKey(a.Name, a.Type), recordKey(b.Name, b.Type))
	})
	return as, ""
}

// Apply implements reconciler.Names.
func (n *Names) Apply(_ context.Context, changes []plan.AddressChange) []error {
	n.mu.Lock()
	defer n.mu.Unlock()
	errs := make([]error, len(changes))
	for i, c := range changes {
		errs[i] = n.apply(c)
	}
	return errs
}

func (n *Names) apply(c plan.AddressChange) error {
	if n.refusal != nil {
		return n.refusal
	}
	key := recordKey(c.Name, c.Type)
	have, ok := n.records[key]
	switch {
	case ok && have.Deployment == c.Deployment && have.Value == c.To && have.TTL == c.ToTTL, !ok && c.To == "":
		return nil // made before
	case ok && have.Deployment != c.Deployment:
		return fmt.Errorf("%s is somebody else's: %w", c.Name, reconciler.ErrConflict)
	case have.Value != c.From:
		return fmt.Errorf("%s is %q and not %q any more: %w", c.Name, have.Value, c.From, reconciler.ErrConflict)
	}
	n.changes++
	if c.To == "" {
		delete(n.records, key)
		return nil
	}
	n.records[key] = plan.Address{Name: c.Name, Type: c.Type, Value: c.To, TTL: c.ToTTL, Deployment: c.Deployment}
	return nil
}

func recordKey(name, kind string) string { return name + " " + kind }
