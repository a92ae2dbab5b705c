package attest

import (
	"crypto"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/attest/attesttest"
)

// FuzzVerify: whatever an agent sends, nothing breaks, and what is accepted is the
// document that was signed.
func FuzzVerify(f *testing.F) {
	s := newScene(f)
	good := s.authority.Sign(s.document)
	for _, seed := range [][]byte{
		nil, {0x30}, {0x30, 0x80}, good, good[:100], indefinite(good), s.document,
		s.authority.SignAs(s.document, attesttest.Form{Bare: true}),
		s.authority.SignAs(s.document, attesttest.Form{Detached: true}),
		s.authority.SignAs(s.document, attesttest.Form{Digest: crypto.SHA1}),
		s.authority.SignAs(s.document, attesttest.Form{Certificates: []*x509.Certificate{s.authority.Certificate()}}),
		s.authority.SignAs(s.document, attesttest.Form{Signers: []*attesttest.Authority{s.authority}}),
		fixture(f, "openssl.p7"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := s.verifier.Verify(data, s.want)
		if err == nil && (doc.Account != account || doc.Region != region || doc.InstanceID != instance || !doc.Pending.Equal(s.want.LaunchedAt)) {
			t.Fatalf("accepted: %+v", doc)
		}
	})
}

// FuzzDocument: a document that is read says what it says once.
func FuzzDocument(f *testing.F) {
	f.Add(attesttest.Document(account, region, instance, time.Unix(0, 0)))
	f.Add([]byte(`{"accountId":"a","accountId":"b"}`))
	f.Add([]byte(`{"accountId":"a"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := parse(data)
		if err == nil && (doc.Account == "" || doc.Region == "" || doc.InstanceID == "") {
			t.Fatalf("read as %+v", doc)
		}
	})
}

// TestOpenSSL: a signature that neither our test code nor the library made. How it
// was made stands in testdata/README.md.
func TestOpenSSL(t *testing.T) {
	t.Parallel()
	cert, err := ParseCertificate(region, fixture(t, "openssl.pem"))
	if err != nil {
		t.Fatal(err)
	}
	v := verifier(t, Certificates{region: cert})
	started := time.Date(2026, 11, 26, 11, 59, 0, 0, time.UTC)
	want := Want{Account: account, Region: region, InstanceID: instance, LaunchedAt: started, Now: started}
	for _, name := range []string{"openssl.p7", "openssl-bare.p7"} {
		if _, err := v.Verify(fixture(t, name), want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
