package e2e

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/reconciler/acme/pebbletest"
	"github.com/mainstaydb/mainstay/reconciler/mototest"
)

// TestEC2ACME: a database waits for its first certificate of a public authority and
// starts with it, restarts once for another kind, and shows the fleet's own while the
// authority is away.
func TestEC2ACME(t *testing.T) {
	t.Parallel()
	authority := pebbletest.Start(t)
	serverCA := filepath.Join(t.TempDir(), "authority.pem")
	write(t, serverCA, string(authority.ServerCA))
	f := newCloudFleet(t, false, fmt.Sprintf("acme:\n  directory: %s\n  email: ops@example.com\n  ca_file: %s\n", authority.Directory, serverCA))
	f.publish(authority)
	resolves, public := canResolve(t), authority.Roots(t)
	foreign := len(f.records())

	f.change("INSERT INTO deployments (name, zone, certificate) VALUES ('shop', 'eu-west-1a', 'acme')")
	shop := f.deployment("shop")
	if len(shop.Conditions) > 0 {
		t.Errorf("it has its certificate, and status says: %s", describe(shop))
	}
	if starts := f.starts(shop); starts != 1 {
		t.Errorf("the database was started %d times, and should have waited for its certificate", starts)
	}
	f.shows("shop", public)
	if told := f.do("connect", "shop", "--print"); !strings.Contains(told, "of a public authority") || strings.Contains(told, "--ssl-ca=") {
		t.Errorf("clients are told to trust the fleet's CA: %s", told)
	}
	const each = 2 // records, and two names
	if all := f.records(); len(all) != foreign+2*each {
		t.Errorf("the zone has more than addresses: %v", all)
	}
	if resolves {
		f.connectsByRoot(authority)
	}

	f.change("UPDATE deployments SET certificate = 'fleet'")
	f.within("the database restarted", func() bool { return f.starts(shop) > 1 })
	f.shows("shop", nil)

	authority.Stop()
	f.sql("INSERT INTO deployments (name, zone, certificate) VALUES ('late', 'eu-west-1b', 'acme')")
	f.wait("late serves with the fleet's certificate and says so", named("late", func(d view.Deployment) bool {
		return d.Ready && says(d, "of the fleet's own until the authority gives one") && says(d, authority.Address+" does not answer") && says(d, "tried again at")
	}))
	late := f.deployment("late")
	t.Logf("status says: %+v", late.Conditions)
	f.shows("late", nil)
	if first, second := f.starts(shop), f.starts(late); first != 2 || second != 1 {
		t.Errorf("the databases were started %d and %d times, want 2 and 1", first, second)
	}
}

// publish has an authority's DNS answer what the zone has from when Route 53 says
// that all its servers do, and no earlier.
func (f *cloudFleet) publish(authority *pebbletest.Pebble) {
	f.proxy.Failing(mototest.On("GetChange", mototest.Fault{Before: func() {
		all, err := f.listRecords(context.Background())
		for key, value := range all {
			if fqdn, ok := strings.CutSuffix(key, " TXT"); ok && strings.HasPrefix(fqdn, "_acme-challenge.") {
				for _, v := range strings.Fields(value) {
					err = errors.Join(err, authority.SetTXT(context.Background(), fqdn, strings.Trim(v, `"`)))
				}
			}
		}
		if err != nil {
			f.t.Errorf("the authority's DNS: %v", err)
		}
	}}))
}

// shows checks that a database shows a certificate for its name of an authority that
// is trusted; nil: of the fleet's.
func (f *cloudFleet) shows(name string, trusted *x509.CertPool) {
	f.t.Helper()
	db, err := f.dialTrusting(name, trusted)
	if err != nil {
		f.t.Fatal(err)
	}
	defer db.Close()
	if err := db.PingContext(f.t.Context()); err != nil {
		f.t.Errorf("%s shows another certificate than wanted, or none: %v", name, err)
	}
}

// starts is how often the database of a deployment came to serve on its machine.
func (f *cloudFleet) starts(d view.Deployment) int {
	f.t.Helper()
	return strings.Count(f.agentLog(d.MachineID), `msg="database serves"`)
}

// connectsByRoot: mainstay connect takes a public certificate where the computer
// trusts the authority, and nowhere else.
func (f *cloudFleet) connectsByRoot(authority *pebbletest.Pebble) {
	f.t.Helper()
	if out, err := f.connect("shop", "SELECT 'in'"); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		f.t.Errorf("connected with a server whose authority nobody trusts: %v %s", err, out)
	}
	roots := filepath.Join(f.t.TempDir(), "roots.pem")
	write(f.t, roots, string(authority.RootPEM(f.t)))
	f.env = append(f.env, "SSL_CERT_FILE="+roots)
	if out, err := f.connect("shop", "SELECT 'in'"); err != nil || !strings.Contains(out, "in") {
		f.t.Errorf("mainstay connect with the authority's root: %v %s", err, out)
	}
}
