package secrets

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"regexp"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

func testCA(t *testing.T) (*CA, *Dir) {
	t.Helper()
	dir, err := OpenDir(t.TempDir() + "/store")
	if err != nil {
		t.Fatal(err)
	}
	ca, err := OpenCA(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return ca, dir
}

func testCSR(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

func leafOf(t *testing.T, certPEM []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(certPEM)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestCAIsMadeOnce(t *testing.T) {
	t.Parallel()
	dir, err := OpenDir(t.TempDir() + "/store")
	if err != nil {
		t.Fatal(err)
	}
	pems := make([][]byte, 8)
	var group errgroup.Group
	for i := range pems {
		group.Go(func() error {
			ca, err := OpenCA(t.Context(), dir)
			if err == nil {
				pems[i] = ca.PEM()
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, p := range pems {
		if !bytes.Equal(p, pems[0]) {
			t.Fatal("two control planes made two CAs")
		}
	}
}

func TestControlPlaneCertificate(t *testing.T) {
	t.Parallel()
	ca, _ := testCA(t)
	first, err := ca.IssueControlPlane()
	if err != nil {
		t.Fatal(err)
	}
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if _, err := first.Leaf.Verify(x509.VerifyOptions{Roots: ca.Pool(), KeyUsages: usages}); err != nil {
		t.Fatal(err)
	}
	if len(first.Leaf.URIs) != 1 || first.Leaf.URIs[0].String() != ControlPlaneURI {
		t.Fatalf("URIs %v", first.Leaf.URIs)
	}
	again, _ := ca.IssueControlPlane()
	if !bytes.Equal(first.Certificate[0], again.Certificate[0]) {
		t.Error("a new certificate was made while the first is good")
	}
	ca.now = func() time.Time { return time.Now().Add(controlPlaneLifetime * 3 / 4) }
	later, _ := ca.IssueControlPlane()
	if bytes.Equal(first.Certificate[0], later.Certificate[0]) {
		t.Error("the certificate was not renewed")
	}
}

func TestSignAgent(t *testing.T) {
	t.Parallel()
	ca, _ := testCA(t)
	csr := testCSR(t)
	certPEM, err := ca.SignAgent(csr, "m-1")
	if err != nil {
		t.Fatal(err)
	}
	leaf := leafOf(t, certPEM)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: ca.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err != nil {
		t.Error(err)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: ca.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err == nil {
		t.Error("an agent's certificate can be shown as a client's: it could give orders")
	}
	if leaf.URIs[0].String() != "mainstay://machine/m-1" || len(leaf.DNSNames)+len(leaf.IPAddresses) != 0 {
		t.Errorf("names %v %v %v", leaf.URIs, leaf.DNSNames, leaf.IPAddresses)
	}
	forged := slices.Clone(csr)
	forged[len(forged)-1] ^= 1
	if _, err := ca.SignAgent(forged, "m-1"); err == nil {
		t.Error("a request with a broken signature was signed")
	}
	if _, err := ca.SignAgent([]byte("no"), "m-1"); err == nil {
		t.Error("garbage was signed")
	}
}

func TestListenerIsStableUntilItMustChange(t *testing.T) {
	t.Parallel()
	ca, _ := testCA(t)
	names := []string{"127.0.0.1", "localhost"}
	get := func(names []string, passing ...string) []byte {
		t.Helper()
		cert, key, err := ca.Listener(t.Context(), "d-1", names, passing)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tls.X509KeyPair(cert, key); err != nil {
			t.Fatal(err)
		}
		return cert
	}
	first := get(names, "orders.example.com")
	if !bytes.Equal(first, get(names, "renamed.example.com")) {
		t.Fatal("the certificate changed without a reason")
	}
	for _, name := range append(names, "orders.example.com") {
		if err := leafOf(t, first).VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	more := get(append(names, "db.example.com"))
	if bytes.Equal(first, more) {
		t.Fatal("a missing name was not added")
	}
	ca.now = func() time.Time { return time.Now().Add(ListenerLifetime - ListenerRenewal + time.Hour) }
	renewed := get(names, "renamed.example.com")
	if bytes.Equal(renewed, more) || bytes.Equal(renewed, first) {
		t.Fatal("an expiring certificate was not renewed")
	}
	if err := leafOf(t, renewed).VerifyHostname("renamed.example.com"); err != nil {
		t.Error(err)
	}
}

func TestBrokenCAIsSaid(t *testing.T) {
	t.Parallel()
	dir, err := OpenDir(t.TempDir() + "/store")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Create(t.Context(), caName, []byte("nonsense")); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCA(t.Context(), dir); err == nil || errors.Is(err, ErrNotFound) {
		t.Fatalf("OpenCA: %v", err)
	}
}

func TestPassword(t *testing.T) {
	t.Parallel()
	_, dir := testCA(t)
	first, err := Password(t.Context(), dir, "d-1")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9]{32,}$`).MatchString(first) {
		t.Error("the password needs quoting somewhere, or is short")
	}
	again, _ := Password(t.Context(), dir, "d-1")
	other, _ := Password(t.Context(), dir, "d-2")
	if first != again || first == other {
		t.Error("a password must stay the deployment's, and be its own")
	}
}
