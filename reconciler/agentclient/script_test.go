package agentclient

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

// A script plays agents that the real one never is: liars, strangers, ones with
// old certificates. How the real one fares is in real_test.go.
type script struct {
	agentpb.UnimplementedAgentServer
	agentpb.UnimplementedEnrolmentServer

	t       *testing.T
	machine string
	token   []byte
	word    []byte // the cloud's signed document; nil: the token is the proof
	key     *ecdsa.PrivateKey
	foreign *ecdsa.PrivateKey // certificates are asked for this key; nil: for the one that is shown
	address string

	mu       sync.Mutex
	shown    tls.Certificate
	status   *agentpb.StatusResponse
	news     chan struct{} // closed at the next news
	accepted int
	polls    int
	refuse   error // Deploy's answer
	lose     bool  // the next certificate is lost
	open     int   // connections
}

// A door counts who is inside.
type door struct {
	net.Listener
	s *script
}

// A guest leaves once.
type guest struct {
	net.Conn
	leave func()
}

func (d door) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	d.s.count(1)
	return guest{conn, sync.OnceFunc(func() { d.s.count(-1) })}, nil
}

func (g guest) Close() error {
	g.leave()
	return g.Conn.Close()
}

func (s *script) count(more int) (open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += more
	return s.open
}

// play starts a script that is not enrolled.
func play(t *testing.T, ca *secrets.CA, machine string) *script {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{t: t, machine: machine, token: []byte("the token"), key: key, news: make(chan struct{}),
		status: &agentpb.StatusResponse{MachineId: machine, Revision: 1, Database: &agentpb.Database{State: agentpb.Database_ABSENT}}}
	self := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: machine},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	s.show(self, self, key)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool(),
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			shown := s.shown
			return &shown, nil
		},
	})))
	agentpb.RegisterAgentServer(server, s)
	agentpb.RegisterEnrolmentServer(server, s)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(door{l, s})
	}()
	t.Cleanup(func() {
		server.Stop()
		<-served
	})
	return s
}

// show signs and shows a certificate for the script's key.
func (s *script) show(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) {
	s.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, s.key.Public(), signer)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: s.key}
}

// showPEM shows a certificate that somebody signed for the script's key.
func (s *script) showPEM(cert []byte) {
	block, _ := pem.Decode(cert)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: s.key}
}

func (s *script) csr() []byte {
	key := s.key
	if s.foreign != nil {
		key = s.foreign
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		s.t.Error(err)
	}
	return csr
}

func (s *script) Request(_ context.Context, r *agentpb.EnrolRequest) (*agentpb.EnrolResponse, error) {
	csr := s.csr()
	if s.word != nil {
		return &agentpb.EnrolResponse{MachineId: s.machine, CsrDer: csr, IdentityPkcs7: s.word}, nil
	}
	return &agentpb.EnrolResponse{MachineId: s.machine, CsrDer: csr, TokenProof: tokenProof(s.token, r.GetNonce(), csr)}, nil
}

func (s *script) Accept(_ context.Context, r *agentpb.AcceptRequest) (*agentpb.AcceptResponse, error) {
	s.mu.Lock()
	lose := s.lose
	s.lose = false
	s.mu.Unlock()
	if lose {
		return nil, status.Error(codes.Unavailable, "the machine went down")
	}
	s.showPEM(r.GetCertificatePem())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted++
	return &agentpb.AcceptResponse{}, nil
}

func (s *script) Deploy(context.Context, *agentpb.DeployRequest) (*agentpb.DeployResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &agentpb.DeployResponse{}, s.refuse
}

func (s *script) Status(ctx context.Context, r *agentpb.StatusRequest) (*agentpb.StatusResponse, error) {
	wait := time.After(time.Duration(r.GetWaitMs()) * time.Millisecond)
	for {
		s.mu.Lock()
		told, news := s.status, s.news
		s.mu.Unlock()
		if told.GetRevision() > r.GetAfterRevision() {
			s.mu.Lock()
			s.polls++
			s.mu.Unlock()
			return told, nil
		}
		select {
		case <-news:
		case <-wait:
			return told, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tell puts out news.
func (s *script) tell(news *agentpb.StatusResponse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	news.MachineId, news.Revision = s.machine, s.status.GetRevision()+1
	s.status = news
	close(s.news)
	s.news = make(chan struct{})
}

func (s *script) acceptedTimes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

func (s *script) plan() plan.Machine {
	return plan.Machine{ID: s.machine, State: plan.MachineRunning, AgentAddress: s.address, Host: "127.0.0.1"}
}

// tokens are the tokens of machines, by id.
type tokens map[string]string

func (t tokens) EnrolmentToken(_ context.Context, id string) ([]byte, error) {
	if token, ok := t[id]; ok {
		return []byte(token), nil
	}
	return nil, errors.New("the token was used")
}

// patience bounds every wait: Dolt starts within a second alone, and within many when all
// tests of the project run at once.
const patience = time.Minute

// testStore is an empty store and its CA.
func testStore(t *testing.T) (*secrets.CA, *secrets.Dir) {
	t.Helper()
	store, err := secrets.OpenDir(filepath.Join(t.TempDir(), "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := secrets.OpenCA(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	return ca, store
}

// testClient runs a client until the test's end.
func testClient(t *testing.T, ca *secrets.CA, store secrets.Store, known Tokens) *Client {
	t.Helper()
	return runClient(t, Options{CA: ca, Secrets: store, Tokens: known})
}

// runClient runs a client until the test's end.
func runClient(t *testing.T, opts Options) *Client {
	t.Helper()
	opts.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := New(opts)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return c
}

// heard waits for a report that meets the condition, looking only when told to.
func heard(t *testing.T, c *Client, id, what string, holds func(plan.Agent) bool) plan.Agent {
	t.Helper()
	late := time.After(patience)
	for {
		r := c.Reports()[id]
		if r != nil && holds(*r) {
			return *r
		}
		select {
		case <-c.Changed():
		case <-late:
			t.Fatalf("not heard of: %s; the report is %+v", what, r)
		}
	}
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
