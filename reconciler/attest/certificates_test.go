package attest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/attest/attesttest"
)

// The certificates that the program brings are sound, and nothing else lies there.
func TestPublishedCertificates(t *testing.T) {
	t.Parallel()
	certs, err := published()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := embedded.ReadDir(embeddedDir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(certs)+1 { // the README
		t.Errorf("%d files and %d certificates: every other file is to be <region>.pem", len(entries), len(certs))
	}
	for region, cert := range certs {
		if !regionPattern.MatchString(region) {
			t.Errorf("%q is not the name of a region", region)
		}
		if err := checkCertificate(cert); err != nil { // RSA-2048 and signed with its own key
			t.Errorf("the certificate of %s: %v", region, err)
		}
		if cert.NotAfter.Before(time.Now().AddDate(10, 0, 0)) {
			t.Errorf("the certificate of %s ends %s, and AWS's live for more than a century", region, cert.NotAfter)
		}
	}
	for _, region := range []string{ // where most fleets are
		"us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1",
		"eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3",
		"ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
	} {
		if certs[region] == nil {
			t.Errorf("there is no certificate of %s", region)
		}
	}
}

// A certificate from the configuration takes the place of the program's, and only
// for its region: the program's may be out of date.
func TestGivenCertificatesReplacePublished(t *testing.T) {
	t.Parallel()
	ours, err := published()
	if err != nil {
		t.Fatal(err)
	}
	dir, given := t.TempDir(), attesttest.NewAuthority(t)
	write(t, dir, "us-east-1.pem", given.PEM())
	write(t, dir, "mars-north-1.pem", attesttest.NewAuthority(t).PEM())
	certs, err := ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	v := verifier(t, certs)
	if !v.certificates["us-east-1"].Equal(given.Certificate()) {
		t.Error("the program's certificate of us-east-1 won over the one that was given")
	}
	if !v.certificates["us-east-2"].Equal(ours["us-east-2"]) {
		t.Error("the certificate of us-east-2 is not the program's, and none was given")
	}
	if err := v.Knows("mars-north-1"); err != nil {
		t.Errorf("a region that the program does not bring: %v", err)
	}
	if !verifier(t, nil).certificates["us-east-1"].Equal(ours["us-east-1"]) {
		t.Error("what was given to one verifier reached another")
	}
}

func TestReadDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two := attesttest.NewAuthority(t), attesttest.NewAuthority(t)
	write(t, dir, "us-east-1.pem", one.PEM())
	write(t, dir, "us-gov-west-1.pem", two.PEM())
	write(t, dir, "README", []byte("anything"))
	certs, err := ReadDir(dir)
	if err != nil || len(certs) != 2 || !certs["us-east-1"].Equal(one.Certificate()) || !certs["us-gov-west-1"].Equal(two.Certificate()) {
		t.Fatalf("%d certificates, %v", len(certs), err)
	}
	v := verifier(t, certs)
	if err := v.Knows("us-gov-west-1"); err != nil {
		t.Error(err)
	}
	if err := v.Knows("mars-north-1"); err == nil || !strings.Contains(err.Error(), "mars-north-1.pem") || !strings.Contains(err.Error(), "RSA-2048") {
		t.Errorf("an unknown region: %v", err)
	}
	if _, err := ReadDir(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("no directory: %v", err)
	}
	write(t, dir, "us-west-1.pem", one.PEM())
	if _, err := ReadDir(dir); err == nil || !strings.Contains(err.Error(), "the same certificate") {
		t.Errorf("one certificate for two regions: %v", err)
	}
}

// What is easily copied wrongly from the page.
func TestWrongCertificates(t *testing.T) {
	t.Parallel()
	good := attesttest.NewAuthority(t)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	flipped, _ := pem.Decode(good.PEM())
	flipped.Bytes[len(flipped.Bytes)-1] ^= 1
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	for name, c := range map[string]struct {
		region string
		data   []byte
		want   string
	}{
		"no region":       {"certificate", good.PEM(), "not the name of a region"},
		"nothing":         {"us-east-1", nil, "not one certificate"},
		"no PEM":          {"us-east-1", []byte("MIID"), "not one certificate"},
		"two of them":     {"us-east-1", append(good.PEM(), good.PEM()...), "not one certificate"},
		"a key":           {"us-east-1", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}), "not one certificate"},
		"cut off":         {"us-east-1", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: good.Certificate().Raw[:200]}), "copy it again"},
		"another letter":  {"us-east-1", pem.EncodeToMemory(flipped), "not signed with its own key"},
		"the RSA one":     {"us-east-1", selfSigned(t, template, small), "1024 bits"},
		"another kind":    {"us-east-1", selfSigned(t, template, curve), "its key is ECDSA"},
		"issued by a CA":  {"us-east-1", issued(t, template), "issued by another"},
		"a name with ../": {"../us-east-1", good.PEM(), "not the name of a region"},
	} {
		if _, err := ParseCertificate(c.region, c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want one that says %q", name, err, c.want)
		}
	}
}

func selfSigned(t *testing.T, template *x509.Certificate, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// issued is a certificate for an RSA key that another signed.
func issued(t *testing.T, template *x509.Certificate) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		t.Fatal(err)
	}
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "a CA"}, SerialNumber: big.NewInt(2)}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func write(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}
