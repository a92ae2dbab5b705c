package agent

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestWhoIsAnswered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	another := newAuthority(t)
	tests := []struct {
		name  string
		ca    *authority
		uri   string
		usage x509.ExtKeyUsage
		ok    bool
	}{
		{"control plane", r.ca, ControlPlaneURI, x509.ExtKeyUsageClientAuth, true},
		{"another fleet's control plane", another, ControlPlaneURI, x509.ExtKeyUsageClientAuth, false},
		{"a machine of the fleet", r.ca, MachineURI("m-2"), x509.ExtKeyUsageClientAuth, false},
		{"a server certificate in the right name", r.ca, ControlPlaneURI, x509.ExtKeyUsageServerAuth, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cert, key := tt.ca.pair(t, tt.uri, tt.usage)
			conn := r.dialAs(cert, key)
			_, err := agentpb.NewAgentClient(conn).Status(limited(t), &agentpb.StatusRequest{})
			if tt.ok && err != nil || !tt.ok && status.Code(err) != codes.Unavailable {
				t.Fatalf("status: %v", err)
			}
			_, err = agentpb.NewEnrolmentClient(conn).Request(limited(t), &agentpb.EnrolRequest{Nonce: make([]byte, nonceSize)})
			if tt.ok && err != nil || !tt.ok && status.Code(err) != codes.Unavailable {
				t.Fatalf("enrolment: %v", err)
			}
		})
	}
	t.Run("nobody", func(t *testing.T) {
		conn, err := tls.Dial("tcp", r.address(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // a stranger does not care
		if err == nil {
			// TLS 1.3 tells a client of its refusal at the first read.
			_, err = conn.Read(make([]byte, 1))
			_ = conn.Close()
		}
		if err == nil {
			t.Fatal("answered without a certificate")
		}
	})
}

func TestEnrolment(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	if _, err := r.agent().Deploy(limited(t), r.order()); status.Code(err) != codes.FailedPrecondition {
		t.Fatalf("deploy before enrolment: %v", err)
	}
	if _, err := r.enrolment().Request(limited(t), &agentpb.EnrolRequest{Nonce: []byte("short")}); status.Code(err) != codes.InvalidArgument {
		t.Fatalf("short nonce: %v", err)
	}
	nonce := make([]byte, nonceSize)
	if _, err := rand.Read(nonce); err != nil {
		t.Fatal(err)
	}
	resp, err := r.enrolment().Request(limited(t), &agentpb.EnrolRequest{Nonce: nonce})
	if err != nil {
		t.Fatal(err)
	}
	if resp.GetMachineId() != "m-1" || !hmac.Equal(resp.GetTokenProof(), TokenProof([]byte(r.token), nonce, resp.GetCsrDer())) {
		t.Fatalf("answer %v", resp)
	}
	csr, err := x509.ParseCertificateRequest(resp.GetCsrDer())
	if err != nil || csr.CheckSignature() != nil || len(csr.URIs) != 1 || csr.URIs[0].String() != MachineURI("m-1") {
		t.Fatalf("request %v, %v", csr, err)
	}
	for name, wrong := range map[string][]byte{
		"nothing":         nil,
		"another machine": r.ca.sign(t, csr.PublicKey, MachineURI("m-2"), x509.ExtKeyUsageServerAuth),
		"another key":     r.ca.sign(t, newKey(t).Public(), MachineURI("m-1"), x509.ExtKeyUsageServerAuth),
		"another fleet":   newAuthority(t).sign(t, csr.PublicKey, MachineURI("m-1"), x509.ExtKeyUsageServerAuth),
		"another use":     r.ca.sign(t, csr.PublicKey, MachineURI("m-1"), x509.ExtKeyUsageClientAuth),
	} {
		if _, err := r.enrolment().Accept(limited(t), &agentpb.AcceptRequest{CertificatePem: wrong}); status.Code(err) != codes.InvalidArgument {
			t.Fatalf("%s: %v", name, err)
		}
	}
	token := filepath.Join(r.dir, "enrolment.token")
	if _, err := os.Stat(token); err != nil {
		t.Fatalf("the token is gone before it was used: %v", err)
	}
	r.enrol()
	if _, err := os.Stat(token); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the token outlived its use: %v", err)
	}
	r.showsFleetCertificate("after enrolment")
	again, err := r.enrolment().Request(limited(t), &agentpb.EnrolRequest{Nonce: nonce})
	if err != nil || len(again.GetTokenProof()) != 0 {
		t.Fatalf("second request: %v, %v", again, err)
	}
	r.stop()
	r.start()
	r.showsFleetCertificate("after a restart")
	st := r.await("an answer", func(*agentpb.StatusResponse) bool { return true })
	if st.GetCertificateExpiresAt() == nil || st.GetAgentVersion() != "test" {
		t.Fatalf("status %v", st)
	}
}

// showsFleetCertificate connects as the control plane does: trusting the fleet alone.
func (r *rig) showsFleetCertificate(when string) {
	r.t.Helper()
	cert, key := r.ca.pair(r.t, ControlPlaneURI, x509.ExtKeyUsageClientAuth)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		r.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(r.ca.cert)
	conn, err := tls.Dial("tcp", r.address(), &tls.Config{
		Certificates: []tls.Certificate{pair}, RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13,
	})
	if err != nil {
		r.t.Fatalf("%s: %v", when, err)
	}
	defer func() { _ = conn.Close() }()
	if !hasURI(conn.ConnectionState().PeerCertificates[0], MachineURI("m-1")) {
		r.t.Fatalf("%s: another name", when)
	}
}

func TestNoTokenLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := os.Remove(filepath.Join(r.dir, "enrolment.token")); err != nil {
		t.Fatal(err)
	}
	r.start()
	if _, err := r.enrolment().Request(limited(t), &agentpb.EnrolRequest{Nonce: make([]byte, nonceSize)}); status.Code(err) != codes.FailedPrecondition {
		t.Fatalf("request: %v", err)
	}
}

func TestKeyIsPrivate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deployed()
	r.serving()
	for _, path := range []string{
		filepath.Join(r.dir, "agent.pem"), secretsFile(r.volume), orderFile(r.volume),
		filepath.Join(r.volume, "mainstay", "server", "listener.key"),
	} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	order, err := os.ReadFile(orderFile(r.volume))
	if err != nil || len(order) == 0 {
		t.Fatal(err)
	}
	for _, path := range []string{orderFile(r.volume), filepath.Join(r.dir, "log", "dolt.log")} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if contains(data, "the password") {
			t.Errorf("%s holds the password", path)
		}
	}
}
