// Package attesttest signs instance identity documents in tests, as AWS does on
// EC2 and as those would who want to pass for an instance.
//
// It promises signatures of the form that AWS gives: PKCS #7 with the document
// inside, signed attributes and no certificate. It writes them without the library
// that package attest reads them with, so that neither hides the other's mistakes.
// It is for tests alone: nothing but a certificate that is handed to package attest
// makes one of its authorities count.
package attesttest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// An Authority signs documents as a region does.
type Authority struct {
	t    testing.TB
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

// NewAuthority makes an authority with a certificate of the kind that AWS
// publishes for a region as RSA-2048.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	return newAuthority(t, serial)
}

// Imitate makes an authority whose certificate looks like another's: the same
// names and the same serial number, with another key.
func (a *Authority) Imitate() *Authority { return newAuthority(a.t, a.cert.SerialNumber) }

func newAuthority(t testing.TB, serial *big.Int) *Authority {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{Country: []string{"US"}, Organization: []string{"Test Web Services"}},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().AddDate(100, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &Authority{t: t, key: key, cert: cert}
}

// Certificate is the authority's.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// PEM is the certificate as it is written to a file.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// Document writes an instance identity document, with the fields that are checked
// and some of those that are not.
func Document(account, region, instance string, pending time.Time) []byte {
	doc, err := json.MarshalIndent(map[string]any{
		"accountId": account, "region": region, "instanceId": instance, "pendingTime": pending.UTC().Format(time.RFC3339),
		"availabilityZone": region + "a", "architecture": "x86_64", "billingProducts": nil, "version": "2017-09-30",
	}, "", "  ")
	if err != nil {
		panic(err) // a map of strings
	}
	return doc
}

// Sign signs a document as AWS does: PKCS #7 in DER.
func (a *Authority) Sign(document []byte) []byte { return a.SignAs(document, Form{}) }

// A Form is how a signature differs from AWS's.
type Form struct {
	Digest       crypto.Hash         // 0: SHA-256
	Detached     bool                // the document is left out
	Bare         bool                // signed without attributes, over the document itself
	Certificates []*x509.Certificate // that come along
	Signers      []*Authority        // that sign too
	Swap         []byte              // takes the document's place after it was signed
}

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidRSA           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidDigests       = map[crypto.Hash]asn1.ObjectIdentifier{
		crypto.SHA1:   {1, 3, 14, 3, 2, 26},
		crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1},
	}
)

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"optional"`
}

type signedData struct {
	Version      int
	Digests      []pkix.AlgorithmIdentifier `asn1:"set"`
	Content      contentInfo
	Certificates asn1.RawValue `asn1:"optional"`
	Signers      []signerInfo  `asn1:"set"`
}

type signerInfo struct {
	Version    int
	Issuer     issuerAndSerial
	Digest     pkix.AlgorithmIdentifier
	Attributes []attribute `asn1:"set,optional,omitempty,tag:0"`
	Algorithm  pkix.AlgorithmIdentifier
	Signature  []byte
}

type issuerAndSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

type attribute struct {
	Type   asn1.ObjectIdentifier
	Values []asn1.RawValue `asn1:"set"`
}

// SignAs signs a document in another form than AWS's.
func (a *Authority) SignAs(document []byte, form Form) []byte {
	a.t.Helper()
	if form.Digest == 0 {
		form.Digest = crypto.SHA256
	}
	data := signedData{Version: 1, Content: contentInfo{Type: oidData}}
	data.Digests = []pkix.AlgorithmIdentifier{{Algorithm: oidDigests[form.Digest]}}
	for _, signer := range append([]*Authority{a}, form.Signers...) {
		data.Signers = append(data.Signers, signer.sign(document, form))
	}
	if form.Swap != nil {
		document = form.Swap
	}
	if !form.Detached {
		data.Content.Content = explicit(a.marshal(document))
	}
	if len(form.Certificates) > 0 {
		var all []byte
		for _, c := range form.Certificates {
			all = append(all, c.Raw...)
		}
		data.Certificates = explicit(all)
	}
	return a.marshal(contentInfo{Type: oidSignedData, Content: explicit(a.marshal(data))})
}

func (a *Authority) sign(document []byte, form Form) signerInfo {
	info := signerInfo{
		Version: 1, Issuer: issuerAndSerial{asn1.RawValue{FullBytes: a.cert.RawIssuer}, a.cert.SerialNumber},
		Digest: pkix.AlgorithmIdentifier{Algorithm: oidDigests[form.Digest]}, Algorithm: pkix.AlgorithmIdentifier{Algorithm: oidRSA, Parameters: asn1.NullRawValue},
	}
	over := document
	if !form.Bare {
		info.Attributes = []attribute{
			{oidContentType, []asn1.RawValue{{FullBytes: a.marshal(oidData)}}},
			{oidMessageDigest, []asn1.RawValue{{FullBytes: a.marshal(hash(form.Digest, document))}}},
		}
		over = a.marshalSet(info.Attributes)
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, a.key, form.Digest, hash(form.Digest, over))
	if err != nil {
		a.t.Fatal(err)
	}
	info.Signature = signature
	return info
}

func hash(h crypto.Hash, data []byte) []byte {
	w := h.New()
	w.Write(data)
	return w.Sum(nil)
}

// explicit wraps in the context's tag 0.
func explicit(der []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: der}
}

func (a *Authority) marshal(v any) []byte {
	a.t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

func (a *Authority) marshalSet(v any) []byte {
	a.t.Helper()
	der, err := asn1.MarshalWithParams(v, "set")
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}
