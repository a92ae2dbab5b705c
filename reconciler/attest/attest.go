// Package attest tells whether a machine is the EC2 instance that it says it is,
// by the instance identity document that AWS signs for each of them.
//
// It promises that a document is accepted only when it is signed with the one
// certificate that is pinned for the region (not with one that the signature
// brings along, and not with one that a chain leads to), by a digest of today, and
// when account, region, instance and time are those that are expected. An error
// says in words which of that failed. Nothing here asks anybody anything.
//
// The document holds no nonce, so it proves that something on the instance, or
// something that once read it there, knows it. An enrolment is safe all the same:
// the control plane dials, at the address that EC2 lists for the instance; the key
// that the agent shows in the handshake is the one of its certificate request; an
// instance is enrolled with one key for ever; and only instances that fill a slot
// of the ledger are enrolled at all. A document that leaked is worth nothing to
// whoever cannot also answer at that address, before the agent does.
//
// What remains: a process on the instance that can read the metadata service and
// takes the agent's port first, before the first enrolment. A hop limit of 1 and
// IMDSv2 keep containers and forged requests of web servers away from it; whoever
// is root on the machine is the machine.
package attest

import (
	"fmt"
	"time"
)

// A Document is what AWS says of an instance.
type Document struct {
	Account    string
	Region     string
	InstanceID string
	Pending    time.Time // when the instance was started last
}

// A Want is what a document must say.
type Want struct {
	Account    string
	Region     string
	InstanceID string
	LaunchedAt time.Time // when the instance was started last, as EC2 lists it
	Now        time.Time
}

// skew is how far the clocks of AWS's services and of this computer may be apart:
// with NTP it is seconds, and five minutes is what AWS allows in its own signatures.
const skew = 5 * time.Minute

// A Verifier knows the regions' certificates. Safe for concurrent use.
type Verifier struct {
	certificates Certificates
}

// New returns a verifier with the certificates that this program brings and those
// given, which take the place of the program's for the same region. AWS may change
// one before the next release does.
func New(given Certificates) (*Verifier, error) {
	all, err := published()
	if err != nil {
		return nil, err
	}
	for region, cert := range given {
		all[region] = cert
	}
	return &Verifier{certificates: all}, nil
}

// Knows returns an error that says what to do when documents of the region cannot
// be checked.
func (v *Verifier) Knows(region string) error {
	if v.certificates[region] == nil {
		return fmt.Errorf("there is no certificate for the identity documents of region %[1]s: save the RSA-2048 one that AWS publishes for it "+
			"(EC2 user guide, \"AWS public certificates for instance identity document signatures\") as %[1]s.pem "+
			"in the directory that the configuration names for them", region)
	}
	return nil
}

// Verify checks a signed document: PKCS #7 in BER or DER, as the metadata service
// gives it under instance-identity/rsa2048, decoded.
func (v *Verifier) Verify(pkcs7 []byte, want Want) (Document, error) {
	if err := v.Knows(want.Region); err != nil {
		return Document{}, err
	}
	content, err := signed(pkcs7, v.certificates[want.Region])
	if err != nil {
		return Document{}, fmt.Errorf("the identity document for region %s is not accepted: %w", want.Region, err)
	}
	doc, err := parse(content)
	if err != nil {
		return Document{}, fmt.Errorf("the identity document cannot be read: %w", err)
	}
	return doc, doc.check(want)
}

// check compares the document with what is expected of it.
func (d Document) check(want Want) error {
	for _, part := range []struct{ what, is, want string }{
		{"account", d.Account, want.Account}, {"region", d.Region, want.Region}, {"instance", d.InstanceID, want.InstanceID},
	} {
		if part.want == "" {
			return fmt.Errorf("it is not known which %s an identity document should be of", part.what)
		}
		if part.is != part.want {
			return fmt.Errorf("the identity document is of %s %q and not of %q", part.what, part.is, part.want)
		}
	}
	switch {
	case want.LaunchedAt.IsZero():
		return fmt.Errorf("EC2 has not said yet when instance %s was started, so the age of its identity document cannot be judged", d.InstanceID)
	case d.Pending.After(want.Now.Add(skew)):
		return fmt.Errorf("the identity document is of the future: the instance started at %s by it, and it is %s; check this computer's clock", stamp(d.Pending), stamp(want.Now))
	case d.Pending.Before(want.LaunchedAt.Add(-skew)):
		return fmt.Errorf("the identity document is an old one: the instance started at %s by it, and at %s by EC2", stamp(d.Pending), stamp(want.LaunchedAt))
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
