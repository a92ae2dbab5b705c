package acme

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// startTimeout is far more than pebble takes on a busy machine.
const startTimeout = 30 * time.Second

// A pebble is a certificate authority of a test's own, and the DNS that it asks.
type pebble struct {
	address    string // host:port of its ACME server
	management string // URL
	dns        string // URL of the DNS server's management
	client     *http.Client
	log        *output
	stop       func()
}

// An output collects what a program prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// startPebble starts pebble, as hostile as env makes it.
func startPebble(t *testing.T, env ...string) *pebble {
	t.Helper()
	dir := os.Getenv("MAINSTAY_TEST_PEBBLE")
	if dir == "" {
		t.Skip("MAINSTAY_TEST_PEBBLE does not name the directory of pebble: run make conformance")
	}
	// A free port may be another's by the time it is used: then there are others.
	const tries = 5
	for range tries {
		if p := tryPebble(t, dir, env); p != nil {
			return p
		}
	}
	t.Fatalf("pebble did not start in %d tries", tries)
	return nil
}

func tryPebble(t *testing.T, dir string, env []string) *pebble {
	t.Helper()
	work := t.TempDir()
	pool := writeServerCertificate(t, work)
	ports := freePorts(t, 4)
	p := &pebble{address: ports[0], management: "https://" + ports[1], dns: "http://" + ports[3], log: &output{},
		client: &http.Client{Timeout: startTimeout, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}}
	config := map[string]any{"pebble": map[string]any{
		"listenAddress": ports[0], "managementListenAddress": ports[1], "httpPort": 1, "tlsPort": 1, "keyAlgorithm": "ecdsa",
		"certificate": filepath.Join(work, "cert.pem"), "privateKey": filepath.Join(work, "key.pem"),
		"domainBlocklist": []string{"blocked.example.com"},
		"profiles":        map[string]any{"default": map[string]any{"description": "90 days", "validityPeriod": 90 * 24 * 3600}},
	}}
	encoded, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(work, "config.json"), encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	stopDNS := run(t, p.log, nil, filepath.Join(dir, "pebble-challtestsrv"),
		"-dnsserver", ports[2], "-management", ports[3], "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "")
	stopCA := run(t, p.log, env, filepath.Join(dir, "pebble"), "-config", filepath.Join(work, "config.json"), "-dnsserver", ports[2], "-strict")
	p.stop = func() { stopCA(); stopDNS() }
	for end := time.Now().Add(startTimeout); time.Now().Before(end); {
		if strings.Contains(p.log.String(), "address already in use") {
			break
		}
		if listens(ports...) {
			return p
		}
		<-time.After(10 * time.Millisecond)
	}
	p.stop()
	return nil
}

// run starts a program, which ends with the test or when the returned function is
// called.
func run(t *testing.T, out io.Writer, env []string, program string, args ...string) (stop func()) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = out, out, append([]string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0"}, env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(stop)
	return stop
}

func listens(addresses ...string) bool {
	for _, a := range addresses {
		conn, err := net.DialTimeout("tcp", a, time.Second)
		if err != nil {
			return false
		}
		conn.Close()
	}
	return true
}

func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var addresses []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // together, so that all differ
		addresses = append(addresses, l.Addr().String())
	}
	return addresses
}

// writeServerCertificate makes the certificate of pebble's own servers.
func writeServerCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, "cert.pem"), "CERTIFICATE", der)
	writePEM(t, filepath.Join(dir, "key.pem"), "PRIVATE KEY", pkcs8(t, key))
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool
}

func pkcs8(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// roots are what clients would trust of this authority.
func (p *pebble) roots(t *testing.T) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(p.ask(t, http.MethodGet, p.management+"/roots/0", nil)) {
		t.Fatal("pebble's root is no certificate")
	}
	return pool
}

// suggestRenewal sets what the authority answers when asked about a certificate.
func (p *pebble) suggestRenewal(t *testing.T, certPEM []byte, answer string) {
	t.Helper()
	p.ask(t, http.MethodPost, p.management+"/set-renewal-info/", map[string]string{"Certificate": string(certPEM), "ARIResponse": answer})
}

// status is what the authority says of a certificate.
func (p *pebble) status(t *testing.T, serial *big.Int) string {
	t.Helper()
	var s struct{ Status string }
	if err := json.Unmarshal(p.ask(t, http.MethodGet, p.management+"/cert-status-by-serial/"+serial.Text(16), nil), &s); err != nil {
		t.Fatal(err)
	}
	return s.Status
}

func (p *pebble) ask(t *testing.T, method, url string, body any) []byte {
	t.Helper()
	answer, err := p.request(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func (p *pebble) request(ctx context.Context, method, url string, body any) ([]byte, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(encoded))
	if err != nil {
		return nil, err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, resp.Status, answer)
	}
	return answer, err
}
