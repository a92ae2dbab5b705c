// Package acme gets certificates of a public authority, such as Let's Encrypt, for
// the databases of the fleet, and keeps them and their keys in the secret store.
// Who owns a name is proven by a record in the fleet's domain (DNS-01).
//
// It promises that a key never leaves the secret store except by Bundle; that a
// certificate which stands in the store is used before one is ordered, whoever
// ordered it; that a certificate is renewed when the authority suggests it (ARI),
// and as a replacement, which its limits do not count; that a limit known
// beforehand is told as a wait and not tried out; and that Reports stay the same
// while nothing changes.
//
// It does not keep two control planes from ordering at the same moment: the loop
// claims its work before it acts. It counts against the weekly limits what it
// finds in the store for the deployments that are tracked, and what it ordered
// itself since it started. It does not see what the authority issued for
// deployments that were deleted within the week before a restart, for other fleets
// of the same domain, or just before this process was killed, when the certificate
// had not reached the store yet; the authority refuses then, and its refusal is
// waited out. External account bindings, which some authorities ask for, are not
// spoken.
package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

// Challenges makes the records that prove to the authority whose a name is. Names
// have no trailing dot. A name may need several values at once (a wildcard and its
// base); they are given one after another, each to stand beside the others.
type Challenges interface {
	// Present makes a TXT record, and returns when all name servers show it.
	Present(ctx context.Context, fqdn, value string) error
	// CleanUp removes it. One that is not there is no error.
	CleanUp(ctx context.Context, fqdn, value string) error
}

// Options are what a Client works with.
type Options struct {
	Directory  string // URL of the authority's directory; naming it agrees to the authority's terms
	Email      string // where the authority may write to; empty: nowhere
	Secrets    secrets.Store
	Challenges Challenges
	Roots      *x509.CertPool // what the authority's own server is checked with; nil: the system's
	Limits     Limits         // the authority's; a zero one is Let's Encrypt's
	Logger     *slog.Logger   // nil: nothing is logged
}

// A Client is a reconciler.Certificates. Safe for concurrent use. It looks up what
// is tracked as long as Run runs.
type Client struct {
	opts      Options
	host      string // the authority's, for people
	log       *slog.Logger
	transport *http.Transport
	now       func() time.Time
	book      *book
	changed   chan struct{}
	kicks     chan struct{} // there is something to look up

	mu         sync.Mutex
	running    bool
	records    map[string]*record
	reports    map[string]plan.Certificate
	quietUntil time.Time // the authority did not answer: renewal times are not asked before
	place      string    // where renewal times are asked
	placeUntil time.Time
}

// New returns a client that tracks nothing.
func New(opts Options) (*Client, error) {
	u, err := url.Parse(opts.Directory)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is not the directory of a certificate authority; give its https URL, such as https://acme-v02.api.letsencrypt.org/directory", opts.Directory)
	}
	if opts.Secrets == nil || opts.Challenges == nil {
		return nil, errors.New("certificates need a secret store and a domain to prove names in")
	}
	silence()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: opts.Roots, MinVersion: tls.VersionTLS12}
	c := &Client{opts: opts, host: u.Host, log: opts.Logger, transport: transport, now: time.Now,
		book: newBook(opts.Limits), changed: make(chan struct{}, 1), kicks: make(chan struct{}, 1),
		records: make(map[string]*record), reports: make(map[string]plan.Certificate)}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Track implements reconciler.Certificates. Names that changed are looked up anew:
// until then there is no report.
func (c *Client) Track(names map[string][]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, list := range names {
		wanted := joinNames(list)
		r := c.records[id]
		if r != nil && r.names == wanted {
			continue
		}
		if r == nil {
			r = newRecord()
			c.records[id] = r
		}
		r.want(wanted)
		delete(c.reports, id)
		c.kick()
	}
	for id := range c.records {
		if _, wanted := names[id]; !wanted {
			delete(c.records, id)
			delete(c.reports, id)
		}
	}
}

// Reports implements reconciler.Certificates.
func (c *Client) Reports() map[string]plan.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.reports)
}

// Changed implements reconciler.Certificates.
func (c *Client) Changed() <-chan struct{} { return c.changed }

// file makes a deployment's record its report, unless it is no longer tracked or has
// not been looked up.
func (c *Client) file(id string, r *record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.records[id] != r || !r.looked {
		return
	}
	report := r.report()
	if old, had := c.reports[id]; had && same(old, report) {
		return
	}
	c.reports[id] = report
	select {
	case c.changed <- struct{}{}:
	default: // one is waiting already
	}
}

// same compares reports; a time zone is no difference.
func same(a, b plan.Certificate) bool {
	return a.Fingerprint == b.Fingerprint && a.Names == b.Names && a.Error == b.Error &&
		a.NotAfter.Equal(b.NotAfter) && a.Renew.Equal(b.Renew) && a.Retry.Equal(b.Retry)
}

func (c *Client) kick() {
	select {
	case c.kicks <- struct{}{}:
	default:
	}
}
