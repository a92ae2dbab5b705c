package acme

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"time"
)

// A stored is one certificate of the secret store, without its key.
type stored struct {
	number      int
	leaf        *x509.Certificate
	fingerprint string
	names       string
	directory   string
	issued      time.Time
	renewal     bool // the authority took it as the replacement of another
}

// orderType is the first block of a bundle: where its certificate comes from, which
// the certificate itself does not say.
const orderType = "MAINSTAY ACME ORDER"

// makeBundle puts a certificate's chain, its key and where it is from together: as
// one value they are stored together or not at all.
func makeBundle(chain []byte, key *ecdsa.PrivateKey, directory string, issued time.Time, renewal bool) ([]byte, error) {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("cannot encode a key: %w", err)
	}
	headers := map[string]string{"Directory": directory, "Issued": issued.UTC().Format(time.RFC3339), "Renewal": fmt.Sprint(renewal)}
	bundle := pem.EncodeToMemory(&pem.Block{Type: orderType, Headers: headers})
	certs, _ := splitBundle(chain)
	bundle = append(bundle, certs...)
	return append(bundle, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...), nil
}

func parseBundle(bundle []byte) (*stored, error) {
	pair, err := tls.X509KeyPair(bundle, bundle) // checks that they belong together
	if err != nil {
		return nil, err
	}
	s := &stored{leaf: pair.Leaf, fingerprint: fingerprintOf(pair.Leaf), names: joinNames(pair.Leaf.DNSNames), issued: pair.Leaf.NotBefore}
	if block, _ := pem.Decode(bundle); block != nil && block.Type == orderType {
		s.directory, s.renewal = block.Headers["Directory"], block.Headers["Renewal"] == "true"
		if issued, err := time.Parse(time.RFC3339, block.Headers["Issued"]); err == nil {
			s.issued = issued
		}
	}
	return s, nil
}

func fingerprintOf(leaf *x509.Certificate) string {
	sum := sha256.Sum256(leaf.Raw)
	return hex.EncodeToString(sum[:])
}

// splitBundle takes a bundle apart into what listeners and clients read: blocks of
// certificates, and the key's.
func splitBundle(bundle []byte) (certPEM, keyPEM []byte) {
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		encoded := pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})
		switch block.Type {
		case "CERTIFICATE":
			certPEM = append(certPEM, encoded...)
		case "PRIVATE KEY":
			keyPEM = append(keyPEM, encoded...)
		}
	}
	return certPEM, keyPEM
}

// Bundle returns a certificate with its chain, and its key, for the database that
// shows it. One that was revoked is not given out.
func (c *Client) Bundle(ctx context.Context, deployment, fingerprint string) (certPEM, keyPEM []byte, err error) {
	_, bundle, err := c.stored(ctx, deployment, fingerprint)
	if err != nil {
		return nil, nil, fmt.Errorf("the certificate of deployment %s: %w", deployment, err)
	}
	gone, err := isRevoked(ctx, c.opts.Secrets, deployment, fingerprint)
	if err != nil {
		return nil, nil, fmt.Errorf("the certificate of deployment %s: %w", deployment, err)
	}
	if gone {
		return nil, nil, fmt.Errorf("certificate %s of deployment %s was revoked; it gets another", fingerprint, deployment)
	}
	certPEM, keyPEM = splitBundle(bundle)
	return certPEM, keyPEM, nil
}

// stored finds a certificate in the store.
func (c *Client) stored(ctx context.Context, deployment, fingerprint string) (*stored, []byte, error) {
	s := c.shelfOf(deployment)
	if s.find(fingerprint) == nil {
		var err error
		if s, err = s.read(ctx, c.opts.Secrets, c.opts.Directory, deployment, ""); err != nil {
			return nil, nil, err
		}
	}
	found := s.find(fingerprint)
	if found == nil {
		return nil, nil, fmt.Errorf("there is none with fingerprint %s from %s in the secret store", fingerprint, c.host)
	}
	bundle, err := c.opts.Secrets.Get(ctx, bundleName(deployment, found.number))
	if err != nil {
		return nil, nil, err
	}
	return found, bundle, nil
}

// shelfOf is what is known of a deployment's bundles already.
func (c *Client) shelfOf(deployment string) shelf {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.records[deployment]; r != nil {
		return r.shelf
	}
	return newShelf()
}
