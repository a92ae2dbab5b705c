package agent

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/agent/doltserver"
	"github.com/mainstaydb/mainstay/agent/process"
)

// TestSilentStranger: a database that dies while somebody else has its port is noticed
// at once, and not only when it is clear that the other one does not answer.
func TestSilentStranger(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.idleAgent()
	stranger, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	database, err := process.Start(process.Spec{Path: "/bin/sleep", Args: []string{"600"}, PIDFile: filepath.Join(r.dir, "run", "dolt.pid")})
	if err != nil {
		t.Fatal(err)
	}
	a.super.life = t.Context()
	a.super.watch(&doltserver.Running{Process: database})
	order, asked := r.order(), make(chan struct{})
	want := doltserver.Want{Certificate: []byte(order.GetListenerCertificatePem()), Password: order.GetAdministratorPassword()}
	go func() {
		defer close(asked)
		a.super.check(t.Context(), a.super.server(), want)
	}()
	conn, err := stranger.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := database.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The agent would wait for an answer for five seconds.
	if err := conn.SetReadDeadline(time.Now().Add(4 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the database is dead, and a stranger is still asked: %v", err)
	}
	conn.Close()
	<-asked
}

// TestNobodyHoldsUpTheEnd: whoever connects and says nothing, with a certificate of the
// control plane's or without, does not keep the agent from ending in the time it has.
func TestNobodyHoldsUpTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.enrol()
	stranger, err := net.Dial("tcp", r.address())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	cert, key := r.ca.pair(t, ControlPlaneURI, x509.ExtKeyUsageClientAuth)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	known, err := tls.Dial("tcp", r.address(), &tls.Config{Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}) //nolint:gosec // who answers is tested apart
	if err != nil {
		t.Fatal(err)
	}
	defer known.Close()
	began := time.Now()
	r.stop()
	if took := time.Since(began); took > endOfCalls+bound/4 {
		t.Errorf("the agent ended after %s; its machine would have killed it", took)
	}
}

// TestPortTaken: however long somebody else has the port, a moment after it is free the
// database is started.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	a := newRig(t).idleAgent()
	for range 20 { // by then other failures would be tried again each half minute
		a.super.refuse(&doltserver.Problem{Type: doltserver.PortTaken, Reason: "InUse", Message: "somebody has it"})
	}
	if wait := time.Until(a.super.nextTry); wait > portLook {
		t.Errorf("the port is tried again in %s, want %s at most", wait, portLook)
	}
	if st, _ := a.board.read(); holding(st, doltserver.PortTaken) == nil {
		t.Errorf("the port is not told of: %v", st)
	}
}

// idleAgent is an agent that does not run.
func (r *rig) idleAgent() *Agent {
	r.t.Helper()
	config, err := LoadConfig(r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	a, err := New(config, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}
