package attest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/attest/attesttest"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

const (
	account  = "123456789012"
	region   = "eu-central-1"
	instance = "i-0123456789abcdef0"
)

// A scene is a region's authority, an instance and what is expected of it.
type scene struct {
	authority *attesttest.Authority
	verifier  *Verifier
	document  []byte
	want      Want
}

func newScene(t testing.TB) *scene {
	t.Helper()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	started := now.Add(-time.Minute)
	s := &scene{authority: attesttest.NewAuthority(t), document: attesttest.Document(account, region, instance, started)}
	s.want = Want{Account: account, Region: region, InstanceID: instance, LaunchedAt: started, Now: now}
	s.verifier = verifier(t, Certificates{region: s.authority.Certificate()})
	return s
}

func verifier(t testing.TB, certs Certificates) *Verifier {
	t.Helper()
	v, err := New(certs)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestGoodDocument(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	other := attesttest.NewAuthority(t)
	for name, form := range map[string]attesttest.Form{
		"as AWS signs":                             {},
		"without signed attributes":                {Bare: true},
		"with its certificate":                     {Certificates: []*x509.Certificate{s.authority.Certificate()}},
		"with a certificate that nobody asked for": {Certificates: []*x509.Certificate{other.Certificate()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc, err := s.verifier.Verify(s.authority.SignAs(s.document, form), s.want)
			if err != nil {
				t.Fatal(err)
			}
			if doc.Account != account || doc.Region != region || doc.InstanceID != instance || !doc.Pending.Equal(s.want.LaunchedAt) {
				t.Fatalf("the document says %+v", doc)
			}
		})
	}
	t.Run("in BER of indefinite length", func(t *testing.T) {
		t.Parallel()
		if _, err := s.verifier.Verify(indefinite(s.authority.Sign(s.document)), s.want); err != nil {
			t.Fatal(err)
		}
	})
}

// indefinite writes the outermost element as Java's libraries do, which AWS's
// signatures are made with.
func indefinite(der []byte) []byte {
	body := der[2:]
	if n := int(der[1]); n >= 0x80 {
		body = der[2+n-0x80:]
	}
	return append(append([]byte{der[0], 0x80}, body...), 0, 0)
}

// Whoever signed it, it must be the certificate of this region that fits.
func TestForgedSignatures(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	forger, twin := attesttest.NewAuthority(t), s.authority.Imitate()
	swapped := bytes.Replace(s.document, []byte(account), []byte("999999999999"), 1)
	good := s.authority.Sign(s.document)
	garbage := make([]byte, 1<<20)
	rand.Read(garbage)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"forged":                          {forger.Sign(s.document), "pinned for the region"},
		"forged, brings its certificate":  {forger.SignAs(s.document, attesttest.Form{Certificates: []*x509.Certificate{forger.Certificate()}}), "pinned for the region"},
		"forged under AWS's serial":       {twin.Sign(s.document), "pinned for the region"},
		"forged twin with certificate":    {twin.SignAs(s.document, attesttest.Form{Certificates: []*x509.Certificate{twin.Certificate()}}), "pinned for the region"},
		"content tampered":                {s.authority.SignAs(s.document, attesttest.Form{Swap: swapped}), "pinned for the region"},
		"content tampered, no attributes": {s.authority.SignAs(s.document, attesttest.Form{Swap: swapped, Bare: true}), "pinned for the region"},
		"detached":                        {s.authority.SignAs(s.document, attesttest.Form{Detached: true}), "without the document"},
		"empty content":                   {s.authority.Sign(nil), "without the document"},
		"two signers":                     {s.authority.SignAs(s.document, attesttest.Form{Signers: []*attesttest.Authority{forger}}), "2 signers"},
		"two signers, forger first":       {forger.SignAs(s.document, attesttest.Form{Signers: []*attesttest.Authority{s.authority}}), "2 signers"},
		"weak digest":                     {s.authority.SignAs(s.document, attesttest.Form{Digest: crypto.SHA1}), "too weak"},
		"weak digest, no attributes":      {s.authority.SignAs(s.document, attesttest.Form{Digest: crypto.SHA1, Bare: true}), "too weak"},
		"nothing":                         {nil, "sent none"},
		"half of it":                      {good[:len(good)/2], "damaged"},
		"all but the last byte":           {good[:len(good)-1], "damaged"},
		"a megabyte of garbage":           {garbage, "1048576 bytes"},
		"a little garbage":                {garbage[:1000], "damaged"},
		"the document alone":              {s.document, "damaged"},
		"signed, and no JSON":             {s.authority.Sign([]byte("hello")), "no JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuses(t, s, c.data, s.want, c.want)
		})
	}
}

func refuses(t *testing.T, s *scene, data []byte, want Want, word string) {
	t.Helper()
	_, err := s.verifier.Verify(data, want)
	if err == nil || !strings.Contains(err.Error(), word) {
		t.Errorf("%v, want one that says %q", err, word)
	}
}

// No bit of a document or of its signature can be turned round. Elsewhere some can,
// where nothing is looked at: then the document is the same.
func TestEveryBitCounts(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	good := s.authority.Sign(s.document)
	first := bytes.Index(good, s.document)
	last, signature := first+len(s.document), len(good)-256 // which comes at the end
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 1 << (at % 8)
		doc, err := s.verifier.Verify(bad, s.want)
		covered := at >= first && at < last || at >= signature
		if err == nil && (covered || doc.InstanceID != instance || doc.Account != account) {
			t.Fatalf("byte %d turned round: the document says %+v", at, doc)
		}
	}
}

// A true document of another is as bad as a forged one.
func TestTrueDocumentsOfOthers(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	const elsewhere = "us-east-1"
	other := attesttest.NewAuthority(t)
	both := *s
	both.verifier = verifier(t, Certificates{region: s.authority.Certificate(), elsewhere: other.Certificate()})
	at := s.want.LaunchedAt
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"another account":                        {s.authority.Sign(attesttest.Document("999999999999", region, instance, at)), `account "999999999999"`},
		"another instance":                       {s.authority.Sign(attesttest.Document(account, region, "i-0fedcba9876543210", at)), `instance "i-0fedcba9876543210"`},
		"another region, by its own certificate": {other.Sign(attesttest.Document(account, elsewhere, instance, at)), "pinned for the region"},
		"this region, by another's certificate":  {other.Sign(s.document), "pinned for the region"},
		"another region, by this certificate":    {s.authority.Sign(attesttest.Document(account, elsewhere, instance, at)), `region "us-east-1"`},
		"from before the instance was started":   {s.authority.Sign(attesttest.Document(account, region, instance, at.Add(-skew-time.Second))), "an old one"},
		"from the future":                        {s.authority.Sign(attesttest.Document(account, region, instance, s.want.Now.Add(skew+time.Second))), "of the future"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuses(t, &both, c.data, s.want, c.want)
		})
	}
	for name, at := range map[string]time.Time{"a little before the start": at.Add(-skew), "a little ahead": s.want.Now.Add(skew)} {
		if _, err := s.verifier.Verify(s.authority.Sign(attesttest.Document(account, region, instance, at)), s.want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNothingIsExpected(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	data := s.authority.Sign(s.document)
	for word, change := range map[string]func(*Want){
		"mars-north-1.pem":             func(w *Want) { w.Region = "mars-north-1" },
		"which account":                func(w *Want) { w.Account = "" },
		"which instance":               func(w *Want) { w.InstanceID = "" },
		"has not said yet when":        func(w *Want) { w.LaunchedAt = time.Time{} },
		"there is no certificate for ": func(w *Want) { w.Region = "" },
	} {
		want := s.want
		change(&want)
		refuses(t, s, data, want, word)
	}
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	const rest = `"region":"r","instanceId":"i","pendingTime":"2026-11-26T12:00:00Z"}`
	for name, c := range map[string]struct{ content, want string }{
		"good":              {`{"accountId":"a",` + rest, ""},
		"fields not known":  {`{"x":{"accountId":"b"},"accountId":"a","y":[1,null],` + rest, ""},
		"a field twice":     {`{"accountId":"a","accountId":"b",` + rest, `"accountId" twice`},
		"another field too": {`{"x":1,"accountId":"a","x":2,` + rest, `"x" twice`},
		"other letters":     {`{"AccountID":"a",` + rest, "no accountId"},
		"a number":          {`{"accountId":12,` + rest, "no text"},
		"null":              {`{"accountId":null,` + rest, "no text"},
		"empty":             {`{"accountId":"",` + rest, "no text"},
		"more after it":     {`{"accountId":"a",` + rest + `{}`, "follows"},
		"cut off":           {`{"accountId":"a"`, "no JSON"},
		"a list":            {`[1]`, "no JSON object"},
		"no time":           {`{"accountId":"a","region":"r","instanceId":"i","pendingTime":"yesterday"}`, "no time"},
	} {
		_, err := parse([]byte(c.content))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want one that says %q", name, err, c.want)
		}
	}
}

type cloud struct {
	identity string
	err      error
	asked    int
}

func (c *cloud) Identity(context.Context) (string, error) {
	c.asked++
	return c.identity, c.err
}

func TestFleet(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	started := time.Now()
	m := plan.Machine{ID: instance, LaunchedAt: started}
	data := s.authority.Sign(attesttest.Document(account, region, instance, started))
	c := &cloud{err: errors.New("STS is down")}
	fleet := NewFleet(s.verifier, c)
	if err := fleet.Attest(t.Context(), m, data); !errors.Is(err, c.err) {
		t.Fatalf("without an identity: %v", err)
	}
	c.identity, c.err = "ec2:"+account+":"+region, nil
	for range 3 {
		if err := fleet.Attest(t.Context(), m, data); err != nil {
			t.Fatal(err)
		}
	}
	if c.asked != 2 {
		t.Errorf("the cloud was asked %d times who it is, want once in vain and once", c.asked)
	}
	for _, identity := range []string{"", "local:/x", "ec2:1", "ec2::" + region, "ec2:" + account + ":", "ec2:1:2:3"} {
		if err := NewFleet(s.verifier, &cloud{identity: identity}).Attest(t.Context(), m, data); err == nil || !strings.Contains(err.Error(), "not an account and region") {
			t.Errorf("cloud %q: %v", identity, err)
		}
	}
	elsewhere := NewFleet(s.verifier, &cloud{identity: "ec2:999999999999:" + region})
	if err := elsewhere.Attest(t.Context(), m, data); err == nil || !strings.Contains(err.Error(), "account") {
		t.Errorf("another account's fleet: %v", err)
	}
}
