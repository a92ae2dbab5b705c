package acme

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

func unavailable(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "<html>bad gateway</html>", http.StatusBadGateway)
}

func dropped(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// refusing fails to obtain, and returns the report on it. The caller says what it
// should be about.
func refusing(t *testing.T, c *Client, about ...string) plan.Certificate {
	t.Helper()
	if err := c.Obtain(t.Context(), deployment, []string{name}); err != nil {
		t.Fatalf("a failure that belongs into the report is an error: %v", err)
	}
	r := c.Reports()[deployment]
	for _, text := range about {
		if !strings.Contains(r.Error, text) {
			t.Errorf("the report says %q and nothing of %q", r.Error, text)
		}
	}
	if !r.Retry.After(time.Now()) {
		t.Errorf("the next try is at %s", r.Retry)
	}
	return r
}

// passTime ends the pause before the next try.
func passTime(c *Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.records[deployment].retry = time.Time{}
}

func TestAuthorityDownAndUpAgain(t *testing.T) {
	t.Parallel()
	for what, fault := range map[string]http.HandlerFunc{"bad gateway": unavailable, "no answer": dropped} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.open(t)
			track(t, c, deployment, name)
			w.proxy.failing("", fault)
			r := refusing(t, c, "does not answer")
			asked := w.proxy.requests("dir")
			if again := refusing(t, c); again != r || w.proxy.requests("dir") != asked {
				t.Errorf("during the pause the authority was asked again: %+v", again)
			}
			passTime(c)
			refusing(t, c, "does not answer")
			w.proxy.failing("", nil)
			passTime(c)
			w.verify(t, c, deployment, obtain(t, c, deployment, name))
		})
	}
}

func TestAuthorityAwayAtARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open(t)
	track(t, c, deployment, name)
	first := obtain(t, c, deployment, name)
	w.Stop()
	r := track(t, w.open(t), deployment, name)
	leaf := c.shelfOf(deployment).find(first.Fingerprint).leaf
	if r.Fingerprint != first.Fingerprint || !r.Renew.Equal(window{}.moment(leaf)) || r.Error != "" {
		t.Errorf("without the authority the report is %+v", r)
	}
}

// TestAnswersLost: an answer is lost in the middle of an order, with or without the
// request. What the authority may have issued is not ordered twice.
func TestAnswersLost(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path   string
		asked  bool // the authority did as it was asked
		orders int
	}{
		{"chalZ", false, 2}, {"chalZ", true, 2}, {"authZ", false, 2},
		{"my-order", false, 1}, {"finalize-order", false, 1}, {"finalize-order", true, 1}, {"certZ", false, 1}, {"certZ", true, 1},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %v", test.path, test.asked), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.open(t)
			track(t, c, deployment, name)
			var lost atomic.Bool
			w.proxy.failing(test.path, func(rw http.ResponseWriter, req *http.Request) {
				w.proxy.failing("", nil)
				if lost.Store(true); test.asked {
					w.proxy.forward.ServeHTTP(httptest.NewRecorder(), req)
				}
				dropped(rw, req)
			})
			if err := c.Obtain(t.Context(), deployment, []string{name}); err != nil {
				t.Fatal(err)
			}
			passTime(c)
			w.verify(t, c, deployment, obtain(t, c, deployment, name))
			if n := w.proxy.requests(orders); n != test.orders || !lost.Load() {
				t.Errorf("%d orders, want %d; lost an answer: %v", n, test.orders, lost.Load())
			}
		})
	}
}

func TestRateLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open(t)
	track(t, c, deployment, name)
	w.proxy.failing(orders, tooMany)
	r := refusing(t, c, "limit", "too many certificates already issued")
	if wait := time.Until(r.Retry); wait < 3*time.Hour-time.Minute || wait > 3*time.Hour+time.Minute {
		t.Errorf("the authority asks to wait 3 h, the next try is in %s", wait)
	}
	refusing(t, c)
	if n := w.proxy.requests(orders); n != 1 {
		t.Errorf("%d orders were tried though the authority asked to wait", n)
	}
	w.proxy.failing("", nil)
	passTime(c)
	first := obtain(t, c, deployment, name)

	// A renewal that meets a limit is not tried as a new order, which has more limits.
	c.mu.Lock()
	c.records[deployment].window = window{time.Unix(0, 0), time.Unix(1, 0)}
	c.mu.Unlock()
	w.proxy.failing(orders, tooMany)
	if r := refusing(t, c, "too many certificates already issued"); r.Fingerprint != first.Fingerprint {
		t.Errorf("the certificate that there is is gone from the report: %+v", r)
	}
	if n := w.proxy.requests(orders); n != 3 {
		t.Errorf("%d orders were tried, want 3", n)
	}
}

func tooMany(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Retry-After", "10800")
	w.WriteHeader(http.StatusTooManyRequests)
	_, _ = w.Write([]byte(`{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many certificates already issued","status":429}`))
}

func TestLimitKnownBeforehand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	two := func(o *Options) { o.Limits.Names = Limit{2, 7 * 24 * time.Hour} }
	c := w.open(t, two)
	track(t, c, deployment, name)
	for range 2 {
		r := obtain(t, c, deployment, name)
		if err := c.Revoke(t.Context(), deployment, r.Fingerprint, Unspecified); err != nil {
			t.Fatal(err)
		}
	}
	asked := w.proxy.requests("dir")
	r := refusing(t, c, "at most 2 certificates for the same names in 7 days")
	if wait := time.Until(r.Retry); wait < 83*time.Hour || wait > 85*time.Hour {
		t.Errorf("half of 7 days have to pass, and the next try is in %s", wait)
	}
	later := w.open(t, two)
	track(t, later, deployment, name)
	if again := refusing(t, later, "at most 2"); again.Retry.Sub(r.Retry).Abs() > 2*time.Second {
		t.Errorf("before a restart the next try is at %s, after it at %s", r.Retry, again.Retry)
	}
	if n := w.proxy.requests("dir"); n != asked {
		t.Error("the authority was asked though the limit is known")
	}
	later.mu.Lock()
	later.now = func() time.Time { return time.Now().Add(85 * time.Hour) }
	later.mu.Unlock()
	obtain(t, later, deployment, name)
}

func TestRecordsThatProveNothing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault func(ctx context.Context, fqdn string, value *string) error
		about string
	}{
		{"wrong", func(_ context.Context, _ string, value *string) error { *value = "nonsense"; return nil }, "does not accept the record _acme-challenge." + name},
		{"missing", nil, "does not accept the record _acme-challenge." + name},
		{"denied", func(context.Context, string, *string) error { return errors.New("the zone cannot be written to") }, "the zone cannot be written to"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			opts := func(o *Options) {}
			if test.fault == nil {
				opts = func(o *Options) { o.Challenges = nowhere{} }
			}
			c := w.open(t, opts)
			w.records.hinder(test.fault)
			track(t, c, deployment, name)
			r := refusing(t, c, test.about)
			if r.Fingerprint != "" {
				t.Errorf("a certificate without proof: %+v", r)
			}
			if left := w.records.left(); len(left) > 0 {
				t.Errorf("records were left behind: %v", left)
			}
			w.records.hinder(nil)
			if test.fault != nil {
				passTime(c)
				obtain(t, c, deployment, name)
			}
		})
	}
}

// nowhere makes records that nobody sees.
type nowhere struct{}

func (nowhere) Present(context.Context, string, string) error { return nil }
func (nowhere) CleanUp(context.Context, string, string) error { return nil }

func TestNamesThatTheAuthorityRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open(t)
	track(t, c, deployment, "db.blocked.example.com")
	if err := c.Obtain(t.Context(), deployment, []string{"db.blocked.example.com"}); err != nil {
		t.Fatal(err)
	}
	if r := c.Reports()[deployment]; !strings.Contains(r.Error, "policy") || r.Retry.IsZero() {
		t.Errorf("the report is %+v", r)
	}
	if err := c.Obtain(t.Context(), deployment, nil); err == nil {
		t.Error("a certificate for no name was obtained")
	}
}

func TestObtainEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open(t)
	track(t, c, deployment, name)
	ctx, cancel := context.WithCancel(t.Context())
	w.records.hinder(func(context.Context, string, *string) error {
		cancel()
		return nil // the record may have been made when the request for it is broken off
	})
	if err := c.Obtain(ctx, deployment, []string{name}); !errors.Is(err, context.Canceled) {
		t.Fatalf("Obtain: %v", err)
	}
	if r := c.Reports()[deployment]; r != (plan.Certificate{}) {
		t.Errorf("the caller's end is reported as a failure: %+v", r)
	}
	if left := w.records.left(); len(left) > 0 {
		t.Errorf("records were left behind: %v", left)
	}
}

// A moody store fails when it is told to.
type moody struct {
	secrets.Store
	noGet, noCreate atomic.Bool
}

var errMoody = errors.New("the store is not reachable")

func (m *moody) Get(ctx context.Context, name string) ([]byte, error) {
	if m.noGet.Load() {
		return nil, errMoody
	}
	return m.Store.Get(ctx, name)
}

func (m *moody) Create(ctx context.Context, name string, value []byte) ([]byte, error) {
	if m.noCreate.Load() && strings.HasPrefix(name, "deployments/") {
		return nil, errMoody
	}
	return m.Store.Create(ctx, name, value)
}

func TestStoreInTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := &moody{Store: w.store}
	c := w.open(t, func(o *Options) { o.Secrets = store })
	track(t, c, deployment, name)
	store.noGet.Store(true)
	if err := c.Obtain(t.Context(), deployment, []string{name}); !errors.Is(err, errMoody) {
		t.Fatalf("Obtain without a store: %v", err)
	}
	if n := w.proxy.requests(orders); n != 0 {
		t.Error("a certificate was ordered that cannot be stored")
	}
	store.noGet.Store(false)
	store.noCreate.Store(true)
	for range 2 {
		if err := c.Obtain(t.Context(), deployment, []string{name}); !errors.Is(err, errMoody) {
			t.Fatalf("Obtain with a store that takes nothing: %v", err)
		}
	}
	store.noCreate.Store(false)
	w.verify(t, c, deployment, obtain(t, c, deployment, name))
	if n := w.proxy.requests(orders); n != 1 {
		t.Errorf("%d orders were made for a certificate that only had to be stored", n)
	}
}

// A countingStore counts what costs money in the cloud.
type countingStore struct {
	secrets.Store
	gets atomic.Int64
}

func (s *countingStore) Get(ctx context.Context, name string) ([]byte, error) {
	s.gets.Add(1)
	return s.Store.Get(ctx, name)
}

// nobody is a network on which nobody answers.
func nobody(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("connection refused")
}
