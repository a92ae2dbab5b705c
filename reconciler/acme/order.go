package acme

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
	legoacme "github.com/go-acme/lego/v4/acme"
	"github.com/go-acme/lego/v4/acme/api"
)

const (
	// orderTimeout bounds an order: a record takes up to some minutes until all name
	// servers show it, and the authority's look at it some seconds.
	orderTimeout = 10 * time.Minute
	// pollFirst and pollMax are the pauses between looks at what the authority does:
	// most of it takes it seconds.
	pollFirst = 500 * time.Millisecond
	pollMax   = 5 * time.Second
	// pollTimeout bounds waiting for one step. Let's Encrypt takes seconds; an
	// authority that is away for a minute does not cost a certificate that it issued.
	pollTimeout = 3 * time.Minute
)

// An ordering is one order under way.
type ordering struct {
	client    *Client
	session   *session
	id, names string
	replaces  string
	reserved  **issue
}

// run brings the order to a bundle.
func (o *ordering) run(ctx context.Context) ([]byte, error) {
	c, names := o.client, splitNames(o.names)
	if o.replaces != "" && o.session.core.GetDirectory().RenewalInfo == "" {
		if err := o.asNew(); err != nil {
			return nil, err
		}
		o.replaces = ""
	}
	order, err := o.session.newOrder(names, o.replaces, o.asNew)
	if err != nil {
		return nil, err
	}
	if err := c.prove(ctx, o.session, o.id, order.Authorizations); err != nil {
		return nil, err
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	chain, err := o.session.finish(ctx, order, key, names)
	if err != nil {
		if !refused(err) {
			c.book.keep(*o.reserved)
		}
		return nil, err
	}
	return makeBundle(chain, key, c.opts.Directory, c.now(), order.Replaces != "")
}

// asNew is asked when the authority does not take the order as a renewal: then its
// limits are those of a new one.
func (o *ordering) asNew() error {
	c := o.client
	c.book.release(*o.reserved)
	reserved, h := c.book.reserve(o.names, false, c.now())
	if reserved == nil {
		return &heldError{h}
	}
	*o.reserved = reserved
	return nil
}

// newOrder orders a certificate. An authority that does not take it as a replacement
// (it does not know the certificate, or it was replaced already) is asked again
// without, when plain says that the limits allow that.
func (s *session) newOrder(names []string, replaces string, plain func() error) (legoacme.ExtendedOrder, error) {
	order, err := s.core.Orders.NewWithOptions(names, &api.OrderOptions{ReplacesCertID: replaces})
	if err == nil || replaces == "" || problemOf(err) == nil || isRateLimit(err) {
		return order, err
	}
	if err := plain(); err != nil {
		return order, err
	}
	return s.core.Orders.NewWithOptions(names, nil)
}

// finish brings an order whose names are proven to its certificate, and returns the
// chain. Lost answers do no harm: each look at the order says what is next.
func (s *session) finish(ctx context.Context, order legoacme.ExtendedOrder, key *ecdsa.PrivateKey, names []string) ([]byte, error) {
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: names}, key)
	if err != nil {
		return nil, fmt.Errorf("cannot make a certificate request: %w", err)
	}
	var chain []byte
	err = poll(ctx, func() (bool, error) {
		now, err := s.core.Orders.Get(order.Location)
		if err == nil && now.Status == legoacme.StatusReady {
			now, err = s.core.Orders.UpdateForCSR(order.Finalize, request)
		}
		if err != nil || now.Status != legoacme.StatusValid {
			return now.Status == legoacme.StatusInvalid, errors.Join(err, orderError(now))
		}
		chain, _, err = s.core.Certificates.Get(now.Certificate, true)
		return err == nil, err
	})
	if err != nil {
		return nil, err
	}
	return chain, checkChain(chain, key, names)
}

func orderError(order legoacme.ExtendedOrder) error {
	if order.Status != legoacme.StatusInvalid {
		return nil
	}
	if order.Error != nil {
		return order.Error
	}
	return &legoacme.ProblemDetails{Type: problem + "orderInvalid", Detail: "the order became invalid"}
}

// checkChain makes sure that what is stored is what was ordered.
func checkChain(chain []byte, key *ecdsa.PrivateKey, names []string) error {
	block, _ := pem.Decode(chain)
	if block == nil {
		return errors.New("the authority sent something else than a certificate")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fmt.Errorf("the authority sent a certificate that cannot be read: %w", err)
	}
	if !key.PublicKey.Equal(leaf.PublicKey) || joinNames(leaf.DNSNames) != joinNames(names) {
		return fmt.Errorf("the authority sent a certificate for %v that was not ordered", leaf.DNSNames)
	}
	return nil
}

// poll asks until it is done or the authority refuses. No answer is no refusal.
func poll(ctx context.Context, ask func() (done bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	pauses := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(pollFirst), backoff.WithMaxInterval(pollMax), backoff.WithMaxElapsedTime(0))
	for {
		done, err := ask()
		if done || refused(err) {
			return err
		}
		select {
		case <-time.After(pauses.NextBackOff()):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}
