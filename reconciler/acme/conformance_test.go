package acme

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mainstaydb/mainstay/reconciler/acme/pebbletest"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

const (
	deployment = "d-1"
	name       = "orders.db.example.com"
)

func TestIssue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open(t)
	if r := track(t, c, deployment, name); r != (plan.Certificate{}) {
		t.Fatalf("a deployment without a certificate is reported as %+v", r)
	}
	r := obtain(t, c, deployment, name)
	leaf := w.verify(t, c, deployment, r)
	if r.Names != name || len(leaf.DNSNames) != 1 {
		t.Errorf("the certificate is for %q, %v", r.Names, leaf.DNSNames)
	}
	// pebble suggests the two days around two thirds of the life.
	third := leaf.NotAfter.Sub(leaf.NotBefore) / 3
	if off := r.Renew.Sub(leaf.NotAfter.Add(-third)); off < -25*time.Hour || off > 25*time.Hour {
		t.Errorf("renewal at %s, %s from where the authority suggests it", r.Renew, off)
	}
	if left := w.records.left(); len(left) > 0 {
		t.Errorf("records were left behind: %v", left)
	}
	drain(c)
	for range 3 {
		if again := obtain(t, c, deployment, name); again != r {
			t.Fatalf("the report changed from %+v to %+v though nothing did", r, again)
		}
	}
	select {
	case <-c.Changed():
		t.Error("a change was told though nothing changed")
	default:
	}
	if n := w.proxy.requests(orders); n != 1 {
		t.Errorf("%d orders were made for one certificate", n)
	}
	// Another process finds the same.
	if again := track(t, w.open(t), deployment, name); again != r {
		t.Errorf("after a restart the report is %+v and not %+v", again, r)
	}
}

func drain(c *Client) {
	select {
	case <-c.Changed():
	default:
	}
}

func TestIssueFromAHostileAuthority(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "PEBBLE_VA_NOSLEEP=0", "PEBBLE_VA_SLEEPTIME=3", "PEBBLE_WFE_NONCEREJECT=15", "PEBBLE_AUTHZREUSE=0", "PEBBLE_VA_ALWAYS_VALID=0")
	c := w.open(t)
	wanted := map[string][]string{
		"d-1": {"one.example.com"},
		"d-2": {"two.example.com", "TWO.example.org."},
		"d-3": {"three.example.com", "*.three.example.com"},
	}
	c.Track(wanted)
	var group errgroup.Group
	for id, names := range wanted {
		group.Go(func() error { return c.Obtain(t.Context(), id, names) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for id := range wanted {
		w.verify(t, c, id, await(t, c, id, certified))
	}
	if rejected := strings.Count(w.Log(), "badNonce"); rejected == 0 {
		t.Log("pebble rejected no nonce this time")
	}
	if got := c.Reports()["d-2"].Names; got != "two.example.com two.example.org" {
		t.Errorf("names are %q", got)
	}
}

func TestRenew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open(t, func(o *Options) { o.Limits.Names = Limit{1, 7 * 24 * time.Hour} }) // renewals do not count
	track(t, c, deployment, name)
	first := obtain(t, c, deployment, name)
	leaf := w.verify(t, c, deployment, first)
	w.SuggestRenewal(t, leafPEM(leaf), `{"suggestedWindow":{"start":"2020-01-01T00:00:00Z","end":"2020-01-02T00:00:00Z"}}`)

	later := w.open(t, func(o *Options) { o.Limits.Names = Limit{1, 7 * 24 * time.Hour} }) // another process asks at once
	due := track(t, later, deployment, name)
	if due.Fingerprint != first.Fingerprint || due.Renew.Year() != 2020 {
		t.Fatalf("the authority's suggestion is not in the report: %+v", due)
	}
	second := obtain(t, later, deployment, name)
	if second.Fingerprint == first.Fingerprint || !second.Renew.After(time.Now()) {
		t.Fatalf("the renewed certificate is %+v, after %+v", second, first)
	}
	w.verify(t, later, deployment, second)
	w.verify(t, later, deployment, first) // a database may still show it
	if !strings.Contains(w.Log(), "is a replacement of") {
		t.Error("the order did not say what it replaces")
	}
	if s := later.shelfOf(deployment).find(second.Fingerprint); !s.renewal || s.number != 2 {
		t.Errorf("the store has it as number %d, renewal %v", s.number, s.renewal)
	}
	// The first process learns of it when it wants one, without an order.
	c.mu.Lock()
	c.records[deployment].window = window{time.Unix(0, 0), time.Unix(1, 0)}
	c.mu.Unlock()
	if taken := obtain(t, c, deployment, name); taken.Fingerprint != second.Fingerprint || taken.Renew != second.Renew {
		t.Errorf("the first process has %+v and not %+v", taken, second)
	}
	if n := w.proxy.requests(orders); n != 2 {
		t.Errorf("%d orders were made for two certificates", n)
	}
}

func TestRenewWithAnAuthorityThatForgot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open(t)
	track(t, c, deployment, name)
	first := obtain(t, c, deployment, name)
	w.Stop()
	w.Pebble = pebbletest.Start(t) // it remembers no account, no order, no certificate
	w.records.pebble = w.Pebble
	w.proxy.target.Store(w.Pebble)
	c.mu.Lock()
	c.records[deployment].window = window{time.Unix(0, 0), time.Unix(1, 0)}
	c.mu.Unlock()
	if second := obtain(t, c, deployment, name); second.Fingerprint == first.Fingerprint {
		t.Error("the certificate was not renewed")
	}
}

func TestSuggestionsThatAreNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open(t)
	track(t, c, deployment, name)
	leaf := w.verify(t, c, deployment, obtain(t, c, deployment, name))
	want := window{}.moment(leaf)
	for _, answer := range []string{`{`, `[]`, `{}`, `{"suggestedWindow":{"start":"2030-01-02T00:00:00Z","end":"2030-01-01T00:00:00Z"}}`,
		`{"suggestedWindow":{"start":"2999-01-01T00:00:00Z","end":"2999-01-02T00:00:00Z"}}`} {
		w.SuggestRenewal(t, leafPEM(leaf), answer)
		if r := track(t, w.open(t), deployment, name); !r.Renew.Equal(want) {
			t.Errorf("after the answer %s renewal is at %s and not after two thirds of the life, %s", answer, r.Renew, want)
		}
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open(t)
	track(t, c, deployment, name)
	first := obtain(t, c, deployment, name)
	leaf := w.verify(t, c, deployment, first)
	for range 2 { // the second time does no harm
		if err := c.Revoke(t.Context(), deployment, first.Fingerprint, KeyExposed); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.Status(t, leaf.SerialNumber); got != "Revoked" {
		t.Errorf("the authority says %s", got)
	}
	await(t, c, deployment, uncertified)
	if _, key, err := c.Bundle(t.Context(), deployment, first.Fingerprint); err == nil || key != nil {
		t.Error("a revoked certificate was given out")
	}
	other := w.open(t)
	if r := track(t, other, deployment, name); r.Fingerprint != "" {
		t.Errorf("after a restart the revoked certificate is used: %+v", r)
	}
	second := obtain(t, other, deployment, name)
	w.verify(t, other, deployment, second)
	if err := other.Revoke(t.Context(), deployment, strings.Repeat("0", 64), Unspecified); err == nil {
		t.Error("a certificate that is not there was revoked")
	}
}

func TestRevokeWhileTheAuthorityIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open(t)
	track(t, c, deployment, name)
	first := obtain(t, c, deployment, name)
	leaf := w.verify(t, c, deployment, first)
	w.proxy.failing("", unavailable)
	if err := c.Revoke(t.Context(), deployment, first.Fingerprint, Superseded); err == nil || !strings.Contains(err.Error(), "revoke it again") {
		t.Fatalf("Revoke: %v", err)
	}
	await(t, c, deployment, uncertified)
	w.proxy.failing("", nil)
	if err := c.Revoke(t.Context(), deployment, first.Fingerprint, Superseded); err != nil {
		t.Fatal(err)
	}
	if got := w.Status(t, leaf.SerialNumber); got != "Revoked" {
		t.Errorf("the authority says %s", got)
	}
}

func TestOtherNamesCountAsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open(t)
	track(t, c, deployment, name)
	first := obtain(t, c, deployment, name)
	if r := track(t, c, deployment, "renamed.example.com"); r.Fingerprint != "" {
		t.Fatalf("the certificate for other names is reported: %+v", r)
	}
	obtain(t, c, deployment, "renamed.example.com")
	if r := track(t, c, deployment, name); r != first {
		t.Errorf("back at the first names the report is %+v and not %+v", r, first)
	}
	c.Track(nil)
	if n := len(c.Reports()); n != 0 {
		t.Errorf("%d reports on nothing", n)
	}
}

func TestTwoControlPlanesOrderOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.open(t), w.open(t)
	track(t, a, deployment, name)
	track(t, b, deployment, name)
	first := obtain(t, a, deployment, name)
	if second := obtain(t, b, deployment, name); second != first {
		t.Errorf("one has %+v, the other %+v", first, second)
	}
	if n := w.proxy.requests(orders); n != 1 {
		t.Errorf("%d orders", n)
	}
	if n := strings.Count(w.Log(), " accounts in memory"); n != 1 {
		t.Errorf("%d accounts", n)
	}
}

func TestTwoControlPlanesAtTheSameMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	clients := []*Client{w.open(t), w.open(t), w.open(t)}
	var group errgroup.Group
	for _, c := range clients {
		track(t, c, deployment, name)
		group.Go(func() error { return c.Obtain(t.Context(), deployment, []string{name}) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	want := await(t, clients[0], deployment, certified).Fingerprint
	for i, c := range clients {
		if got := await(t, c, deployment, certified).Fingerprint; got != want {
			t.Errorf("control plane %d has %s and not %s", i, got, want)
		}
	}
}

// fasterElsewhere fails to make records, after another control plane has obtained the
// certificate that they are for.
type fasterElsewhere struct{ other *Client }

func (f fasterElsewhere) Present(ctx context.Context, _, _ string) error {
	return errors.Join(f.other.Obtain(ctx, deployment, []string{name}), errors.New("no"))
}
func (fasterElsewhere) CleanUp(context.Context, string, string) error { return nil }

func TestAnotherControlPlaneIsFaster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fast := w.open(t)
	slow := w.open(t, func(o *Options) { o.Challenges = fasterElsewhere{fast} })
	track(t, fast, deployment, name)
	track(t, slow, deployment, name)
	r := obtain(t, slow, deployment, name)
	if want := fast.Reports()[deployment]; r != want {
		t.Errorf("the slow one has %+v, the fast one %+v", r, want)
	}
}

func TestManyDeployments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open(t)
	wanted := make(map[string][]string)
	for i := range 20 {
		wanted[fmt.Sprintf("d-%d", i)] = []string{fmt.Sprintf("db%d.example.com", i)}
	}
	c.Track(wanted)
	began := time.Now()
	var group errgroup.Group
	group.SetLimit(10)
	for id, names := range wanted {
		group.Go(func() error { return c.Obtain(t.Context(), id, names) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for id := range wanted {
		w.verify(t, c, id, await(t, c, id, certified))
	}
	t.Logf("%d certificates in %s", len(wanted), time.Since(began).Round(time.Millisecond))
}
