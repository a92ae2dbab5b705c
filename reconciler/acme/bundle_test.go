package acme

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

// makeTestBundle is a certificate of nobody's authority.
func makeTestBundle(t *testing.T, directory string, from, to time.Time, names ...string) []byte {
	t.Helper()
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: serial, NotBefore: from, NotAfter: to, DNSNames: names}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	bundle, err := makeBundle(append(chain, chain...), key, directory, from.Add(time.Hour), true)
	if err != nil {
		t.Fatal(err)
	}
	return bundle
}

func TestBundle(t *testing.T) {
	t.Parallel()
	bundle := makeTestBundle(t, "https://ca.example/dir", epoch, epoch.Add(90*24*time.Hour), "b.example.com", "a.example.com")
	s, err := parseBundle(bundle)
	if err != nil {
		t.Fatal(err)
	}
	if s.directory != "https://ca.example/dir" || !s.renewal || s.names != "a.example.com b.example.com" || !s.issued.Equal(epoch.Add(time.Hour)) {
		t.Errorf("read %+v", s)
	}
	certPEM, keyPEM := splitBundle(bundle)
	if bytes.Count(certPEM, []byte("BEGIN")) != 2 || bytes.Count(keyPEM, []byte("BEGIN")) != 1 || bytes.Contains(certPEM, []byte("KEY")) {
		t.Errorf("split into\n%s", certPEM)
	}
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.Error(err)
	}
	if _, err := parseBundle(certPEM); err == nil {
		t.Error("a bundle without a key was taken")
	}
}

func TestMoment(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	end := epoch.Add(90 * day)
	good := window{epoch.Add(55 * day), epoch.Add(65 * day)}
	spread := make(map[time.Time]bool)
	for range 20 {
		s, err := parseBundle(makeTestBundle(t, "", epoch, end, "a.example.com"))
		if err != nil {
			t.Fatal(err)
		}
		moment := good.moment(s.leaf)
		if moment.Before(good.start.Add(-time.Second)) || moment.After(good.end) || good.moment(s.leaf) != moment {
			t.Errorf("%s is not always the same moment of %v", moment, good)
		}
		spread[moment] = true
		for _, bad := range []window{{}, {good.end, good.start}, {good.start, good.start}, {end.Add(day), end.Add(2 * day)}} {
			if got := bad.moment(s.leaf); !got.Equal(epoch.Add(60 * day)) {
				t.Errorf("for %v it is %s and not two thirds of the life", bad, got)
			}
		}
	}
	if len(spread) < 10 {
		t.Errorf("20 certificates come at %d moments", len(spread))
	}
}

func TestShelf(t *testing.T) {
	t.Parallel()
	store, err := secrets.OpenDir(t.TempDir() + "/secrets")
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, value []byte) {
		t.Helper()
		if _, err := store.Create(t.Context(), name, value); err != nil {
			t.Fatal(err)
		}
	}
	end := epoch.Add(90 * 24 * time.Hour)
	const directory = "https://ca.example/dir"
	read := func(from shelf, names string) (shelf, *stored) {
		t.Helper()
		s, err := from.read(t.Context(), store, directory, deployment, names)
		if err != nil {
			t.Fatal(err)
		}
		return s, s.newest(names)
	}
	put(bundleName(deployment, 1), makeTestBundle(t, directory, epoch, end, "a"))
	put(bundleName(deployment, 2), makeTestBundle(t, directory, epoch, end, "b"))
	put(bundleName(deployment, 3), []byte("nonsense"))
	put(bundleName(deployment, 4), makeTestBundle(t, "https://test.ca.example/dir", epoch, end, "a"))
	s, newest := read(newShelf(), "a")
	if newest == nil || newest.number != 1 {
		t.Fatalf("the newest for a is %+v; those for others, broken ones and a test authority's do not count", newest)
	}
	if s, none := read(s, "c"); none != nil || len(s.bundles) != 4 {
		t.Errorf("for c there is %+v", none)
	}
	put(bundleName(deployment, 5), makeTestBundle(t, directory, epoch, end, "a"))
	s, newest = read(s, "a")
	if newest.number != 5 {
		t.Errorf("a successor was not found: %+v", newest)
	}
	put(revokedName(deployment, newest.fingerprint), []byte("x"))
	if _, newest = read(s, "a"); newest.number != 1 {
		t.Errorf("a revoked one is used: %+v", newest)
	}
}

func TestAccountName(t *testing.T) {
	t.Parallel()
	valid := regexp.MustCompile(`^acme/[a-z0-9][a-z0-9.-]*/account$`)
	seen := make(map[string]string)
	for _, directory := range []string{
		"https://acme-v02.api.letsencrypt.org/directory", "https://ACME.example:14000/dir", "https://acme.example:14000/dir2", "https://[::1]:14000/dir",
	} {
		got := accountName(directory)
		if !valid.MatchString(got) || seen[got] != "" {
			t.Errorf("%s has its account at %s, %s too", directory, got, seen[got])
		}
		seen[got] = directory
	}
}

func TestBrokenAccountIsAnError(t *testing.T) {
	t.Parallel()
	c := offline(t)
	if _, err := c.opts.Secrets.Create(t.Context(), accountName(c.opts.Directory), []byte("nonsense")); err != nil {
		t.Fatal(err)
	}
	err := c.Obtain(t.Context(), deployment, []string{name})
	var store *storeError
	if !errors.As(err, &store) {
		t.Errorf("Obtain: %v", err)
	}
}

// TestReportsInTime: what nobody touches stays as it is for days, with the store and
// the authority looked at now and then.
func TestReportsInTime(t *testing.T) {
	t.Parallel()
	store, err := secrets.OpenDir(t.TempDir() + "/secrets")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		counted := &countingStore{Store: store}
		c, err := New(Options{Directory: "https://127.0.0.1:1/dir", Secrets: counted, Challenges: nowhere{}})
		if err != nil {
			t.Fatal(err)
		}
		c.transport.DialContext = nobody // a bubble has no network
		now := time.Now()
		for i := range 30 {
			bundle := makeTestBundle(t, c.opts.Directory, now, now.Add(90*24*time.Hour), fmt.Sprintf("db%d.example.com", i))
			if _, err := store.Create(t.Context(), bundleName(fmt.Sprintf("d-%d", i), 1), bundle); err != nil {
				t.Fatal(err)
			}
		}
		watch(t, c)
		tracked := make(map[string][]string)
		for i := range 40 { // ten have none
			tracked[fmt.Sprintf("d-%d", i)] = []string{fmt.Sprintf("db%d.example.com", i)}
		}
		c.Track(tracked)
		synctest.Wait()
		first := c.Reports()
		if len(first) != 40 || !certified(first["d-0"]) || first["d-39"] != (plan.Certificate{}) {
			t.Fatalf("%d reports; %+v, %+v", len(first), first["d-0"], first["d-39"])
		}
		drain(c)
		gets := counted.gets.Load()
		<-time.After(48 * time.Hour)
		synctest.Wait()
		for id, r := range c.Reports() {
			if r != first[id] {
				t.Errorf("%s changed from %+v to %+v", id, first[id], r)
			}
		}
		select {
		case <-c.Changed():
			t.Error("a change was told")
		default:
		}
		asked := counted.gets.Load() - gets
		if asked == 0 || asked > 40*2*9 { // two reads at most every six hours
			t.Errorf("the store was read %d times in two days", asked)
		}
		t.Logf("40 deployments, two days: the store is read %d times", asked)
	})
}
