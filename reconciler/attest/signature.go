package attest

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"

	"github.com/smallstep/pkcs7"
)

// maxSize bounds what is looked at: AWS's signed documents have about two
// kilobytes, and the parser's work grows with what it is given.
const maxSize = 16 << 10

// The algorithms AWS may sign with. SHA-1, which the library takes too, is not
// among them: signatures with it can be forged.
func strongDigests() []asn1.ObjectIdentifier {
	return []asn1.ObjectIdentifier{pkcs7.OIDDigestAlgorithmSHA256, pkcs7.OIDDigestAlgorithmSHA384, pkcs7.OIDDigestAlgorithmSHA512}
}

func rsaAlgorithms() []asn1.ObjectIdentifier {
	return []asn1.ObjectIdentifier{pkcs7.OIDEncryptionAlgorithmRSA,
		pkcs7.OIDEncryptionAlgorithmRSASHA256, pkcs7.OIDEncryptionAlgorithmRSASHA384, pkcs7.OIDEncryptionAlgorithmRSASHA512}
}

// signed returns the content of a signature that was made with the certificate.
func signed(data []byte, cert *x509.Certificate) ([]byte, error) {
	if len(data) == 0 {
		return nil, errors.New("the agent sent none; check that it runs on EC2 and can reach the metadata service")
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("it has %d bytes, more than the %d that AWS ever needs", len(data), maxSize)
	}
	p7, err := read(data)
	if err != nil {
		return nil, fmt.Errorf("it is no PKCS #7 signature, or a damaged one: %w", err)
	}
	// Several signers would leave it open whose word the content is.
	if len(p7.Signers) != 1 {
		return nil, fmt.Errorf("it has %d signers, and AWS is one", len(p7.Signers))
	}
	if len(p7.Content) == 0 {
		return nil, errors.New("the signature is there without the document that it is over")
	}
	signer := p7.Signers[0]
	if digest := signer.DigestAlgorithm.Algorithm; !contains(strongDigests(), digest) {
		return nil, fmt.Errorf("its digest algorithm %s is too weak or unknown; AWS uses SHA-256", digest)
	}
	if alg := signer.DigestEncryptionAlgorithm.Algorithm; !contains(rsaAlgorithms(), alg) {
		return nil, fmt.Errorf("its signature algorithm %s is not RSA with SHA-256 or stronger", alg)
	}
	// The library takes the signer's certificate from those that came along: it
	// gets the pinned one to choose from, and no other.
	p7.Certificates = []*x509.Certificate{cert}
	if err := p7.Verify(); err != nil {
		return nil, fmt.Errorf("the signature is not by the certificate that is pinned for the region: %w", err)
	}
	return p7.Content, nil
}

// read parses. The parser is not ours and what it reads comes from a machine that
// nobody knows yet: a fault in it must not end the control plane.
func read(data []byte) (p7 *pkcs7.PKCS7, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			p7, err = nil, fmt.Errorf("the parser failed: %v", fault)
		}
	}()
	return pkcs7.Parse(data)
}

func contains(ids []asn1.ObjectIdentifier, id asn1.ObjectIdentifier) bool {
	return slices.ContainsFunc(ids, id.Equal)
}
