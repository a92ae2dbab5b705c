package agent

import (
	"bytes"
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
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/mainstaydb/mainstay/agent/durable"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The names that certificates carry as URI SAN.
const (
	ControlPlaneURI  = "mainstay://control-plane"
	machineURIPrefix = "mainstay://machine/"
)

// MachineURI is the name in the certificate of a machine's agent.
func MachineURI(machineID string) string { return machineURIPrefix + machineID }

// An identity is the agent's key, made here and never leaving, and the
// certificate for it.
type identity struct {
	config Config
	fleet  *x509.CertPool
	key    *ecdsa.PrivateKey
	shown  atomic.Pointer[tls.Certificate] // the fleet's once enrolled, self-signed before
	joined atomic.Bool
}

// loadIdentity reads what enrolment left. A machine that was not enrolled and has a
// token makes a key at every start: nobody knows it yet. One that its cloud vouches
// for keeps its first key: the control plane may have noted it already, even though
// the certificate was lost on its way.
func loadIdentity(config Config) (*identity, error) {
	id := &identity{config: config, fleet: x509.NewCertPool()}
	if !id.fleet.AppendCertsFromPEM([]byte(config.FleetCA)) {
		return nil, errors.New("fleet_ca_pem of machine.json holds no certificate; write the machine anew")
	}
	data, err := readIdentity(config)
	if notThere(err) {
		if id.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, fmt.Errorf("make the agent's key: %w", err)
		}
		if config.Documents != nil {
			if err := id.save(nil); err != nil {
				return nil, fmt.Errorf("keep the agent's key: %w", err)
			}
		}
		return id, id.showSelfSigned()
	}
	if err != nil {
		return nil, fmt.Errorf("load the agent's identity: %w", err)
	}
	block, chain := pem.Decode(data)
	id.key, err = parseKey(block)
	if err == nil && config.Documents != nil && len(bytes.TrimSpace(chain)) == 0 {
		return id, id.showSelfSigned()
	}
	if err == nil {
		// An expired certificate is shown all the same: the control plane can tell
		// better what is wrong from it than from silence.
		err = id.show(chain)
	}
	if err != nil {
		return nil, fmt.Errorf("the agent's identity is damaged, remove %s and enrol the machine anew: %w", config.identityFile(), err)
	}
	return id, nil
}

// readIdentity also takes the two files that agents of the first days kept.
func readIdentity(config Config) ([]byte, error) {
	data, err := os.ReadFile(config.identityFile())
	if !notThere(err) {
		return data, err
	}
	for _, name := range []string{"agent.key", "agent.crt"} {
		part, err := os.ReadFile(filepath.Join(config.dir, name))
		if err != nil {
			return nil, err
		}
		data = append(data, part...)
	}
	return data, nil
}

func parseKey(block *pem.Block) (*ecdsa.PrivateKey, error) {
	if block == nil {
		return nil, errors.New("it holds no key")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("it holds a %T, want an ECDSA key", key)
	}
	return ec, nil
}

// save keeps key and certificate in one file, so that neither meets another's.
func (id *identity) save(chain []byte) error {
	der, err := x509.MarshalPKCS8PrivateKey(id.key)
	if err != nil {
		return err
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return durable.WriteFile(id.config.identityFile(), append(key, chain...), 0o600)
}

// request makes a certificate request.
func (id *identity) request() ([]byte, error) {
	uri, err := url.Parse(MachineURI(id.config.MachineID))
	if err != nil {
		return nil, err
	}
	return x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: id.config.MachineID}, URIs: []*url.URL{uri},
	}, id.key)
}

// accept takes a certificate if it is the fleet's, for this machine and this key.
func (id *identity) accept(chain []byte) error {
	leaf, rest, err := parseChain(chain)
	if err != nil {
		return err
	}
	if !id.key.PublicKey.Equal(leaf.PublicKey) {
		return errors.New("the certificate is for another key; sign this machine's own request")
	}
	if !hasURI(leaf, MachineURI(id.config.MachineID)) {
		return fmt.Errorf("the certificate is not for %s; sign this machine's own request", MachineURI(id.config.MachineID))
	}
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: id.fleet, Intermediates: rest, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}); err != nil {
		return fmt.Errorf("the certificate is not one of this fleet's: %w", err)
	}
	if err := id.save(chain); err != nil {
		return err
	}
	return id.show(chain)
}

func (id *identity) show(chain []byte) error {
	cert := tls.Certificate{PrivateKey: id.key}
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		cert.Certificate = append(cert.Certificate, block.Bytes)
	}
	leaf, _, err := parseChain(chain)
	if err != nil {
		return err
	}
	cert.Leaf = leaf
	id.shown.Store(&cert)
	id.joined.Store(true)
	return nil
}

// showSelfSigned is for the time before enrolment. It proves nothing but that
// the holder of the key answers: the same key that the certificate request names.
func (id *identity) showSelfSigned() error {
	uri, err := url.Parse(MachineURI(id.config.MachineID))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: id.config.MachineID},
		URIs: []*url.URL{uri}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore: time.Now().Add(-time.Hour), // clocks differ
		NotAfter:  time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, id.key.Public(), id.key)
	if err != nil {
		return err
	}
	id.shown.Store(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: id.key})
	return nil
}

func (id *identity) enrolled() bool { return id.joined.Load() }

// expires is when the fleet's certificate ends; nil before enrolment.
func (id *identity) expires() *timestamppb.Timestamp {
	if !id.enrolled() {
		return nil
	}
	return timestamppb.New(id.shown.Load().Leaf.NotAfter)
}

// serverTLS asks every caller for the control plane's certificate.
func (id *identity) serverTLS() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		ClientAuth:     tls.RequireAndVerifyClientCert,
		ClientCAs:      id.fleet,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return id.shown.Load(), nil },
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 || !hasURI(state.PeerCertificates[0], ControlPlaneURI) {
				return fmt.Errorf("the agent answers %s alone", ControlPlaneURI)
			}
			return nil
		},
	}
}

func hasURI(cert *x509.Certificate, want string) bool {
	for _, uri := range cert.URIs {
		if uri.String() == want {
			return true
		}
	}
	return false
}

// parseChain reads PEM certificates, leaf first.
func parseChain(chain []byte) (leaf *x509.Certificate, rest *x509.CertPool, err error) {
	rest = x509.NewCertPool()
	for block, tail := pem.Decode(chain); block != nil; block, tail = pem.Decode(tail) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, err
		}
		if leaf == nil {
			leaf = cert
		} else {
			rest.AddCert(cert)
		}
	}
	if leaf == nil {
		return nil, nil, errors.New("no certificate in PEM given")
	}
	return leaf, rest, nil
}
