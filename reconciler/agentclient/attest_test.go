package agentclient

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mainstaydb/mainstay/reconciler/attest"
	"github.com/mainstaydb/mainstay/reconciler/attest/attesttest"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

const (
	account  = "123456789012"
	region   = "eu-central-1"
	instance = "i-0123456789abcdef0"
)

// world is the identity of a cloud.
type world string

func (w world) Identity(context.Context) (string, error) { return string(w), nil }

// A realm is an account on EC2 with a fleet in it.
type realm struct {
	*testing.T
	aws   *attesttest.Authority
	ca    *secrets.CA
	store *secrets.Dir
	began time.Time // when its instances were started
}

func newRealm(t *testing.T) *realm {
	t.Helper()
	r := &realm{T: t, aws: attesttest.NewAuthority(t), began: time.Now().Add(-time.Minute)}
	r.ca, r.store = testStore(t)
	return r
}

// controlPlane runs one control plane of the fleet.
func (r *realm) controlPlane() *Client {
	r.Helper()
	v, err := attest.New(attest.Certificates{region: r.aws.Certificate()})
	if err != nil {
		r.Fatal(err)
	}
	return runClient(r.T, Options{CA: r.ca, Secrets: r.store, Attestor: attest.NewFleet(v, world("ec2:"+account+":"+region))})
}

// instance plays an agent on the instance, with AWS's word for it.
func (r *realm) instance() *script {
	r.Helper()
	s := play(r.T, r.ca, instance)
	s.word = r.word(account, instance)
	return s
}

func (r *realm) word(account, id string) []byte {
	return r.aws.Sign(attesttest.Document(account, region, id, r.began))
}

// listed is the instance as EC2 lists it.
func (r *realm) listed(s *script) []plan.Machine {
	m := s.plan()
	m.LaunchedAt = r.began
	return []plan.Machine{m}
}

// pinned tells whether a key was noted for the instance.
func (r *realm) pinned() bool {
	r.Helper()
	_, err := r.store.Get(r.Context(), "machines/"+instance+"/key")
	if err != nil && !errors.Is(err, secrets.ErrNotFound) {
		r.Fatal(err)
	}
	return err == nil
}

func TestEnrolByDocument(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	s, c := r.instance(), r.controlPlane()
	c.Track(r.listed(s))
	heard(t, c, instance, "a fresh agent", notEnrolled)
	for range 2 {
		if err := c.Enrol(t.Context(), instance); err != nil {
			t.Fatal(err)
		}
	}
	heard(t, c, instance, "the agent", enrolled)
	if s.acceptedTimes() != 1 || !r.pinned() {
		t.Fatalf("%d certificates, key noted: %t", s.acceptedTimes(), r.pinned())
	}
	if err := c.Deploy(t.Context(), instance, plan.Order{Deployment: "d"}); err != nil {
		t.Fatal(err)
	}
}

// Nothing is signed for, and no key noted of, whoever is not the instance: the
// instance itself can still be enrolled afterwards.
func TestAttacksOnEnrolment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attack func(*realm, *script)
		want   string
	}{
		"forged document": {func(r *realm, s *script) {
			s.word = attesttest.NewAuthority(r).Sign(attesttest.Document(account, region, instance, r.began))
		}, "pinned for the region"},
		"another account's document":  {func(r *realm, s *script) { s.word = r.word("999999999999", instance) }, `account "999999999999"`},
		"another instance's document": {func(r *realm, s *script) { s.word = r.word(account, "i-0fedcba9876543210") }, `instance "i-0fedcba9876543210"`},
		"another instance altogether": {func(r *realm, s *script) {
			s.machine, s.word = "i-0fedcba9876543210", r.word(account, "i-0fedcba9876543210")
		}, "says it is on machine i-0fedcba9876543210"},
		"an old document": {func(r *realm, s *script) {
			s.word = r.aws.Sign(attesttest.Document(account, region, instance, r.began.Add(-time.Hour)))
		}, "an old one"},
		"no document":           {func(_ *realm, s *script) { s.word = []byte{} }, "sent none"},
		"a token":               {func(_ *realm, s *script) { s.word = nil }, "sent none"},
		"a megabyte of garbage": {func(_ *realm, s *script) { s.word = make([]byte, 1<<20) }, "1048576 bytes"},
		"a request handed on":   {func(r *realm, s *script) { s.foreign = newKey(r.T) }, "not the one it shows"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRealm(t)
			bad, client := r.instance(), r.controlPlane()
			list := r.listed(bad)
			c.attack(r, bad)
			client.Track(list)
			err := client.Enrol(t.Context(), instance)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "nothing was signed") {
				t.Errorf("%v, want one that says %q", err, c.want)
			}
			if bad.acceptedTimes() > 0 || r.pinned() {
				t.Fatalf("%d certificates given, key noted: %t", bad.acceptedTimes(), r.pinned())
			}
			good := r.instance()
			client.Track(r.listed(good))
			if err := client.Enrol(t.Context(), instance); err != nil {
				t.Errorf("the instance itself, afterwards: %v", err)
			}
		})
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// An instance that the cloud does not list for the fleet is not spoken to, however
// good its document.
func TestInstanceThatIsNotOurs(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	s, c := r.instance(), r.controlPlane()
	if err := c.Enrol(t.Context(), instance); err == nil || !strings.Contains(err.Error(), "not one of the machines") {
		t.Errorf("never listed: %v", err)
	}
	c.Track(r.listed(s))
	c.Track(nil)
	if err := c.Enrol(t.Context(), instance); err == nil || s.acceptedTimes() > 0 || r.pinned() {
		t.Errorf("listed no longer: %v", err)
	}
}

// A machine whose start EC2 does not tell is not enrolled: how old its document is
// could not be said.
func TestInstanceOfUnknownAge(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	s, c := r.instance(), r.controlPlane()
	c.Track([]plan.Machine{s.plan()})
	if err := c.Enrol(t.Context(), instance); err == nil || !strings.Contains(err.Error(), "has not said yet when") {
		t.Fatal(err)
	}
	c.Track(r.listed(s)) // the same address and state: only the age is new
	if err := c.Enrol(t.Context(), instance); err != nil {
		t.Fatal(err)
	}
}

// One instance has one key for ever, whatever document comes with another.
func TestSecondKeyIsRefused(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	first, second, c := r.instance(), r.instance(), r.controlPlane()
	c.Track(r.listed(first))
	if err := c.Enrol(t.Context(), instance); err != nil {
		t.Fatal(err)
	}
	c.Track(r.listed(second))
	heard(t, c, instance, "another agent at the machine's new address", notEnrolled)
	err := c.Enrol(t.Context(), instance)
	if err == nil || !strings.Contains(err.Error(), "enrolled before, with another key") || second.acceptedTimes() > 0 {
		t.Fatalf("%v, %d certificates", err, second.acceptedTimes())
	}
}

// A certificate that was lost on its way is given again, to the same key.
func TestLostCertificateIsGivenAgain(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	s, c := r.instance(), r.controlPlane()
	s.lose = true
	c.Track(r.listed(s))
	if err := c.Enrol(t.Context(), instance); err == nil || !r.pinned() {
		t.Fatalf("an enrolment whose end was lost: %v, key noted: %t", err, r.pinned())
	}
	if err := c.Enrol(t.Context(), instance); err != nil || s.acceptedTimes() != 1 {
		t.Fatalf("%v, %d certificates", err, s.acceptedTimes())
	}
}

// Control planes that enrol at once give one key a certificate: both that of one
// agent, or one of two that both pass for it.
func TestRaceOfControlPlanes(t *testing.T) {
	t.Parallel()
	for range 5 {
		r := newRealm(t)
		agents, errs := []*script{r.instance(), r.instance()}, make([]error, 2)
		var both errgroup.Group
		for i, s := range agents {
			c := r.controlPlane()
			c.Track(r.listed(s))
			both.Go(func() error {
				errs[i] = c.Enrol(t.Context(), instance)
				return nil
			})
		}
		_ = both.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || agents[0].acceptedTimes()+agents[1].acceptedTimes() != 1 {
			t.Fatalf("two agents: %v; %v", errs[0], errs[1])
		}

		r = newRealm(t)
		s := r.instance()
		for range 2 {
			c := r.controlPlane()
			c.Track(r.listed(s))
			both.Go(func() error { return c.Enrol(t.Context(), instance) })
		}
		if err := both.Wait(); err != nil {
			t.Fatalf("one agent: %v", err)
		}
	}
}

// A token that is proved over a channel of another key is not taken either.
func TestTokenOverAnotherKey(t *testing.T) {
	t.Parallel()
	ca, store := testStore(t)
	s := play(t, ca, machine)
	s.foreign = newKey(t)
	c := testClient(t, ca, store, tokens{machine: "the token"})
	c.Track([]plan.Machine{s.plan()})
	if err := c.Enrol(t.Context(), machine); err == nil || !strings.Contains(err.Error(), "not the one it shows") || s.acceptedTimes() > 0 {
		t.Fatalf("%v, %d certificates", err, s.acceptedTimes())
	}
}
