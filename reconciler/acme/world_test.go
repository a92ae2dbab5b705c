package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/acme/pebbletest"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

var _ reconciler.Certificates = (*Client)(nil)

// patience bounds waiting in tests; it means "broken".
const patience = time.Minute

// A world is an authority behind a proxy that counts requests and can fail, a domain,
// and a secret store.
type world struct {
	*pebbletest.Pebble
	proxy   *proxy
	store   secrets.Store
	records *records
}

func newWorld(t *testing.T, env ...string) *world {
	t.Helper()
	p := pebbletest.Start(t, env...)
	dir, err := secrets.OpenDir(t.TempDir() + "/secrets")
	if err != nil {
		t.Fatal(err)
	}
	return &world{Pebble: p, proxy: newProxy(t, p), store: dir, records: &records{pebble: p, present: make(map[string]int)}}
}

func (w *world) options(t *testing.T) Options {
	roots := x509.NewCertPool()
	roots.AddCert(w.proxy.server.Certificate())
	return Options{Directory: w.proxy.server.URL + "/dir", Email: "ops@example.com", Secrets: w.store, Challenges: w.records, Roots: roots,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// open starts a client, which ends with the test.
func (w *world) open(t *testing.T, change ...func(*Options)) *Client {
	t.Helper()
	opts := w.options(t)
	for _, f := range change {
		f(&opts)
	}
	c, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	watch(t, c)
	return c
}

// watch runs a client until the test ends.
func watch(t *testing.T, c *Client) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// await waits for a report that holds.
func await(t *testing.T, c *Client, id string, holds func(plan.Certificate) bool) plan.Certificate {
	t.Helper()
	end := time.After(patience)
	for {
		if r, ok := c.Reports()[id]; ok && holds(r) {
			return r
		}
		select {
		case <-c.Changed():
		case <-end:
			t.Fatalf("the report on %s stays %+v", id, c.Reports()[id])
		}
	}
}

func anything(plan.Certificate) bool      { return true }
func certified(r plan.Certificate) bool   { return r.Fingerprint != "" }
func uncertified(r plan.Certificate) bool { return r.Fingerprint == "" }

// track has a client watch one deployment, and waits until it was looked up.
func track(t *testing.T, c *Client, id string, names ...string) plan.Certificate {
	t.Helper()
	c.Track(map[string][]string{id: names})
	return await(t, c, id, anything)
}

// obtain gets a certificate, or fails the test.
func obtain(t *testing.T, c *Client, id string, names ...string) plan.Certificate {
	t.Helper()
	if err := c.Obtain(t.Context(), id, names); err != nil {
		t.Fatal(err)
	}
	r := c.Reports()[id]
	if r.Fingerprint == "" || r.Error != "" || !r.Retry.IsZero() {
		t.Fatalf("no certificate was obtained: %+v", r)
	}
	return r
}

// verify checks what a database would show, as a client would, and returns the leaf.
func (w *world) verify(t *testing.T, c *Client, id string, r plan.Certificate) *x509.Certificate {
	t.Helper()
	certPEM, keyPEM, err := c.Bundle(t.Context(), id, r.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	if fingerprintOf(pair.Leaf) != r.Fingerprint || !pair.Leaf.NotAfter.Equal(r.NotAfter) {
		t.Fatalf("the bundle's certificate ends %s and is not that of the report %+v", pair.Leaf.NotAfter, r)
	}
	chain := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		chain.AddCert(cert)
	}
	for _, name := range strings.Fields(r.Names) {
		name = strings.Replace(name, "*", "any", 1)
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: w.Roots(t), Intermediates: chain}); err != nil {
			t.Error(err)
		}
	}
	return pair.Leaf
}

func leafPEM(leaf *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})
}

// A proxy stands before pebble.
type proxy struct {
	server  *httptest.Server
	forward *httputil.ReverseProxy
	target  atomic.Pointer[pebbletest.Pebble]

	mu    sync.Mutex
	seen  map[string]int // by path, up to its second slash
	fault http.HandlerFunc
	on    string
}

func newProxy(t *testing.T, p *pebbletest.Pebble) *proxy {
	x := &proxy{seen: make(map[string]int)}
	x.target.Store(p)
	x.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: x.target.Load().Address})
			r.Out.Host = r.In.Host // pebble's addresses lead here again
		},
		Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
			return x.target.Load().Transport.RoundTrip(req)
		}),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { panic(http.ErrAbortHandler) },
	}
	x.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if fault := x.note(req.URL.Path); fault != nil {
			fault(w, req)
			return
		}
		x.forward.ServeHTTP(w, req)
	}))
	t.Cleanup(x.server.Close)
	return x
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func (x *proxy) note(path string) http.HandlerFunc {
	x.mu.Lock()
	defer x.mu.Unlock()
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	x.seen[name]++
	if x.fault != nil && strings.HasPrefix(name, x.on) {
		return x.fault
	}
	return nil
}

// failing answers requests for paths in place of pebble from now on; nil: none.
func (x *proxy) failing(on string, fault http.HandlerFunc) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.on, x.fault = on, fault
}

// requests counts what was asked since the test began.
func (x *proxy) requests(name string) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.seen[name]
}

// orders is the path that pebble takes orders at.
const orders = "order-plz"

// records is the domain: pebble's DNS server.
type records struct {
	pebble *pebbletest.Pebble

	mu      sync.Mutex
	before  func(ctx context.Context, fqdn string, value *string) error
	present map[string]int // how many values a name has
}

// Present implements Challenges.
func (r *records) Present(ctx context.Context, fqdn, value string) error {
	r.mu.Lock()
	before := r.before
	r.mu.Unlock()
	if before != nil {
		if err := before(ctx, fqdn, &value); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.present[fqdn]++
	return r.pebble.SetTXT(ctx, fqdn, value)
}

// CleanUp implements Challenges.
func (r *records) CleanUp(ctx context.Context, fqdn, _ string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.present[fqdn] > 1 { // the server removes all values of a name at once
		r.present[fqdn]--
		return nil
	}
	err := r.pebble.ClearTXT(ctx, fqdn)
	if err == nil {
		r.present[fqdn] = 0
	}
	return err
}

// hinder has f called before each record is made; nil: nothing.
func (r *records) hinder(f func(ctx context.Context, fqdn string, value *string) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = f
}

// left tells which records were made and not removed.
func (r *records) left() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var left []string
	for fqdn, n := range r.present {
		if n > 0 {
			left = append(left, fqdn)
		}
	}
	return left
}
