package agent

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/disk"
	"github.com/mainstaydb/mainstay/agent/freeport"
	"github.com/mainstaydb/mainstay/agent/process"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// bound is how long any wait may last: what is waited for takes a fraction of a
// second alone, and some seconds when all tests of the project run at once.
const bound = 60 * time.Second

func limited(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	t.Cleanup(cancel)
	return ctx
}

// build is where the real programs are.
func build(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("MAINSTAY_TEST_BUILD")
	if dir == "" {
		t.Skip("MAINSTAY_TEST_BUILD is not set: run make test, which builds Dolt first")
	}
	return dir
}

// An authority signs for a fleet.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fleet"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{key, cert}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// sign makes a certificate for a public key.
func (a *authority) sign(t testing.TB, public any, uri string, usage x509.ExtKeyUsage) []byte {
	t.Helper()
	name, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		URIs: []*url.URL{name}, ExtKeyUsage: []x509.ExtKeyUsage{usage}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, a.cert, public, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("CERTIFICATE", der)
}

// pair makes a key and a certificate for it.
func (a *authority) pair(t testing.TB, uri string, usage x509.ExtKeyUsage) (cert, key []byte) {
	t.Helper()
	k := newKey(t)
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return a.sign(t, k.Public(), uri, usage), pemOf("PRIVATE KEY", der)
}

// A rig is one machine's directory, its volume and the control plane's side.
type rig struct {
	t      testing.TB
	dir    string
	volume string
	config map[string]any
	ca     *authority
	token  string
	port   int
	quit   context.CancelFunc
	ended  chan error
	conn   *grpc.ClientConn

	device    func() (*disk.Device, error) // the volume's, where the agent mounts it
	documents Documents                    // nil: the machine has a token
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), volume: t.TempDir(), ca: newAuthority(t), token: "one-time", port: freeport.Take(t)}
	r.config = map[string]any{
		"machine_id": "m-1", "fleet_ca_pem": string(pemOf("CERTIFICATE", r.ca.cert.Raw)), "listen": "127.0.0.1:0",
		"address_file": "agent.addr", "token_file": "enrolment.token", "volume": "volume",
		"versions_dir": filepath.Join(build(t), "dolt"), "sql_host": "127.0.0.1", "sql_port": r.port, "metrics_port": 0,
	}
	r.configure()
	r.write(filepath.Join(r.dir, "enrolment.token"), r.token+"\n")
	r.write(filepath.Join(r.volume, "volume.json"), `{"id":"vol-1","size_gb":1}`)
	r.attach()
	t.Cleanup(r.cleanUp)
	return r
}

// cleanUp leaves no process behind, whatever the test did.
func (r *rig) cleanUp() {
	r.stop()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	for _, name := range []string{"machine.pid", "run/agent.pid", "run/dolt.pid"} {
		if p, err := process.Find(filepath.Join(r.dir, name)); err == nil {
			if err := p.Kill(ctx); err != nil {
				r.t.Error(err)
			}
		}
	}
}

func (r *rig) configure() {
	r.t.Helper()
	data, err := json.Marshal(r.config)
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(filepath.Join(r.dir, "machine.json"), string(data))
}

func (r *rig) write(path, data string) {
	r.t.Helper()
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) attach() {
	r.t.Helper()
	if err := os.Symlink(r.volume, filepath.Join(r.dir, "volume")); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) detach() {
	r.t.Helper()
	if err := os.Remove(filepath.Join(r.dir, "volume")); err != nil {
		r.t.Fatal(err)
	}
}

// start runs the agent in this process.
func (r *rig) start() {
	r.t.Helper()
	config, err := LoadConfig(r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	config.FindVolume = r.device
	handler := slog.DiscardHandler
	if testing.Verbose() {
		handler = slog.NewTextHandler(r.t.Output(), nil)
	}
	config.Documents = r.documents
	a, err := New(config, "test", slog.New(handler))
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.Remove(config.AddressFile); err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.quit, r.ended = cancel, make(chan error, 1)
	go func() { r.ended <- a.Run(ctx) }()
	r.dial()
}

// stop ends the agent, as SIGTERM would.
func (r *rig) stop() {
	r.t.Helper()
	if r.quit == nil {
		return
	}
	r.quit()
	select {
	case err := <-r.ended:
		if err != nil {
			r.t.Errorf("agent: %v", err)
		}
	case <-time.After(bound):
		r.t.Error("the agent does not end")
	}
	r.quit = nil
}

// dial connects as the control plane to whatever agent listens.
func (r *rig) dial() {
	r.t.Helper()
	cert, key := r.ca.pair(r.t, ControlPlaneURI, x509.ExtKeyUsageClientAuth)
	r.conn = r.dialAs(cert, key)
}

func (r *rig) dialAs(cert, key []byte) *grpc.ClientConn {
	r.t.Helper()
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		r.t.Fatal(err)
	}
	// An agent that starts anew may have to listen elsewhere.
	dial := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		address, err := os.ReadFile(filepath.Join(r.dir, "agent.addr"))
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, "tcp", strings.TrimSpace(string(address)))
	})
	conn, err := grpc.NewClient("passthrough:///"+r.address(), dial, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, //nolint:gosec // who answers is tested apart
	})))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (r *rig) address() string {
	r.t.Helper()
	var address string
	until(r.t, func() bool {
		data, err := os.ReadFile(filepath.Join(r.dir, "agent.addr"))
		address = strings.TrimSpace(string(data))
		return err == nil
	})
	return address
}

func (r *rig) agent() agentpb.AgentClient         { return agentpb.NewAgentClient(r.conn) }
func (r *rig) enrolment() agentpb.EnrolmentClient { return agentpb.NewEnrolmentClient(r.conn) }

// enrol does what the control plane does.
func (r *rig) enrol() {
	r.t.Helper()
	resp, err := r.enrolment().Request(limited(r.t), &agentpb.EnrolRequest{Nonce: make([]byte, nonceSize)})
	if err != nil {
		r.t.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(resp.GetCsrDer())
	if err != nil {
		r.t.Fatal(err)
	}
	cert := r.ca.sign(r.t, csr.PublicKey, MachineURI("m-1"), x509.ExtKeyUsageServerAuth)
	if _, err := r.enrolment().Accept(limited(r.t), &agentpb.AcceptRequest{CertificatePem: cert}); err != nil {
		r.t.Fatal(err)
	}
}

// order makes a request that can be changed and sent again.
func (r *rig) order() *agentpb.DeployRequest {
	r.t.Helper()
	cert, key := r.ca.pair(r.t, "mainstay://deployment/d-1", x509.ExtKeyUsageServerAuth)
	return &agentpb.DeployRequest{
		Order:                  &agentpb.Order{Generation: 1, Deployment: "d-1", Name: "orders", DoltVersion: "2.2.0"},
		AdministratorPassword:  "the password",
		ListenerCertificatePem: cert, ListenerKeyPem: key,
	}
}

func (r *rig) deploy(req *agentpb.DeployRequest) {
	r.t.Helper()
	if _, err := r.agent().Deploy(limited(r.t), req); err != nil {
		r.t.Fatal(err)
	}
}

// deployed starts an agent, enrols it and gives it its order, which is returned.
func (r *rig) deployed() *agentpb.DeployRequest {
	r.t.Helper()
	r.start()
	r.enrol()
	req := r.order()
	r.deploy(req)
	return req
}

// await polls Status, the long way, until it satisfies holds.
func (r *rig) await(what string, holds func(*agentpb.StatusResponse) bool) *agentpb.StatusResponse {
	r.t.Helper()
	ctx := limited(r.t)
	var revision int64
	for {
		st, err := r.agent().Status(ctx, &agentpb.StatusRequest{AfterRevision: revision, WaitMs: 1000}, grpc.WaitForReady(true))
		if err != nil {
			r.t.Fatalf("waiting for %s: %v", what, err)
		}
		if holds(st) {
			return st
		}
		revision = st.GetRevision()
	}
}

// serving waits until the database serves what was ordered last, and returns it.
func (r *rig) serving() *agentpb.Database {
	r.t.Helper()
	return r.await("a serving database", func(st *agentpb.StatusResponse) bool {
		return st.GetDatabase().GetState() == agentpb.Database_SERVING && st.GetDatabase().GetVersion() == st.GetOrder().GetDoltVersion()
	}).GetDatabase()
}

// query runs SQL as a client of the database does: over TLS, trusting the fleet.
func (r *rig) query(password, statement string) (string, error) {
	db := r.database(password)
	defer func() { _ = db.Close() }()
	var value string
	err := db.QueryRowContext(limited(r.t), statement).Scan(&value)
	return value, err
}

func (r *rig) database(password string) *sql.DB {
	r.t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(r.ca.cert)
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr = "root", password, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port))
	cfg.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12, ServerName: "127.0.0.1"}
	cfg.MultiStatements = true
	cfg.Logger = log.New(io.Discard, "", 0)
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	return sql.OpenDB(connector)
}

func (r *rig) mustQuery(statement, want string) {
	r.t.Helper()
	got, err := r.query("the password", statement)
	if err != nil || got != want {
		r.t.Fatalf("%s: %q, %v; want %q", statement, got, err, want)
	}
}

// fill makes a table with one row, which must outlive whatever comes.
func (r *rig) fill() {
	r.t.Helper()
	for _, statement := range []string{"CREATE DATABASE shop", "CREATE TABLE shop.t (id int primary key, v text)", "INSERT INTO shop.t VALUES (1, 'kept')"} {
		if _, err := r.query("the password", statement); err != nil && err != sql.ErrNoRows {
			r.t.Fatalf("%s: %v", statement, err)
		}
	}
}

func (r *rig) kept() {
	r.t.Helper()
	r.mustQuery("SELECT v FROM shop.t", "kept")
}

func until(t testing.TB, holds func() bool) {
	t.Helper()
	ctx := limited(t)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatal("waited in vain")
		case <-tick.C:
		}
	}
}
