package agentclient

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

var _ reconciler.Agents = (*Client)(nil)

const machine = "m-1"

func notEnrolled(r plan.Agent) bool { return r.Reachable && !r.Enrolled }
func enrolled(r plan.Agent) bool    { return r.Reachable && r.Enrolled }
func unreachable(r plan.Agent) bool { return !r.Reachable }

func TestEnrol(t *testing.T) {
	t.Parallel()
	ca, store := testStore(t)
	s := play(t, ca, machine)
	c := testClient(t, ca, store, tokens{machine: "the token"})
	c.Track([]plan.Machine{s.plan()})
	heard(t, c, machine, "an agent that is not enrolled", notEnrolled)
	if err := c.Deploy(t.Context(), machine, plan.Order{Deployment: "d"}); err == nil {
		t.Fatal("an order and its secrets went to an agent that nobody knows")
	}
	if err := c.Enrol(t.Context(), machine); err != nil {
		t.Fatal(err)
	}
	heard(t, c, machine, "an agent that is enrolled", enrolled)
	if err := c.Enrol(t.Context(), machine); err != nil || s.acceptedTimes() != 1 {
		t.Fatalf("a second Enrol: %v, %d certificates", err, s.acceptedTimes())
	}
	if err := c.Deploy(t.Context(), machine, plan.Order{Deployment: "d"}); err != nil {
		t.Fatal(err)
	}
}

// TestOneConnectionEach: a control plane that had begun to talk to a fresh agent, which
// another one then enrolled, keeps no connection for an enrolment that never comes.
func TestOneConnectionEach(t *testing.T) {
	t.Parallel()
	ca, store := testStore(t)
	s := play(t, ca, machine)
	slow, fast := testClient(t, ca, store, tokens{machine: "the token"}), testClient(t, ca, store, tokens{machine: "the token"})
	for _, c := range []*Client{slow, fast} {
		c.Track([]plan.Machine{s.plan()})
		heard(t, c, machine, "an agent that is not enrolled", notEnrolled)
	}
	if err := fast.Enrol(t.Context(), machine); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Client{slow, fast} {
		heard(t, c, machine, "an agent that is enrolled", enrolled)
	}
	for late := time.After(patience); s.count(0) != 2; {
		select {
		case <-late:
			t.Fatalf("two control planes have %d connections to one agent", s.count(0))
		case <-time.After(time.Millisecond):
		}
	}
}

func TestEnrolRefusesLiars(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lie   func(*script)
		known tokens
		want  string
	}{
		"another token":   {func(s *script) { s.token = []byte("guess") }, tokens{machine: "the token"}, "does not know the token"},
		"another machine": {func(s *script) { s.machine = "m-2" }, tokens{machine: "the token"}, "m-2"},
		"a used token":    {func(*script) {}, tokens{}, "was used"},
		"an empty token":  {func(s *script) { s.token = nil }, tokens{machine: ""}, "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ca, store := testStore(t)
			s := play(t, ca, machine)
			m := s.plan()
			c.lie(s)
			client := testClient(t, ca, store, c.known)
			client.Track([]plan.Machine{m})
			err := client.Enrol(t.Context(), machine)
			if err == nil || !strings.Contains(err.Error(), c.want) || s.acceptedTimes() > 0 {
				t.Fatalf("%v, %d certificates given; want one that says %q, and none", err, s.acceptedTimes(), c.want)
			}
		})
	}
}

// Orders go to the machine that is meant and to no other.
func TestStrangersGetNothing(t *testing.T) {
	t.Parallel()
	ca, store := testStore(t)
	other, _ := testStore(t)
	for name, c := range map[string]struct {
		signer  *secrets.CA
		machine string
		want    string
	}{
		"another machine of the fleet": {ca, "m-2", "another machine"},
		"a machine of another fleet":   {other, machine, "another fleet"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := play(t, ca, machine)
			cert, err := c.signer.SignAgent(s.csr(), c.machine)
			if err != nil {
				t.Fatal(err)
			}
			s.showPEM(cert)
			client := testClient(t, ca, store, tokens{machine: "the token"})
			client.Track([]plan.Machine{s.plan()})
			heard(t, client, machine, "a stranger, as "+c.want, func(r plan.Agent) bool { return unreachable(r) && strings.Contains(r.Error, c.want) })
			if client.Deploy(t.Context(), machine, plan.Order{Deployment: "d"}) == nil || client.Enrol(t.Context(), machine) == nil {
				t.Error("a stranger was dealt with")
			}
		})
	}
}

// A control plane that was away for longer than a certificate lives gets its
// fleet back.
func TestExpiredCertificateIsRenewed(t *testing.T) {
	t.Parallel()
	ca, store := testStore(t)
	s := play(t, ca, machine)
	cert, key := rawCA(t, store)
	s.show(&x509.Certificate{
		SerialNumber: big.NewInt(2), URIs: []*url.URL{mustURL(t, secrets.MachineURI(machine))},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(-time.Minute),
	}, cert, key)
	c := testClient(t, ca, store, tokens{})
	c.Track([]plan.Machine{s.plan()})
	heard(t, c, machine, "the agent with a new certificate", enrolled)
}

// rawCA reads the CA's key out of the store, to make what it would never sign.
func rawCA(t *testing.T, store secrets.Store) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	bundle, err := store.Get(t.Context(), "fleet/ca")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(bundle, bundle)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey)
}

func TestCertificateIsRenewedInTime(t *testing.T) {
	t.Parallel()
	ca, store := testStore(t)
	s := play(t, ca, machine)
	cert, err := ca.SignAgent(s.csr(), machine)
	if err != nil {
		t.Fatal(err)
	}
	s.showPEM(cert)
	c := testClient(t, ca, store, tokens{})
	c.Track([]plan.Machine{s.plan()})
	heard(t, c, machine, "the agent", enrolled)
	at := func(left time.Duration, generation int64) {
		t.Helper()
		s.tell(&agentpb.StatusResponse{Generation: generation, CertificateExpiresAt: timestamppb.New(time.Now().Add(left))})
		heard(t, c, machine, "the news", func(r plan.Agent) bool { return r.Generation == generation })
	}
	at(secrets.AgentLifetime/2, 1)
	if n := s.acceptedTimes(); n != 0 {
		t.Fatalf("%d renewals with half the life left", n)
	}
	at(secrets.AgentLifetime/4, 2)
	at(secrets.AgentLifetime, 3) // told after the renewal, which comes before the next poll
	if n := s.acceptedTimes(); n != 1 {
		t.Fatalf("%d renewals with a quarter of the life left, want one", n)
	}
}

func TestChangedIsSilentAboutMeasurements(t *testing.T) {
	t.Parallel()
	ca, store := testStore(t)
	s := play(t, ca, machine)
	cert, err := ca.SignAgent(s.csr(), machine)
	if err != nil {
		t.Fatal(err)
	}
	s.showPEM(cert)
	c := testClient(t, ca, store, tokens{})
	c.Track([]plan.Machine{s.plan()})
	heard(t, c, machine, "the agent", enrolled)
	full := func(message string) *agentpb.StatusResponse {
		return &agentpb.StatusResponse{
			Database:   &agentpb.Database{State: agentpb.Database_SERVING, Pid: 7, Port: 3306, Host: "127.0.0.1", Version: "2.2.0"},
			Order:      &agentpb.Order{Generation: 1, Deployment: "d", Settings: map[string]string{"a": "b"}},
			Volume:     &agentpb.Volume{Attached: true, UsedBytes: time.Now().UnixNano()},
			Conditions: []*agentpb.Condition{{Type: "DiskFull", Status: true, Reason: "Full", Message: message}},
		}
	}
	s.tell(full("95.1 %"))
	r := heard(t, c, machine, "the database", func(r plan.Agent) bool { return r.Database == plan.DatabaseServing })
	if !r.VolumeAttached || r.PID != 7 || r.Order == nil || r.Order.Settings["a"] != "b" || r.Conditions[0].Reason != "Full" {
		t.Fatalf("the report is %+v", r)
	}
	select {
	case <-c.Changed(): // of that report, where it was seen first
	default:
	}
	s.tell(full("95.2 %"))
	for late := time.After(patience); c.Reports()[machine].Conditions[0].Message != "95.2 %"; {
		select {
		case <-c.Changed():
			t.Fatal("a measurement woke the loop")
		case <-late:
			t.Fatal("the news did not arrive")
		case <-time.After(time.Millisecond):
		}
	}
}

func TestMachinesComeGoAndMove(t *testing.T) {
	t.Parallel()
	ca, store := testStore(t)
	old, next := play(t, ca, machine), play(t, ca, machine)
	for _, s := range []*script{old, next} {
		cert, err := ca.SignAgent(s.csr(), machine)
		if err != nil {
			t.Fatal(err)
		}
		s.showPEM(cert)
	}
	next.tell(&agentpb.StatusResponse{Generation: 9})
	c := testClient(t, ca, store, tokens{})
	stopped := plan.Machine{ID: machine, State: plan.MachineStopped}
	c.Track([]plan.Machine{stopped})
	heard(t, c, machine, "a machine that does not run", func(r plan.Agent) bool { return unreachable(r) && strings.Contains(r.Error, "does not run") })
	c.Track([]plan.Machine{old.plan()})
	first := heard(t, c, machine, "the agent", enrolled)
	c.Track([]plan.Machine{next.plan()})
	heard(t, c, machine, "the agent at its new address", func(r plan.Agent) bool { return r.Generation == 9 })
	if first.Since.IsZero() {
		t.Error("the report does not say since when")
	}
	c.Track(nil)
	if r := c.Reports(); len(r) != 0 {
		t.Fatalf("reports on machines that are gone: %+v", r)
	}
	if err := c.Stop(t.Context(), machine, 1); err == nil || !strings.Contains(err.Error(), machine) {
		t.Fatalf("an order to a machine that is gone: %v", err)
	}
}

func TestErrorsAreSentences(t *testing.T) {
	t.Parallel()
	ca, store := testStore(t)
	s := play(t, ca, machine)
	cert, err := ca.SignAgent(s.csr(), machine)
	if err != nil {
		t.Fatal(err)
	}
	s.showPEM(cert)
	c := testClient(t, ca, store, tokens{})
	c.Track([]plan.Machine{s.plan()})
	heard(t, c, machine, "the agent", enrolled)
	for code, want := range map[codes.Code]string{
		codes.FailedPrecondition: "refuses: generation 3 is known",
		codes.Unavailable:        "connection to its agent was lost",
		codes.DeadlineExceeded:   "did not answer in time",
		codes.Unimplemented:      "another release",
		codes.Internal:           "says: generation 3 is known",
	} {
		s.mu.Lock()
		s.refuse = status.Error(code, "generation 3 is known")
		s.mu.Unlock()
		err := c.Deploy(t.Context(), machine, plan.Order{Deployment: "d"})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "rpc error") {
			t.Errorf("%s: %v, want %q", code, err, want)
		}
		if errors.Is(err, reconciler.ErrConflict) != (code == codes.FailedPrecondition) {
			t.Errorf("%s: conflict or not: %v", code, err)
		}
	}
}
