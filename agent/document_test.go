package agent

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// word is what a cloud says of a machine.
type word struct {
	mu       sync.Mutex
	document []byte
	err      error
}

func (w *word) Document(ctx context.Context) ([]byte, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		return nil, errors.New("asked without a bound")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.document, w.err
}

func (w *word) set(document []byte, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.document, w.err = document, err
}

// vouchedFor is a machine without a token.
func vouchedFor(t *testing.T, w *word) *rig {
	t.Helper()
	r := newRig(t)
	delete(r.config, "token_file")
	r.configure()
	r.documents = w
	return r
}

// shownKey is the key that the agent shows to a control plane.
func (r *rig) shownKey() *ecdsa.PublicKey {
	r.t.Helper()
	cert, key := r.ca.pair(r.t, ControlPlaneURI, x509.ExtKeyUsageClientAuth)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		r.t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", r.address(), &tls.Config{
		Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true, NextProtos: []string{"h2"}, //nolint:gosec // the key is what is asked for
	})
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	shown, ok := conn.ConnectionState().PeerCertificates[0].PublicKey.(*ecdsa.PublicKey)
	if !ok {
		r.t.Fatal("the key shown is no ECDSA key")
	}
	return shown
}

func (r *rig) ask() (*agentpb.EnrolResponse, error) {
	r.t.Helper()
	return r.enrolment().Request(limited(r.t), &agentpb.EnrolRequest{Nonce: make([]byte, nonceSize)})
}

func TestEnrolmentByDocument(t *testing.T) {
	t.Parallel()
	w := &word{err: errors.New("no route to it")}
	r := vouchedFor(t, w)
	r.start()
	if _, err := r.ask(); status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "metadata service") {
		t.Fatalf("without a document: %v", err)
	}
	w.set([]byte("signed"), nil)
	resp, err := r.ask()
	if err != nil {
		t.Fatal(err)
	}
	if string(resp.GetIdentityPkcs7()) != "signed" || len(resp.GetTokenProof()) > 0 || resp.GetMachineId() != "m-1" {
		t.Fatalf("the answer is %v", resp)
	}
	r.enrol()
	r.showsFleetCertificate("after enrolment")
	if again, err := r.ask(); err != nil || len(again.GetIdentityPkcs7()) > 0 {
		t.Fatalf("the document went out again, where the channel is the proof: %v, %v", again, err)
	}
	r.stop()
	r.start()
	r.showsFleetCertificate("after a restart")
}

// The key that a control plane may have noted outlives the agent, whether or not
// the certificate for it arrived.
func TestVouchedForMachineKeepsItsKey(t *testing.T) {
	t.Parallel()
	r := vouchedFor(t, &word{document: []byte("signed")})
	r.start()
	before := r.shownKey()
	r.stop()
	info, err := os.Stat(filepath.Join(r.dir, "agent.pem"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the kept key: %v, %v", info, err)
	}
	r.start()
	if after := r.shownKey(); !before.Equal(after) {
		t.Fatal("another key after a restart")
	}
	r.enrol()
	if after := r.shownKey(); !before.Equal(after) {
		t.Fatal("another key after enrolment")
	}
}

func TestNothingVouches(t *testing.T) {
	t.Parallel()
	r := vouchedFor(t, nil)
	config, err := LoadConfig(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(config, "test", nil); err == nil || !strings.Contains(err.Error(), "token_file") {
		t.Fatalf("a machine that could never be enrolled: %v", err)
	}
}
