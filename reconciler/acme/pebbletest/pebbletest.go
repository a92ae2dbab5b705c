// Package pebbletest runs pebble in tests: a certificate authority that speaks ACME
// as Let's Encrypt does, and a DNS server of its own that it proves names in.
//
// It promises an authority for each caller, on loopback, that ends with the test and
// trusts and is trusted by nobody else. Without the programs, which
// MAINSTAY_TEST_PEBBLE names the directory of, tests are skipped. Names are proven by
// DNS alone, and the domain blocked.example.com is refused. What it knows is gone
// when it ends.
package pebbletest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/agent/freeport"
)

// startTimeout is far more than pebble takes on a busy machine.
const startTimeout = 30 * time.Second

// A Pebble is a certificate authority of a test's own, and the DNS that it asks.
type Pebble struct {
	Address   string // host:port of its ACME server
	Directory string // URL
	ServerCA  []byte // PEM of what its ACME server is checked with
	Transport http.RoundTripper

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

// Start starts pebble, as hostile as env makes it.
func Start(t testing.TB, env ...string) *Pebble {
	t.Helper()
	dir := os.Getenv("MAINSTAY_TEST_PEBBLE")
	if dir == "" {
		t.Skip("MAINSTAY_TEST_PEBBLE does not name the directory of pebble: run make conformance")
	}
	// A free port may be another's by the time it is used: then there are others.
	const tries = 5
	for range tries {
		if p := try(t, dir, env); p != nil {
			return p
		}
	}
	t.Fatalf("pebble did not start in %d tries", tries)
	return nil
}

// Log is what the programs have printed.
func (p *Pebble) Log() string { return p.log.String() }

// Stop ends the authority, and does nothing if it has ended.
func (p *Pebble) Stop() { p.stop() }

func try(t testing.TB, dir string, env []string) *Pebble {
	t.Helper()
	work := t.TempDir()
	ports := freePorts(t, 4)
	p := &Pebble{Address: ports[0], Directory: "https://" + ports[0] + "/dir", ServerCA: writeServerCertificate(t, work),
		management: "https://" + ports[1], dns: "http://" + ports[3], log: &output{}}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(p.ServerCA)
	p.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}
	p.client = &http.Client{Timeout: startTimeout, Transport: p.Transport}
	config := map[string]any{"pebble": map[string]any{
		"listenAddress": ports[0], "managementListenAddress": ports[1], "httpPort": 1, "tlsPort": 1, "keyAlgorithm": "ecdsa",
		"certificate": filepath.Join(work, certificateFile), "privateKey": filepath.Join(work, keyFile),
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
func run(t testing.TB, out io.Writer, env []string, program string, args ...string) (stop func()) {
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

func freePorts(t testing.TB, n int) []string {
	t.Helper()
	var addresses []string
	for range n {
		addresses = append(addresses, net.JoinHostPort("127.0.0.1", strconv.Itoa(freeport.Take(t))))
	}
	return addresses
}
