package route53_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/route53"
)

func tag(deployment, types string) string {
	return `"mainstay fleet=` + fleet + ` deployment=` + deployment + ` records=` + types + `"`
}

func wantRecords(t *testing.T, w *world, want ...string) {
	t.Helper()
	if got := w.records(t); !slices.Equal(got, want) {
		t.Errorf("the zone has\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// TestLife takes a name from its first address to its last.
func TestLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	apply(t, n, create(one, "shop", "A", "192.0.2.1"))
	wantRecords(t, w, "shop A 192.0.2.1", "_mainstay.shop TXT "+tag(one, "A"))
	apply(t, n, create(one, "shop", "AAAA", "2001:DB8::1"), move(one, "shop", "A", "192.0.2.1", "192.0.2.2"))
	wantRecords(t, w, "shop A 192.0.2.2", "shop AAAA 2001:db8::1", "_mainstay.shop TXT "+tag(one, "A,AAAA"))
	found, gap := n.Addresses(t.Context())
	want := []plan.Address{
		{Name: "shop." + domain, Type: "A", Value: "192.0.2.2", TTL: ttl, Deployment: one},
		{Name: "shop." + domain, Type: "AAAA", Value: "2001:db8::1", TTL: ttl, Deployment: one},
	}
	if !slices.Equal(found, want) || gap != "" {
		t.Errorf("listed %+v, gap %q", found, gap)
	}
	apply(t, n, move(one, "shop", "A", "192.0.2.2", ""))
	wantRecords(t, w, "shop AAAA 2001:db8::1", "_mainstay.shop TXT "+tag(one, "AAAA"))
	apply(t, n, move(one, "shop", "AAAA", "2001:db8::1", ""))
	wantRecords(t, w)
	if found, gap := n.Addresses(t.Context()); len(found) != 0 || gap != "" {
		t.Errorf("listed %+v after all went, gap %q", found, gap)
	}
}

// TestAgain: every change may be made again, also the TTL's.
func TestAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	slower := move(one, "shop", "A", "192.0.2.2", "192.0.2.2")
	slower.ToTTL = 2 * ttl
	gone := move(one, "shop", "A", "192.0.2.2", "")
	gone.FromTTL = 0 // not known
	for _, c := range []plan.AddressChange{
		create(one, "shop", "A", "192.0.2.1"), move(one, "shop", "A", "192.0.2.1", "192.0.2.2"), slower, gone,
	} {
		apply(t, n, c)
		after := w.records(t)
		w.proxy.Failing(nil)
		apply(t, n, c)
		if w.proxy.Since(changing) != 0 {
			t.Errorf("%+v was sent twice", c)
		}
		wantRecords(t, w, after...)
	}
	wantRecords(t, w)
}

// TestForeign: what has no record of ours beside it is left alone, whatever it is.
func TestForeign(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	alias := &types.ResourceRecordSet{Name: aws.String("alias." + domain), Type: types.RRTypeA, AliasTarget: &types.AliasTarget{
		HostedZoneId: aws.String("Z2"), DNSName: aws.String("lb.example.net."),
	}}
	w.byHand(t, types.ChangeActionCreate, alias,
		record("plain."+domain, "A", 60, "192.0.2.1"),
		record("six."+domain, "AAAA", 60, "2001:db8::9"),
		record("cname."+domain, "CNAME", 60, "elsewhere.example.net"),
		record("other."+domain, "A", 60, "192.0.2.1"),
		record("_mainstay.other."+domain, "TXT", 60, `"mainstay fleet=staging deployment=x records=A"`),
		record("reserved."+domain, "A", 60, "192.0.2.1"),
		record("_mainstay.reserved."+domain, "TXT", 60, `"hands off"`, tag(one, "A")),
		record("claimed."+domain, "TXT", 60, `"a text of somebody's"`),
		record("_mainstay.claimed."+domain, "TXT", 60, `"hands off"`),
		record("*.star."+domain, "A", 60, "192.0.2.1"),
		record("half."+domain, "AAAA", 60, "2001:db8::9"), record("half."+domain, "A", 60, "192.0.2.1"),
		record("_mainstay.half."+domain, "TXT", 300, tag(one, "AAAA")),
		record("beside."+zoneName, "A", 60, "192.0.2.1"), record("db-x."+zoneName, "A", 60, "192.0.2.1"))
	before := w.records(t)
	changes := []plan.AddressChange{
		create(one, "alias", "A", "192.0.2.5"), create(one, "alias", "AAAA", "2001:db8::5"),
		create(one, "plain", "A", "192.0.2.5"), create(one, "plain", "A", "192.0.2.1"), move(one, "plain", "A", "192.0.2.1", ""),
		move(one, "plain", "A", "192.0.2.1", "192.0.2.5"), create(one, "six", "A", "192.0.2.5"), create(one, "cname", "A", "192.0.2.5"),
		move(one, "other", "A", "192.0.2.1", "192.0.2.5"), move(one, "other", "A", "192.0.2.1", ""),
		move(one, "reserved", "A", "192.0.2.1", ""), create(one, "claimed", "A", "192.0.2.5"),
		move(one, "half", "A", "192.0.2.1", "192.0.2.5"),
	}
	for _, c := range changes {
		errs := n.Apply(t.Context(), []plan.AddressChange{c})
		if len(errs) != 1 || !errors.Is(errs[0], reconciler.ErrConflict) || !errors.Is(errs[0], route53.ErrTaken) {
			t.Errorf("%+v: %v, want that it is taken", c, errs)
		} else if !strings.Contains(errs[0].Error(), c.Name) || !strings.Contains(errs[0].Error(), "delete it") {
			t.Errorf("the error names no record or no next step: %v", errs[0])
		}
	}
	wantRecords(t, w, before...)
	found, gap := n.Addresses(t.Context())
	if gap != "" || len(found) != 8 {
		t.Errorf("listed %+v, gap %q", found, gap)
	}
	for _, a := range found {
		if ours := a.Name == "half."+domain && a.Type == "AAAA"; (a.Deployment != "") != ours {
			t.Errorf("%+v: whose it is was read wrong", a)
		}
		if strings.HasPrefix(a.Name, "alias.") && a.Value != "alias of lb.example.net" {
			t.Errorf("an alias is listed as %q", a.Value)
		}
	}
	if !slices.ContainsFunc(found, func(a plan.Address) bool { return a.Name == "*.star."+domain }) {
		t.Error("the name that Route 53 lists with an octal code is not read")
	}
}

// TestByHand: what a person did is not written over, and heals once it was seen.
func TestByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	apply(t, n, create(one, "a", "A", "192.0.2.1"), create(one, "b", "A", "192.0.2.1"), create(one, "c", "A", "192.0.2.1"))
	w.byHand(t, types.ChangeActionUpsert, record("a."+domain, "A", ttl, "192.0.2.9", "192.0.2.8"),
		record("b."+domain, "A", 999, "192.0.2.1"))
	w.byHand(t, types.ChangeActionDelete, record("c."+domain, "A", ttl, "192.0.2.1"))
	before := w.records(t)
	for host, why := range map[string]string{"a": "192.0.2.8 192.0.2.9 and not 192.0.2.1", "b": "TTL of 999", "c": "is gone"} {
		errs := n.Apply(t.Context(), []plan.AddressChange{move(one, host, "A", "192.0.2.1", "192.0.2.2")})
		if len(errs) != 1 || !errors.Is(errs[0], reconciler.ErrConflict) || errors.Is(errs[0], route53.ErrTaken) || !strings.Contains(errs[0].Error(), why) {
			t.Errorf("%s: %v, want a conflict that tells %q", host, errs, why)
		}
	}
	wantRecords(t, w, before...)
	found, _ := n.Addresses(t.Context())
	if len(found) != 2 || found[0].Value != "192.0.2.8 192.0.2.9" || found[0].Deployment != one {
		t.Fatalf("listed %+v", found)
	}
	heal := plan.AddressChange{Deployment: one, Name: found[0].Name, Type: "A", From: found[0].Value, FromTTL: found[0].TTL, To: "192.0.2.1", ToTTL: 10}
	apply(t, n, heal, create(two, "c", "A", "192.0.2.3")) // what c left behind is in nobody's way
	wantRecords(t, w, "a A 192.0.2.1", "_mainstay.a TXT "+tag(one, "A"), "b A 192.0.2.1", "_mainstay.b TXT "+tag(one, "A"),
		"c A 192.0.2.3", "_mainstay.c TXT "+tag(two, "A"))
	w.byHand(t, types.ChangeActionDelete, record("c."+domain, "A", ttl, "192.0.2.3"))
	apply(t, n, move(two, "c", "A", "192.0.2.3", ""))
	wantRecords(t, w, "a A 192.0.2.1", "_mainstay.a TXT "+tag(one, "A"), "b A 192.0.2.1", "_mainstay.b TXT "+tag(one, "A"))
}

// TestReplacedByHand: a record of another kind that was put in place of ours is not ours.
func TestReplacedByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	apply(t, n, create(one, "shop", "A", "192.0.2.1"), create(one, "till", "A", "192.0.2.1"))
	w.byHand(t, types.ChangeActionDelete, record("shop."+domain, "A", ttl, "192.0.2.1"),
		record("till."+domain, "A", ttl, "192.0.2.1"))
	alias := &types.ResourceRecordSet{Name: aws.String("shop." + domain), Type: types.RRTypeA, AliasTarget: &types.AliasTarget{
		HostedZoneId: aws.String("Z2"), DNSName: aws.String("lb.example.net."),
	}}
	heavy, light := record("till."+domain, "A", 60, "192.0.2.7"), record("till."+domain, "A", 60, "192.0.2.8")
	heavy.SetIdentifier, heavy.Weight, light.SetIdentifier, light.Weight = aws.String("heavy"), aws.Int64(9), aws.String("light"), aws.Int64(1)
	w.byHand(t, types.ChangeActionCreate, alias, heavy, light)
	before := w.records(t)
	found, gap := n.Addresses(t.Context())
	if len(found) != 3 || gap != "" {
		t.Fatalf("listed %+v, gap %q", found, gap)
	}
	for _, a := range found {
		if a.Deployment != "" {
			t.Errorf("%+v seems to be ours", a)
		}
		for _, c := range []plan.AddressChange{
			{Deployment: one, Name: a.Name, Type: "A", From: a.Value, FromTTL: a.TTL, To: "192.0.2.1", ToTTL: 10},
			{Deployment: one, Name: a.Name, Type: "A", From: a.Value, FromTTL: a.TTL},
		} {
			if errs := n.Apply(t.Context(), []plan.AddressChange{c}); len(errs) != 1 || !errors.Is(errs[0], route53.ErrTaken) {
				t.Errorf("%+v: %v, want that it is taken", c, errs)
			}
		}
	}
	wantRecords(t, w, before...)
}

// TestHandOver: a name goes from one deployment of the fleet to another, when the
// change says from what, and not just because it is wanted.
func TestHandOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.open(t, fleet)
	apply(t, n, create(one, "shop", "A", "192.0.2.1"))
	for _, c := range []plan.AddressChange{create(two, "shop", "A", "192.0.2.2"), create(two, "shop", "AAAA", "2001:db8::2"), create(two, "shop", "A", "192.0.2.1")} {
		if errs := n.Apply(t.Context(), []plan.AddressChange{c}); len(errs) != 1 || !errors.Is(errs[0], reconciler.ErrConflict) || errors.Is(errs[0], route53.ErrTaken) {
			t.Errorf("%+v: %v, want a conflict", c, errs)
		}
	}
	apply(t, n, move(two, "shop", "A", "192.0.2.1", "192.0.2.2"))
	wantRecords(t, w, "shop A 192.0.2.2", "_mainstay.shop TXT "+tag(two, "A"))
	apply(t, n, move(one, "shop", "A", "192.0.2.2", "192.0.2.2")) // the owner alone
	wantRecords(t, w, "shop A 192.0.2.2", "_mainstay.shop TXT "+tag(one, "A"))
}

func TestCheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.open(t, fleet).Check(t.Context()); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ zone, domain, want string }{
		{w.zone, "example.org", "example.org is not in it"},
		{w.zone, "notexample.com", "not in it"},
		{"Z0000000000000000000", domain, "compare the hosted zone's id"},
		{w.zone, zoneName, ""},
		{w.zone, "away.example.com", "other name servers (ns1.example.net)"},
	} {
		if c.domain == "away.example.com" {
			w.byHand(t, types.ChangeActionCreate, record("away.example.com", "NS", 60, "ns1.example.net"))
		}
		n, err := route53.New(route53.Options{Client: w.client, HostedZone: c.zone, Domain: c.domain, Fleet: fleet})
		if err != nil {
			t.Fatal(err)
		}
		err = n.Check(t.Context())
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s in %s: %v, want %q", c.domain, c.zone, err, c.want)
		}
		if c.zone != w.zone && awserr.KindOf(err) != awserr.NotFound {
			t.Errorf("a zone that is not there: %q", awserr.KindOf(err))
		}
	}
}
