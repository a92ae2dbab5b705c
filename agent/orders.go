package agent

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/doltserver"
	"github.com/mainstaydb/mainstay/agent/fetch"
	"github.com/mainstaydb/mainstay/agent/install"
	"google.golang.org/protobuf/proto"
)

// orders holds the machine's desired state. Its place is the volume: whatever
// machine the volume is attached to knows which orders are too old for it.
type orders struct {
	machine string

	mu      sync.Mutex
	volume  string // directory; empty: not attached
	damaged error  // the stored order cannot be read
	owner   string // deployment whose data the volume holds
	seen    int64  // newest generation
	order   *agentpb.Order
	secrets secrets
}

var (
	errNoVolume = errors.New("no volume is attached to this machine; attach one first")
	errOlder    = errors.New("older than an order this machine has seen")
)

// attach reads what is stored on the volume. An order that was given to another
// machine is not carried out: this one waits to be told what to be.
func (o *orders) attach(volume string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.volume, o.order, o.secrets, o.owner = volume, nil, secrets{}, ""
	stored, kept, err := readStored(volume)
	if o.damaged = err; err != nil {
		return err
	}
	o.seen, o.owner, o.secrets = max(o.seen, stored.Generation), stored.Deployment, kept
	if stored.Order != nil && stored.MachineID == o.machine && stored.Generation == o.seen {
		o.order = stored.Order.message()
	}
	return nil
}

// detach forgets the order, which is the volume's, but not the generation.
func (o *orders) detach() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.volume, o.order, o.secrets, o.owner, o.damaged = "", nil, secrets{}, "", nil
}

// accept stores an order, if it may be carried out here. changed is false for the
// order that is in force already.
func (o *orders) accept(req *agentpb.DeployRequest) (changed bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	order := req.GetOrder()
	if err := o.admit(order); err != nil {
		return false, err
	}
	next := secrets{
		Password: req.GetAdministratorPassword(), Former: o.secrets.Former,
		Certificate: string(req.GetListenerCertificatePem()), Key: string(req.GetListenerKeyPem()),
	}
	if old := o.secrets.Password; old != "" && old != next.Password {
		next.Former = append([]string{old}, slices.DeleteFunc(slices.Clone(next.Former), func(p string) bool { return p == next.Password })...)
		next.Former = next.Former[:min(len(next.Former), formerKept)]
	}
	if proto.Equal(order, o.order) && next.equal(o.secrets) {
		return false, nil
	}
	if err := writeStored(o.volume, storedState{
		MachineID: o.machine, Generation: order.GetGeneration(), Deployment: order.GetDeployment(), Order: stored(order),
	}, &next); err != nil {
		return false, err
	}
	o.seen, o.owner = order.GetGeneration(), order.GetDeployment()
	o.order, o.secrets = proto.CloneOf(order), next
	return true, nil
}

// admit says why an order may not be carried out here.
func (o *orders) admit(order *agentpb.Order) error {
	switch {
	case o.volume == "":
		return errNoVolume
	case o.damaged != nil:
		return o.damaged
	case order.GetGeneration() < o.seen:
		return fmt.Errorf("generation %d is %w, which is %d", order.GetGeneration(), errOlder, o.seen)
	case o.owner != "" && o.owner != order.GetDeployment():
		return fmt.Errorf("the volume holds the data of deployment %s; attach the volume of %s", o.owner, order.GetDeployment())
	}
	return nil
}

// forget drops the order and keeps the generation.
func (o *orders) forget(generation int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if generation < o.seen {
		return fmt.Errorf("generation %d is %w, which is %d", generation, errOlder, o.seen)
	}
	if o.volume != "" && o.damaged == nil && (o.order != nil || generation > o.seen) {
		if err := writeStored(o.volume, storedState{MachineID: o.machine, Generation: generation, Deployment: o.owner}, nil); err != nil {
			return err
		}
	}
	o.seen, o.order = generation, nil
	return nil
}

// newest is the newest generation seen.
func (o *orders) newest() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen
}

// stopped tells whether a stop of this generation is still the last word.
func (o *orders) stopped(generation int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.order == nil && o.seen == generation
}

// wanted returns what the database should be, and where its program comes from.
// ok is false when it should not be.
func (o *orders) wanted() (w doltserver.Want, source fetch.Source, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.order == nil || o.volume == "" {
		return doltserver.Want{}, fetch.Source{}, false
	}
	source = fetch.Source{URL: o.order.GetDoltUrl(), SHA256: o.order.GetDoltSha256()}
	return doltserver.Want{
		Deployment: o.order.GetDeployment(), Version: o.order.GetDoltVersion(), Settings: o.order.GetSettings(),
		Certificate: []byte(o.secrets.Certificate), Key: []byte(o.secrets.Key),
		Password: o.secrets.Password, Former: o.secrets.Former,
		CertificateName: o.order.GetCertificate(),
	}, source, true
}

// describe puts the orders into a status.
func (o *orders) describe(s *agentpb.StatusResponse) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s.Generation, s.Order, s.ListenerCertificateExpiresAt = o.seen, nil, nil
	lower(s, OrderUnreadable)
	if o.damaged != nil {
		raise(s, trouble{OrderUnreadable, "Damaged", o.damaged.Error()})
	}
	if o.order == nil {
		return
	}
	s.Order = proto.CloneOf(o.order)
	s.ListenerCertificateExpiresAt = expiryOf(o.secrets.Certificate)
}

// directory is where the volume is; empty: not attached.
func (o *orders) directory() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.volume
}

// checkDeploy says what is wrong with a request in itself.
func checkDeploy(req *agentpb.DeployRequest) error {
	order := req.GetOrder()
	switch {
	case order.GetGeneration() < 1:
		return errors.New("the order has no generation")
	case order.GetDeployment() == "":
		return errors.New("the order names no deployment")
	case order.GetDoltVersion() == "":
		return errors.New("the order names no version of Dolt")
	case req.GetAdministratorPassword() == "":
		return errors.New("the administrator's password is missing: a database is never open to all")
	}
	if err := checkProgram(order); err != nil {
		return err
	}
	if _, err := tls.X509KeyPair(req.GetListenerCertificatePem(), req.GetListenerKeyPem()); err != nil {
		return fmt.Errorf("the listener needs a certificate and its key: %w", err)
	}
	return nil
}

// checkProgram says what is wrong with where the order has its program from. A
// version that is merely odd is told as a condition, as one that is missing.
func checkProgram(order *agentpb.Order) error {
	if order.GetDoltUrl() == "" {
		return nil
	}
	if err := install.CheckVersion(order.GetDoltVersion()); err != nil {
		return err
	}
	return fetch.Source{URL: order.GetDoltUrl(), SHA256: order.GetDoltSha256()}.Check()
}
