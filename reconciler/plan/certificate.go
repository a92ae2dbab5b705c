package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// public is the value of a row's column certificate that asks for one of a public
// authority.
const public = "acme"

// restartBefore is how long before the end of the certificate that a database
// shows it is restarted with the next one, unless a restart for another reason
// took that along: Dolt reads it at start only. Authorities suggest a renewal a
// month before the end, so most renewals cost nothing.
const restartBefore = 10 * 24 * time.Hour

// certified chooses the certificate of an order. It says no while a database that
// never served waits for its first one: it would only be restarted for it.
func (d *decision) certified(a Agent, want *Order) bool {
	if d.in.Row.Certificate != public {
		return true
	}
	if d.in.Means.Authority == "" || d.in.Means.Domain == "" {
		d.waitf("a certificate of a public authority is asked for and this control plane has %s: it shows the fleet's own; "+
			"configure one, or set certificate to 'fleet'", missingMeans(d.in.Means))
		return true
	}
	have := a.Order != nil
	if have {
		want.Certificate = a.Order.Certificate
	}
	c := d.in.Certificate
	switch {
	case c == nil:
		d.waitf("its certificate is being looked up")
		return have
	case c.Fingerprint == "" || !d.in.Now.Before(c.NotAfter) || c.Names != d.certificateNames():
		return d.awaitCertificate(c, want.Certificate, have)
	}
	if !d.in.Now.Before(c.Renew) {
		d.obtain(c, "renew the certificate for "+c.Names)
	} else {
		d.recheckAt(c.Renew)
	}
	d.present(a, c, want)
	return true
}

func missingMeans(m Means) string {
	if m.Authority == "" {
		return "none"
	}
	return "no domain to be asked for"
}

func (d *decision) certificateNames() string { return d.domainName() }

// awaitCertificate gets one where there is none that fits. Meanwhile the database
// shows what it has; a new one waits, unless the authority fails.
func (d *decision) awaitCertificate(c *Certificate, shown string, have bool) bool {
	d.obtain(c, "get a certificate for "+d.certificateNames()+" from "+d.in.Means.Authority)
	if c.Error == "" {
		return have
	}
	if shown == "" {
		d.note("Certificate", "FleetForNow", "it shows a certificate of the fleet's own until the authority gives one")
	}
	return true
}

// obtain asks the authority, when that makes sense again.
func (d *decision) obtain(c *Certificate, summary string) {
	if d.in.Now.Before(c.Retry) {
		d.recheckAt(c.Retry)
		d.waitf("%s; tried again at %s", c.Error, c.Retry.UTC().Format(time.DateTime))
		return
	}
	d.act(Action{Kind: ObtainCert, Names: strings.Fields(d.certificateNames()), Disruption: None, Summary: summary})
}

// present puts the newest certificate into the order: at once where another kind
// is shown, and otherwise with the next restart, or when the old one nears its end.
func (d *decision) present(a Agent, c *Certificate, want *Order) {
	if want.Certificate == c.Fingerprint {
		return
	}
	due := a.ListenerExpires.Add(-restartBefore)
	if a.Order == nil || a.Order.Certificate == "" || a.ListenerExpires.IsZero() || !d.in.Now.Before(due) || d.restarts(a, *want) {
		want.Certificate = c.Fingerprint
		return
	}
	d.recheckAt(due)
	d.note("Certificate", "NextRestart", fmt.Sprintf("a new certificate, good until %s, is shown from the next restart on, which is on %s at the latest",
		c.NotAfter.UTC().Format(time.DateOnly), due.UTC().Format(time.DateOnly)))
}

// restarts says whether an order means a restart whatever its certificate.
func (d *decision) restarts(a Agent, want Order) bool {
	cost, _ := orderChange(a.Order, want)
	return cost == Restart
}

func certificateChange(fingerprint string) string {
	if fingerprint == "" {
		return "a certificate of the fleet's"
	}
	return "a new certificate of the public authority"
}

func (d *decision) note(kind, reason, message string) {
	if !slices.ContainsFunc(d.notes, func(c Condition) bool { return c.Type == kind }) {
		d.notes = append(d.notes, Condition{Type: kind, Status: true, Reason: reason, Message: message})
	}
}
