package secrets

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net/netip"
	"net/url"
)

// ControlPlaneURI is the name that agents take orders from.
const ControlPlaneURI = "mainstay://control-plane"

// MachineURI is the name that an agent's certificate carries.
func MachineURI(machineID string) string { return "mainstay://machine/" + machineID }

// IssueControlPlane returns the certificate that this control plane shows to
// agents. It is made anew when a third of its life is left; callers ask for it
// at every handshake.
func (c *CA) IssueControlPlane() (tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil && c.current.Leaf.NotAfter.Sub(c.now()) > controlPlaneLifetime/3 {
		return *c.current, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("cannot make the control plane's key: %w", err)
	}
	der, err := c.sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "control-plane"},
		URIs:        []*url.URL{mustURI(ControlPlaneURI)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, key.Public(), controlPlaneLifetime)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("cannot read back the control plane's certificate: %w", err)
	}
	c.current = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	return *c.current, nil
}

// SignAgent signs a machine's certificate request. Of the request only the key
// is taken: who the machine is was proved to the caller, not to us.
func (c *CA) SignAgent(csrDER []byte, machineID string) (certPEM []byte, err error) {
	csr, err := x509.ParseCertificateRequest(csrDER)
	if err != nil {
		return nil, fmt.Errorf("machine %s sent a certificate request that cannot be read; check that its agent is of this release: %w", machineID, err)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("machine %s does not hold the key that its certificate request is for; it gets no certificate: %w", machineID, err)
	}
	uri, err := url.Parse(MachineURI(machineID))
	if err != nil || machineID == "" {
		return nil, fmt.Errorf("machine id %q cannot be a certificate's name", machineID)
	}
	der, err := c.sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: machineID},
		URIs:        []*url.URL{uri},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, csr.PublicKey, AgentLifetime)
	if err != nil {
		return nil, err
	}
	return certificatePEM(der), nil
}

// IssueListener makes a key and a certificate for a SQL listener. Names are
// host names and addresses that clients use; the first is the subject.
func (c *CA) IssueListener(names []string) (certPEM, keyPEM []byte, err error) {
	bundle, err := c.issueListener(names)
	if err != nil {
		return nil, nil, err
	}
	certPEM, keyPEM = splitBundle(bundle)
	return certPEM, keyPEM, nil
}

func (c *CA) issueListener(names []string) (bundle []byte, err error) {
	if len(names) == 0 {
		return nil, fmt.Errorf("a listener's certificate needs at least one host name or address")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot make a listener's key: %w", err)
	}
	leaf := &x509.Certificate{
		Subject:     pkix.Name{CommonName: names[0]},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if addr, err := netip.ParseAddr(name); err == nil {
			leaf.IPAddresses = append(leaf.IPAddresses, addr.AsSlice())
		} else {
			leaf.DNSNames = append(leaf.DNSNames, name)
		}
	}
	der, err := c.sign(leaf, key.Public(), ListenerLifetime)
	if err != nil {
		return nil, err
	}
	return bundlePEM(der, key)
}

// mustURI parses a URI that is written in this package.
func mustURI(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}
