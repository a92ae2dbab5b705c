package acme

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	legoacme "github.com/go-acme/lego/v4/acme"
	"golang.org/x/sync/errgroup"
)

// cleanTimeout bounds the removal of records, which is done even when the order is
// given up.
const cleanTimeout = time.Minute

// A proof is a record that the authority wants to see for a name.
type proof struct {
	authz     string // URL
	challenge string // URL
	fqdn      string
	value     string
}

// prove makes the records that an order asks for, has the authority look at them, and
// removes them.
func (c *Client) prove(ctx context.Context, s *session, id string, authorizations []string) error {
	proofs, err := s.wantedProofs(authorizations)
	if err != nil {
		return err
	}
	defer c.cleanUp(ctx, id, proofs)
	if err := c.present(ctx, proofs); err != nil {
		return err
	}
	for _, p := range proofs {
		if _, err := s.core.Challenges.New(p.challenge); err != nil {
			return err
		}
	}
	for _, p := range proofs {
		if err := s.awaitProof(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// wantedProofs are those that the authority does not have from an order before.
func (s *session) wantedProofs(authorizations []string) ([]proof, error) {
	var proofs []proof
	for _, url := range authorizations {
		authz, err := s.core.Authorizations.Get(url)
		if err != nil {
			return nil, err
		}
		if authz.Status == legoacme.StatusValid {
			continue
		}
		fqdn := "_acme-challenge." + strings.TrimPrefix(authz.Identifier.Value, "*.")
		i := slices.IndexFunc(authz.Challenges, func(ch legoacme.Challenge) bool { return ch.Type == "dns-01" })
		if i < 0 {
			return nil, &proofError{fqdn, errors.New("the authority offers no proof by DNS for this name")}
		}
		answer, err := s.core.GetKeyAuthorization(authz.Challenges[i].Token)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256([]byte(answer))
		proofs = append(proofs, proof{url, authz.Challenges[i].URL, fqdn, base64.RawURLEncoding.EncodeToString(sum[:])})
	}
	return proofs, nil
}

// present makes the records, those of different names side by side: each takes its
// name servers a minute.
func (c *Client) present(ctx context.Context, proofs []proof) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, same := range byName(proofs) {
		group.Go(func() error {
			for _, p := range same {
				if err := c.opts.Challenges.Present(ctx, p.fqdn, p.value); err != nil {
					return &recordError{p.fqdn, err}
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func byName(proofs []proof) map[string][]proof {
	names := make(map[string][]proof)
	for _, p := range proofs {
		names[p.fqdn] = append(names[p.fqdn], p)
	}
	return names
}

// awaitProof waits until the authority has looked.
func (s *session) awaitProof(ctx context.Context, p proof) error {
	return poll(ctx, func() (bool, error) {
		authz, err := s.core.Authorizations.Get(p.authz)
		if err != nil {
			return false, err
		}
		switch authz.Status {
		case legoacme.StatusValid:
			return true, nil
		case legoacme.StatusPending, legoacme.StatusProcessing:
			return false, nil
		}
		return true, &proofError{p.fqdn, authzProblem(authz)}
	})
}

// authzProblem is why an authorization is not valid. It is never nil.
func authzProblem(authz legoacme.Authorization) *legoacme.ProblemDetails {
	for _, ch := range authz.Challenges {
		if ch.Error != nil {
			return ch.Error
		}
	}
	return &legoacme.ProblemDetails{Type: problem + "unauthorized", Detail: "the authorization is " + authz.Status}
}

// cleanUp removes the records, and does so when ctx has ended too. What is left
// behind does no harm: it proves nothing to nobody a second time.
func (c *Client) cleanUp(ctx context.Context, id string, proofs []proof) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTimeout)
	defer cancel()
	var group errgroup.Group
	for _, same := range byName(proofs) {
		group.Go(func() error {
			for _, p := range same {
				if err := c.opts.Challenges.CleanUp(ctx, p.fqdn, p.value); err != nil {
					c.log.Warn("a record that proved a name was left behind", "deployment", id, "name", p.fqdn, "err", err)
				}
			}
			return nil
		})
	}
	_ = group.Wait() // none returns an error
}
