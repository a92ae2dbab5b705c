package secrets

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// caName is the secret that holds the CA's certificate and key together: as one
// value they are created together or not at all.
const caName = "fleet/ca"

// How long certificates hold.
const (
	// caLifetime is ten years: every machine carries the CA's certificate, and
	// replacing it means touching each of them.
	caLifetime = 10 * 365 * 24 * time.Hour
	// controlPlaneLifetime is a day: the key never leaves the process, a new
	// certificate costs nothing, and a core dump stops mattering tomorrow.
	controlPlaneLifetime = 24 * time.Hour
	// AgentLifetime is a week: a control plane that is down over a long weekend
	// does not lose its fleet, and the key of a machine that was copied is
	// worthless soon after the machine is gone.
	AgentLifetime = 7 * 24 * time.Hour
	// ListenerLifetime is a year: Dolt reads the listener's certificate at start
	// only, so each new one costs the database a restart.
	ListenerLifetime = 365 * 24 * time.Hour
	// ListenerRenewal is how long before its end a listener's certificate gets a
	// successor: a month holds a maintenance window for everyone. A day more than
	// the planner's month, so that the order it plans then finds a new one.
	ListenerRenewal = 31 * 24 * time.Hour
	// backdate forgives machines whose clock is behind ours.
	backdate = time.Hour
)

// A CA is the fleet's certificate authority. Machines, control planes and SQL
// listeners of one fleet know each other by it. Safe for concurrent use.
type CA struct {
	store Store
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	pem   []byte
	now   func() time.Time

	mu      sync.Mutex
	current *tls.Certificate // this control plane's
}

// OpenCA loads the fleet's CA from the store, and makes it at the first start.
func OpenCA(ctx context.Context, s Store) (*CA, error) {
	bundle, err := getOrMake(ctx, s, caName, newCA)
	if err != nil {
		return nil, fmt.Errorf("the fleet CA: %w", err)
	}
	cert, key, err := parseBundle(bundle)
	if err != nil {
		return nil, fmt.Errorf("secret %s does not hold a certificate and its key; restore it from a backup, because machines trust only that CA: %w", caName, err)
	}
	return &CA{store: s, cert: cert, key: key, pem: certificatePEM(cert.Raw), now: time.Now}, nil
}

// PEM returns the CA's certificate: what machines and SQL clients check with.
func (c *CA) PEM() []byte { return bytes.Clone(c.pem) }

// Pool returns a pool with the CA's certificate alone.
func (c *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.cert)
	return pool
}

func newCA() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot make the fleet CA's key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{CommonName: "Mainstay fleet CA"},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(caLifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true, // signs leaves only
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("cannot make the fleet CA: %w", err)
	}
	return bundlePEM(der, key)
}

// sign issues a leaf: serial, validity and the constraints every leaf has are
// filled in here.
func (c *CA) sign(leaf *x509.Certificate, publicKey any, lifetime time.Duration) ([]byte, error) {
	now := c.now()
	leaf.SerialNumber = newSerial()
	leaf.NotBefore = now.Add(-backdate)
	leaf.NotAfter = now.Add(lifetime)
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.BasicConstraintsValid = true
	der, err := x509.CreateCertificate(rand.Reader, leaf, c.cert, publicKey, c.key)
	if err != nil {
		return nil, fmt.Errorf("the fleet CA cannot sign for %s: %w", leaf.Subject.CommonName, err)
	}
	return der, nil
}

// newSerial has 127 random bits: no register of used numbers is needed.
func newSerial() *big.Int {
	var b [16]byte
	rand.Read(b[:])
	b[0] &= 0x7f // a serial is positive
	return new(big.Int).SetBytes(b[:])
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func bundlePEM(der []byte, key *ecdsa.PrivateKey) ([]byte, error) {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("cannot encode a key: %w", err)
	}
	return append(certificatePEM(der), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...), nil
}

func parseBundle(bundle []byte) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	pair, err := tls.X509KeyPair(bundle, bundle) // checks that they belong together
	if err != nil {
		return nil, nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, errors.New("the key is not an ECDSA key")
	}
	return pair.Leaf, key, nil
}
