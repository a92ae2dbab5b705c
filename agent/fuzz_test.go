package agent

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"math"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/fetch"
	"google.golang.org/protobuf/proto"
)

// deploys are requests that a control plane makes, and some that none should make.
func deploys() []*agentpb.DeployRequest {
	order := func(change func(*agentpb.Order)) *agentpb.DeployRequest {
		o := &agentpb.Order{Generation: 3, Deployment: "d1", Name: "orders", DoltVersion: "2.2.0", Settings: map[string]string{"log_level": "debug"}}
		change(o)
		return &agentpb.DeployRequest{Order: o, AdministratorPassword: "word"}
	}
	return []*agentpb.DeployRequest{
		{}, order(func(*agentpb.Order) {}),
		order(func(o *agentpb.Order) { o.Generation = 2 }), order(func(o *agentpb.Order) { o.Generation = math.MaxInt64 }), order(func(o *agentpb.Order) { o.Generation = math.MinInt64 }),
		order(func(o *agentpb.Order) { o.Deployment = "../../d2" }), order(func(o *agentpb.Order) { o.Name, o.Deployment = "../../../etc/passwd", "/etc" }),
		order(func(o *agentpb.Order) { o.DoltVersion = "../2.2.0" }), order(func(o *agentpb.Order) { o.DoltVersion = "\x00" }),
		order(func(o *agentpb.Order) {
			o.DoltVersion, o.DoltUrl, o.DoltSha256 = "../2.2.0", "https://dolt.example/x", "00000000000000000000000000000000000000000000000000000000000000ff"
		}),
		order(func(o *agentpb.Order) {
			o.DoltUrl, o.DoltSha256 = "http://127.0.0.1:80/x", "00000000000000000000000000000000000000000000000000000000000000ff"
		}),
		order(func(o *agentpb.Order) { o.DoltUrl, o.DoltSha256 = "file:///etc/passwd", "../ff" }),
		order(func(o *agentpb.Order) { o.Settings = map[string]string{"": "", "\u2028<\\u0000>": "\u2029"} }),
		order(func(o *agentpb.Order) { o.Certificate = "ff" }),
	}
}

// FuzzOrders: whatever two orders arrive, one after the other, what is obeyed is never
// older than what was seen nor of another deployment, is the same after a restart and
// nobody's on another machine, and nothing is written elsewhere than in its two files.
func FuzzOrders(f *testing.F) {
	cert, key := newAuthority(f).pair(f, "mainstay:listener", x509.ExtKeyUsageServerAuth)
	for _, first := range deploys() {
		for _, second := range deploys()[:4] {
			one, err := proto.Marshal(first)
			two, also := proto.Marshal(second)
			if err := errors.Join(err, also); err != nil {
				f.Fatal(err)
			}
			f.Add(one, two)
		}
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		dir := t.TempDir()
		volume := filepath.Join(dir, "volume")
		if err := os.Mkdir(volume, 0o700); err != nil {
			t.Fatal(err)
		}
		o := &orders{machine: "m-1"}
		if err := o.attach(volume); err != nil {
			t.Fatal(err)
		}
		for _, data := range [][]byte{first, second} {
			req := &agentpb.DeployRequest{}
			if proto.Unmarshal(data, req) != nil {
				continue // gRPC does not let it through either
			}
			if req.ListenerCertificatePem != nil { // a pair is not found by chance
				_ = checkDeploy(req)
			}
			req.ListenerCertificatePem, req.ListenerKeyPem = cert, key
			obey(t, o, req)
		}
		wroteOnly(t, dir, "volume/mainstay/order.json", "volume/mainstay/secrets.json")
	})
}

// obey gives one order.
func obey(t *testing.T, o *orders, req *agentpb.DeployRequest) {
	t.Helper()
	order, seen, owner := req.GetOrder(), o.seen, o.owner
	if checkDeploy(req) != nil {
		return
	}
	sound(t, req)
	fine := order.GetGeneration() >= seen && (owner == "" || owner == order.GetDeployment())
	if _, err := o.accept(req); (err == nil) != fine {
		t.Fatalf("after generation %d of %q: %v for %v", seen, owner, err, order)
	}
	if !fine {
		return
	}
	again := &orders{machine: "m-1"}
	if err := again.attach(o.volume); err != nil || !proto.Equal(again.order, order) || !again.secrets.equal(o.secrets) || again.seen != order.GetGeneration() {
		t.Fatalf("after a restart: %v, %v instead of %v", err, again.order, order)
	}
	other := &orders{machine: "m-2"}
	if err := other.attach(o.volume); err != nil {
		t.Fatal(err)
	}
	if w, _, ok := other.wanted(); ok {
		t.Fatalf("another machine with this volume runs %+v unasked", w)
	}
	older := proto.CloneOf(req)
	older.Order.Generation--
	if _, err := o.accept(older); !errors.Is(err, errOlder) {
		t.Fatalf("an older order: %v", err)
	}
}

var sum = regexp.MustCompile(`^[0-9a-f]{64}$`)

// sound looks at a request that was found right, by rules of its own.
func sound(t *testing.T, req *agentpb.DeployRequest) {
	t.Helper()
	o := req.GetOrder()
	if o.GetGeneration() < 1 || o.GetDeployment() == "" || o.GetDoltVersion() == "" || req.GetAdministratorPassword() == "" {
		t.Fatalf("taken: %v", req)
	}
	if o.GetDoltUrl() == "" {
		return
	}
	u, err := url.Parse(o.GetDoltUrl())
	if err != nil || u.Host == "" || u.User != nil || !sum.MatchString(o.GetDoltSha256()) || filepath.Dir(filepath.Join("/v", o.GetDoltVersion())) != "/v" {
		t.Fatalf("fetched: %v, %v", o, err)
	}
	if addr, err := netip.ParseAddr(u.Hostname()); u.Scheme != "https" && (err != nil || u.Scheme != "http" || !addr.IsLoopback()) {
		t.Fatalf("fetched: %v", o)
	}
	if err := (fetch.Source{URL: o.GetDoltUrl(), SHA256: o.GetDoltSha256()}).Check(); err != nil {
		t.Fatalf("ordered and never fetched: %v", err)
	}
}

// wroteOnly: below dir there are no other files.
func wroteOnly(t *testing.T, dir string, files ...string) {
	t.Helper()
	fine := map[string]bool{}
	for _, file := range files {
		fine[filepath.Join(dir, file)] = true
	}
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !fine[path] {
			t.Errorf("written: %s", path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// FuzzStored: whatever stands in the files on a volume, it is read as what it was
// written from, or the volume takes no order and says why.
func FuzzStored(f *testing.F) {
	f.Add([]byte(`{"machine_id":"m-1","generation":3,"deployment":"d1","order":{"name":"orders","deployment":"d1","generation":3,"dolt_version":"2.2.0"}}`), []byte(`{"administrator_password":"word"}`))
	f.Add([]byte(`{"machine_id":"m-1","generation":3,"deployment":"d1","order":{"deployment":"d2","generation":2}}`), []byte(`{}`))
	f.Add([]byte(`{"machine_id":"m-1","generation":-3,"order":{}}`), []byte(`[`))
	f.Add([]byte(`null`), []byte(`null`))
	f.Add([]byte(``), []byte(``))
	f.Fuzz(func(t *testing.T, order, secret []byte) {
		volume := t.TempDir()
		if err := os.Mkdir(filepath.Join(volume, "mainstay"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(orderFile(volume), order, 0o600), os.WriteFile(secretsFile(volume), secret, 0o600)); err != nil {
			t.Fatal(err)
		}
		o := &orders{machine: "m-1", seen: 2}
		err := o.attach(volume)
		w, _, runs := o.wanted()
		status := &agentpb.StatusResponse{}
		o.describe(status)
		if err != nil && (runs || holding(status, OrderUnreadable) == nil || o.forget(3) != nil) {
			t.Fatalf("damaged, and runs %t: %v", runs, status)
		}
		if o.seen < 2 || runs && (o.order.GetGeneration() < 2 || w.Deployment != o.owner) {
			t.Fatalf("seen %d, of %q, and runs %t %v", o.seen, o.owner, runs, o.order)
		}
		if _, err := o.accept(&agentpb.DeployRequest{Order: &agentpb.Order{Generation: 1, Deployment: "d1"}}); err == nil {
			t.Fatal("an order that is too old is obeyed")
		}
	})
}
