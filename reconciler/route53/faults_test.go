package route53_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/mototest"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/route53"
)

// fails answers an action's first requests with an error.
func fails(what string, times, status int, code string) func(mototest.Request) *mototest.Fault {
	return func(r mototest.Request) *mototest.Fault {
		if r.Action != what || r.Times > times {
			return nil
		}
		return &mototest.Fault{Status: status, Code: code}
	}
}

// TestPasses: what passes by itself is waited for.
func TestPasses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	for i, c := range []struct {
		what, code string
		status     int
	}{
		{changing, "Throttling", 400}, {changing, "PriorRequestNotComplete", 400}, {changing, "ServiceUnavailable", 503},
		{listing, "Throttling", 400}, {listing, "InternalFailure", 500},
	} {
		host := fmt.Sprintf("h%d", i)
		w.proxy.Failing(fails(c.what, 3, c.status, c.code))
		apply(t, n, create(one, host, "A", "192.0.2.1"))
		if got := w.proxy.Since(c.what); got != 4 {
			t.Errorf("%s at %s: %d requests, want 4", c.code, c.what, got)
		}
	}
	w.proxy.Failing(nil)
	if got := len(w.records(t)); got != 10 {
		t.Errorf("%d records, want 10", got)
	}
}

// TestLasts: what does not pass is told in words, with its kind, and is not repeated
// where that cannot help.
func TestLasts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	for _, c := range []struct {
		what, code string
		status     int
		kind       awserr.Kind
		requests   int
		words      string
	}{
		{changing, "Throttling", 400, awserr.Throttled, 5, "more slowly"},
		{changing, "PriorRequestNotComplete", 400, awserr.Throttled, 5, "tried again"},
		{changing, "InternalFailure", 500, awserr.Ambiguous, 5, "looked at again"},
		{changing, "ExpiredToken", 403, awserr.Denied, 1, "credentials have ended"},
		{changing, "AccessDenied", 403, awserr.Denied, 1, "role's policy"},
		{changing, "NoSuchHostedZone", 404, awserr.NotFound, 1, "hosted zone's id"},
		{listing, "ExpiredToken", 403, awserr.Denied, 1, "credentials have ended"},
	} {
		w.proxy.Failing(fails(c.what, 100, c.status, c.code))
		errs := n.Apply(t.Context(), []plan.AddressChange{create(one, "a", "A", "192.0.2.1"), create(one, "b", "A", "192.0.2.1")})
		for i := range 2 {
			if len(errs) != 2 || awserr.KindOf(errs[i]) != c.kind || !strings.Contains(errs[i].Error(), c.words) {
				t.Errorf("%s at %s: %v, want %s and %q", c.code, c.what, errs, c.kind, c.words)
			}
		}
		if got := w.proxy.Since(c.what); got != c.requests {
			t.Errorf("%s at %s: %d requests, want %d", c.code, c.what, got, c.requests)
		}
		if got := w.proxy.Since(changing); c.what == listing && got != 0 {
			t.Error("changed what could not be looked at")
		}
	}
	w.proxy.Failing(nil)
	wantRecords(t, w)
}

// TestLostAnswer: a change that was made, and whose answer was lost, is no error.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]mototest.Fault{
		"cut off": {After: true, Cut: true}, "error": {After: true, Status: http.StatusBadGateway, Code: "InternalFailure"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			n := w.open(t, fleet)
			lose := func() {
				w.proxy.Failing(func(r mototest.Request) *mototest.Fault {
					if r.Action == changing && r.Times == 1 {
						return &f
					}
					return nil
				})
			}
			lose()
			apply(t, n, create(one, "a", "A", "192.0.2.1"), create(one, "b", "A", "192.0.2.1"), create(one, "b", "AAAA", "2001:db8::1"))
			lose()
			apply(t, n, move(one, "a", "A", "192.0.2.1", "192.0.2.2"), move(one, "b", "A", "192.0.2.1", ""), create(two, "c", "A", "192.0.2.3"))
			wantRecords(t, w, "a A 192.0.2.2", "_mainstay.a TXT "+tag(one, "A"), "b AAAA 2001:db8::1", "_mainstay.b TXT "+tag(one, "AAAA"),
				"c A 192.0.2.3", "_mainstay.c TXT "+tag(two, "A"))
		})
	}
}

// meanwhile happens after the next look and before the first batch.
func (w *world) meanwhile(f func()) {
	w.proxy.Failing(func(r mototest.Request) *mototest.Fault {
		if r.Action != changing || r.Times != 1 {
			return nil
		}
		return &mototest.Fault{Before: f}
	})
}

// TestRace: an edit between the look and the batch fails the change it is about, and
// no other.
func TestRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	apply(t, n, create(one, "a", "A", "192.0.2.1"), create(one, "b", "A", "192.0.2.1"))
	w.meanwhile(func() {
		w.byHand(t, types.ChangeActionUpsert, record("a."+domain, "A", 60, "192.0.2.99"), record("new."+domain, "CNAME", 60, "example.net"))
	})
	errs := n.Apply(t.Context(), []plan.AddressChange{
		move(one, "a", "A", "192.0.2.1", "192.0.2.2"), move(one, "b", "A", "192.0.2.1", "192.0.2.2"),
		create(one, "new", "A", "192.0.2.3"), create(one, "c", "A", "192.0.2.3"),
	})
	if len(errs) != 4 || errs[1] != nil || errs[3] != nil {
		t.Fatalf("the changes that nobody disturbed failed: %v", errs)
	}
	if !errors.Is(errs[0], reconciler.ErrConflict) || !errors.Is(errs[2], route53.ErrTaken) {
		t.Errorf("the changes that were disturbed: %v", errs)
	}
	wantRecords(t, w, "a A 192.0.2.99", "_mainstay.a TXT "+tag(one, "A"), "b A 192.0.2.2", "_mainstay.b TXT "+tag(one, "A"),
		"c A 192.0.2.3", "_mainstay.c TXT "+tag(one, "A"), "new CNAME example.net")
}

// TestMany: hundreds of names go out in a few batches within the limits; those that
// are to blame for a refusal fail alone.
func TestMany(t *testing.T) {
	t.Parallel()
	const many = 600
	w := newWorld(t)
	n := w.open(t, fleet)
	w.meanwhile(func() { w.byHand(t, types.ChangeActionCreate, record("h0300."+domain, "A", 60, "192.0.2.99")) })
	var changes []plan.AddressChange
	for i := range many {
		changes = append(changes, create(one, fmt.Sprintf("h%04d", i), "A", "192.0.2.1"))
	}
	errs := n.Apply(t.Context(), changes)
	for i, err := range errs {
		if (err != nil) != (i == 300) {
			t.Fatalf("change %d: %v", i, err)
		}
	}
	if len(errs) != many || !errors.Is(errs[300], route53.ErrTaken) {
		t.Errorf("the name that was taken meanwhile: %v", errs)
	}
	// One look at an empty domain and one at the name that was refused; three batches,
	// one of them twice, and the one by hand.
	if lists, sent := w.proxy.Since(listing), w.proxy.Since(changing); lists != 2 || sent > 6 {
		t.Errorf("%d listings and %d batches", lists, sent)
	}
	t.Logf("%d names: %d listings, %d batches", many, w.proxy.Since(listing), w.proxy.Since(changing))
	w.proxy.Failing(nil)
	if found, gap := n.Addresses(t.Context()); len(found) != many || gap != "" {
		t.Errorf("listed %d, gap %q", len(found), gap)
	}
	if got := w.proxy.Since(listing); got != 4 {
		t.Errorf("%d requests for %d records, want 4 pages", got, 2*many-1)
	}
	w.proxy.Failing(nil)
	apply(t, n, move(one, "h0599", "A", "192.0.2.1", "192.0.2.2"), move(one, "h0000", "A", "192.0.2.1", "192.0.2.2"), move(one, "h0001", "A", "192.0.2.1", ""))
	if lists, sent := w.proxy.Since(listing), w.proxy.Since(changing); lists != 2 || sent != 1 {
		t.Errorf("three names on the first and the last page: %d looks and %d batches", lists, sent)
	}
}

// TestStops: what fails one batch whatever is in it is not sent with the next.
func TestStops(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	w.proxy.Failing(fails(changing, 100, 403, "ExpiredToken"))
	var changes []plan.AddressChange
	for i := range 600 {
		changes = append(changes, create(one, fmt.Sprintf("h%04d", i), "A", "192.0.2.1"))
	}
	errs := n.Apply(t.Context(), changes)
	if i := slices.IndexFunc(errs, func(err error) bool { return awserr.KindOf(err) != awserr.Denied }); len(errs) != 600 || i >= 0 {
		t.Errorf("change %d of %d tells something else", i, len(errs))
	}
	if got := w.proxy.Since(changing); got != 1 {
		t.Errorf("%d requests with credentials that are over", got)
	}
}

// TestFailingPage: what was seen before a page failed counts, and what would seem to
// be nobody's is left out.
func TestFailingPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	var changes []plan.AddressChange
	for i := range 350 {
		changes = append(changes, create(one, fmt.Sprintf("h%04d", i), "A", "192.0.2.1"))
	}
	apply(t, n, changes...)
	// With these three records the first page ends between a name and its owner.
	apply(t, n, create(one, "a", "A", "192.0.2.1"), create(one, "a", "AAAA", "2001:db8::1"))
	w.proxy.Failing(func(r mototest.Request) *mototest.Fault {
		if r.Action == listing && r.Times >= 2 {
			return &mototest.Fault{Status: 400, Code: "Throttling"}
		}
		return nil
	})
	found, gap := n.Addresses(t.Context())
	if !strings.Contains(gap, "throttled") || !strings.Contains(gap, "list the records of "+domain) {
		t.Errorf("the gap does not tell why: %q", gap)
	}
	if len(found) != 150 {
		t.Errorf("%d addresses of the first page of 300 records, want two and those of 148 names", len(found))
	}
	for _, a := range found {
		if a.Deployment != one {
			t.Fatalf("%+v seems to be nobody's", a)
		}
	}
}

// TestUntold: a refusal that names nobody is narrowed down to those to blame.
func TestUntold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	w.proxy.Failing(func(r mototest.Request) *mototest.Fault {
		if r.Action != changing || !strings.Contains(r.Body(), "192.0.2.66") {
			return nil
		}
		return &mototest.Fault{Code: "InvalidInput"}
	})
	var changes []plan.AddressChange
	for i := range 40 {
		changes = append(changes, create(one, fmt.Sprintf("h%d", i), "A", "192.0.2.1"))
	}
	changes[7].To, changes[31].To = "192.0.2.66", "192.0.2.66"
	errs := n.Apply(t.Context(), changes)
	for i, err := range errs {
		if want := i == 7 || i == 31; (awserr.KindOf(err) == awserr.Refused) != want || (err != nil) != want {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if got := len(w.records(t)); len(errs) != 40 || got != 2*38 {
		t.Errorf("%d errors, %d records, want those of 38 names", len(errs), got)
	}
}

// TestFullZone: a zone that is full refuses what is new, at once, and a failover goes on.
func TestFullZone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	apply(t, n, create(one, "a", "A", "192.0.2.1"), create(one, "b", "A", "192.0.2.1"))
	var first string
	w.proxy.Failing(func(r mototest.Request) *mototest.Fault {
		if r.Action != changing {
			return nil
		}
		if r.Times == 1 {
			first = r.Body()
		}
		if strings.Count(r.Body(), "<Action>CREATE") <= strings.Count(r.Body(), "<Action>DELETE") {
			return nil
		}
		return &mototest.Fault{Code: "InvalidChangeBatch", Message: "Exceeded limit MAX_RRSETS_BY_ZONE for zone: " + w.zone}
	})
	errs := n.Apply(t.Context(), []plan.AddressChange{
		create(two, "c", "A", "192.0.2.3"), move(one, "a", "A", "192.0.2.1", "192.0.2.2"), create(two, "d", "A", "192.0.2.3"), move(one, "b", "A", "192.0.2.1", ""),
	})
	if len(errs) != 4 || errs[1] != nil || errs[3] != nil {
		t.Fatalf("what needs no room was refused: %v", errs)
	}
	for _, i := range []int{0, 2} {
		if awserr.KindOf(errs[i]) != awserr.Quota || !strings.Contains(errs[i].Error(), "ask AWS for more records") {
			t.Errorf("what needs room: %v", errs[i])
		}
	}
	if got := w.proxy.Since(changing); got != 2 || !strings.Contains(first, "192.0.2.2") {
		t.Errorf("%d batches, want one for each, and the failover's first", got)
	}
	wantRecords(t, w, "a A 192.0.2.2", "_mainstay.a TXT "+tag(one, "A"))
}

// TestSideBySide: batches of one zone never overlap, however many ask.
func TestSideBySide(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			apply(t, n, create(one, fmt.Sprintf("h%d", i), "A", "192.0.2.1"))
		})
	}
	all.Wait()
	if sent := w.proxy.Since(changing); sent != 8 || len(w.records(t)) != 16 {
		t.Errorf("%d batches were sent for 8 changes, as some overlapped; %d records", sent, len(w.records(t)))
	}
}

// TestEnds: no call outlives its context.
func TestEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	ctx, cancel := context.WithCancel(t.Context())
	w.proxy.Failing(func(r mototest.Request) *mototest.Fault {
		if r.Times == 2 {
			return &mototest.Fault{Status: 400, Code: "Throttling", Before: cancel}
		}
		return &mototest.Fault{Status: 400, Code: "Throttling"}
	})
	errs := n.Apply(ctx, []plan.AddressChange{create(one, "a", "A", "192.0.2.1")})
	if len(errs) != 1 || errs[0] == nil || w.proxy.Since(listing) != 2 {
		t.Errorf("went on after its end: %v, %d requests", errs, w.proxy.Since(listing))
	}
	if _, gap := n.Addresses(ctx); gap == "" {
		t.Error("a listing without time has no gap")
	}
}

func TestRefusedBeforehand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	w.proxy.Failing(nil)
	long := strings.Repeat("a", 63)
	with := func(edit func(*plan.AddressChange)) plan.AddressChange {
		c := create(one, "a", "A", "192.0.2.1")
		edit(&c)
		return c
	}
	changes := []plan.AddressChange{
		with(func(c *plan.AddressChange) { c.Name = domain }),
		with(func(c *plan.AddressChange) { c.Name = "a.example.com" }),
		with(func(c *plan.AddressChange) { c.Name = "adb.example.com" }),
		with(func(c *plan.AddressChange) { c.Name = "*." + domain }),
		with(func(c *plan.AddressChange) { c.Name = "_mainstay.a." + domain }),
		with(func(c *plan.AddressChange) { c.Name = "a-." + domain }),
		with(func(c *plan.AddressChange) { c.Name = "." + domain }),
		with(func(c *plan.AddressChange) { c.Name = strings.Join([]string{long, long, long, long[:40], domain}, ".") }),
		with(func(c *plan.AddressChange) { c.Type = "CNAME" }),
		with(func(c *plan.AddressChange) { c.To = "2001:db8::1" }),
		with(func(c *plan.AddressChange) { c.To = "192.0.2.1 192.0.2.2" }),
		with(func(c *plan.AddressChange) { c.Type, c.To = "AAAA", "fe80::1%eth0" }),
		with(func(c *plan.AddressChange) { c.Deployment = `x" records=A` }),
		with(func(c *plan.AddressChange) { c.Deployment = "" }),
		with(func(c *plan.AddressChange) { c.ToTTL = 0 }),
	}
	errs := n.Apply(t.Context(), changes)
	if i := slices.IndexFunc(errs, func(err error) bool { return awserr.KindOf(err) != awserr.Refused }); len(errs) != len(changes) || i >= 0 {
		t.Errorf("change %d of %d is not refused: %+v", i, len(errs), errs)
	}
	if w.proxy.Since(changing)+w.proxy.Since(listing) != 0 {
		t.Error("asked Route 53 about what cannot be")
	}
	errs = n.Apply(t.Context(), []plan.AddressChange{
		with(func(c *plan.AddressChange) { c.Name = "A.DB.example.com." }), with(func(c *plan.AddressChange) { c.To = "192.0.2.2" }),
	})
	if len(errs) != 2 || errs[0] != nil || !errors.Is(errs[1], reconciler.ErrConflict) {
		t.Errorf("two changes of one record at once: %v", errs)
	}
}
