package agentclient

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

var (
	// errNotEnrolled: the agent shows a certificate that it signed itself.
	errNotEnrolled = errors.New("the agent has not been enrolled yet")
	// errExpired: the agent is the right one and let its certificate run out.
	errExpired = errors.New("the agent's certificate ran out while no control plane renewed it")
)

// verifyAgent checks that the other end is the agent of the machine. An error
// that is errNotEnrolled or errExpired says that it may become so.
func verifyAgent(ca *secrets.CA, machineID string, now time.Time) func(tls.ConnectionState) error {
	return func(cs tls.ConnectionState) error {
		leaf := cs.PeerCertificates[0] // TLS promises that there is one
		if leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) == nil {
			return errNotEnrolled
		}
		at, expired := now, now.After(leaf.NotAfter)
		if expired {
			at = leaf.NotAfter
		}
		usages := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: ca.Pool(), KeyUsages: usages, CurrentTime: at}); err != nil {
			return fmt.Errorf("another fleet's agent answers there, or the fleet's CA was replaced: %w", err)
		}
		if want := secrets.MachineURI(machineID); len(leaf.URIs) != 1 || leaf.URIs[0].String() != want {
			return fmt.Errorf("the agent of another machine answers there: its certificate is for %v and not for %s", leaf.URIs, want)
		}
		if expired {
			return errExpired
		}
		return nil
	}
}

// tlsConfig shows the control plane's certificate. The agent has no host name
// to check, so Go's own check is off and verify is the check.
func tlsConfig(ca *secrets.CA, verify func(tls.ConnectionState) error) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{"h2"},
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection checks more than this would
		VerifyConnection:   verify,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, err := ca.IssueControlPlane()
			return &cert, err
		},
	}
}
