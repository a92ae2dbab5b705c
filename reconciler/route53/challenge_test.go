package route53_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/mototest"
	"github.com/mainstaydb/mainstay/reconciler/route53"
)

const challenge = "_acme-challenge.shop." + domain

// pending: not all of Route 53's servers have a change yet.
func pending() mototest.Fault {
	return mototest.Fault{Edit: func(answer string) string { return strings.ReplaceAll(answer, "INSYNC", "PENDING") }}
}

// TestChallenge: several orders share a name, and each waits for its own value.
func TestChallenge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	w.byHand(t, types.ChangeActionCreate, record(challenge, "TXT", 60, `"of-somebody-else"`))
	w.proxy.Failing(func(r mototest.Request) *mototest.Fault {
		if r.Action != "GetChange" || r.Times%4 == 0 {
			return nil
		}
		f := pending()
		return &f
	})
	for i, value := range []string{"first", "second", "second"} { // the second was cut off, say
		if err := n.Present(t.Context(), challenge+".", value); err != nil {
			t.Fatal(err)
		}
		if asked, want := w.proxy.Since("GetChange"), 4*(i+1); asked != want {
			t.Errorf("returned after %d questions, and all servers had the record after %d", asked, want)
		}
	}
	wantRecords(t, w, `_acme-challenge.shop TXT "of-somebody-else" "first" "second"`)
	for _, value := range []string{"first", "unknown", "second", "second"} {
		if err := n.CleanUp(t.Context(), strings.ToUpper(challenge), value); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.proxy.Since(changing); got != 5 {
		t.Errorf("%d changes for three values that came and two that went", got)
	}
	wantRecords(t, w, `_acme-challenge.shop TXT "of-somebody-else"`)
}

// TestChallengesAtOnce: orders side by side lose no value, within one process and
// between two.
func TestChallengesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.open(t, fleet), w.open(t, "another")
	const tries = 100_000 // the two do not know of each other, so their batches overlap
	a.Hurry(tries)
	b.Hurry(tries)
	var all sync.WaitGroup
	for i := range 4 {
		for j, n := range []*route53.Names{a, b} {
			all.Go(func() {
				if err := n.Present(t.Context(), challenge, fmt.Sprintf("v%d-%d", i, j)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	if got := strings.Join(w.records(t), ""); strings.Count(got, `"`) != 16 {
		t.Errorf("values were lost: %s", got)
	}
	for i := range 4 {
		for j, n := range []*route53.Names{a, b} {
			all.Go(func() {
				if err := n.CleanUp(t.Context(), challenge, fmt.Sprintf("v%d-%d", i, j)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	wantRecords(t, w)
}

func TestChallengeFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	w.byHand(t, types.ChangeActionCreate, record("_acme-challenge.away."+domain, "CNAME", 60, "example.net"))
	for _, c := range []struct {
		name, value string
		kind        awserr.Kind
	}{
		{"shop." + domain, "x", awserr.Refused},
		{"_acme-challenge.shop.example.com", "x", awserr.Refused},
		{"_acme-challenge.xdb.example.com", "x", awserr.Refused},
		{"_acme-challenge." + zoneName, "x", awserr.Refused},
		{challenge, `x" "y`, awserr.Refused},
		{challenge, "", awserr.Refused},
		{"_acme-challenge.away." + domain, "x", awserr.Conflict},
	} {
		if err := n.Present(t.Context(), c.name, c.value); awserr.KindOf(err) != c.kind {
			t.Errorf("%s %q: %v, want %s", c.name, c.value, err, c.kind)
		}
	}
	if err := n.Present(t.Context(), "_acme-challenge."+domain, "x"); err != nil {
		t.Errorf("the challenge of a wildcard: %v", err)
	}
	if err := n.CleanUp(t.Context(), "_acme-challenge."+domain, "x"); err != nil {
		t.Error(err)
	}
	wantRecords(t, w, "_acme-challenge.away CNAME example.net")

	w.proxy.Failing(mototest.On("GetChange", pending()))
	if err := n.Present(t.Context(), challenge, "x"); err == nil || !strings.Contains(err.Error(), "not all servers") {
		t.Errorf("never in sync: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n.Hurry(1 << 30)
	w.proxy.Failing(func(r mototest.Request) *mototest.Fault {
		if r.Action != "GetChange" {
			return nil
		}
		f := pending()
		if r.Times == 3 {
			f.Before = cancel
		}
		return &f
	})
	if err := n.Present(ctx, challenge, "y"); !errors.Is(err, context.Canceled) {
		t.Errorf("went on after its end: %v", err)
	}
}
