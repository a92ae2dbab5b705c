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
