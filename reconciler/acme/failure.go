package acme

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v4"
	legoacme "github.com/go-acme/lego/v4/acme"
)

// The kinds of refusal that are told apart. Let's Encrypt's and RFC 8555's.
const (
	problem            = "urn:ietf:params:acme:error:"
	rateLimited        = problem + "rateLimited"
	alreadyRevoked     = problem + "alreadyRevoked"
	accountGone        = problem + "accountDoesNotExist"
	externalAccount    = problem + "externalAccountRequired"
	rejectedIdentifier = problem + "rejectedIdentifier"
	userAction         = problem + "userActionRequired"
	caaForbids         = problem + "caa"
)

const (
	// firstPause and the doubling after it keep five failures in the first hour:
	// Let's Encrypt takes no more for one name.
	firstPause = 2 * time.Minute
	// longestPause stays within that hour's limit too, and finds out within an hour
	// that what was wrong has been mended.
	longestPause = time.Hour
	// limitPause is for a rate limit that does not say how long to wait.
	limitPause = time.Hour
)

func newPause() *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(firstPause), backoff.WithMultiplier(2), backoff.WithMaxInterval(longestPause),
		backoff.WithMaxElapsedTime(0)) // a certificate is wanted as long as its row says so
}

// A storeError is of the secret store: nothing can be done without it.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// A recordError is of the domain: the record that proves a name could not be made.
type recordError struct {
	fqdn string
	err  error
}

func (e *recordError) Error() string {
	return fmt.Sprintf("the record %s that proves the name cannot be made: %v", e.fqdn, e.err)
}
func (e *recordError) Unwrap() error { return e.err }

// A proofError is of the authority, which did not find what it asked for.
type proofError struct {
	fqdn string
	err  error
}

func (e *proofError) Error() string {
	return fmt.Sprintf("the authority does not accept the record %s; check that the domain is delegated to the zone that the fleet writes to: %v", e.fqdn, detail(e.err))
}
func (e *proofError) Unwrap() error { return e.err }

// problemOf is what the authority said; nil: it said nothing.
func problemOf(err error) *legoacme.ProblemDetails {
	var nonce *legoacme.NonceError
	if errors.As(err, &nonce) {
		return nonce.ProblemDetails
	}
	var replaced *legoacme.AlreadyReplacedError
	if errors.As(err, &replaced) {
		return replaced.ProblemDetails
	}
	var p *legoacme.ProblemDetails
	if errors.As(err, &p) {
		return p
	}
	return nil
}

// refused tells whether the authority said no, and not just that it is in trouble.
func refused(err error) bool {
	p := problemOf(err)
	return p != nil && p.HTTPStatus < http.StatusInternalServerError
}

func isRateLimit(err error) bool {
	p := problemOf(err)
	return p != nil && (p.Type == rateLimited || p.HTTPStatus == http.StatusTooManyRequests)
}

// advice is the next step for refusals that need a person.
var advice = map[string]string{
	accountGone:        "its account is made anew at the next try",
	externalAccount:    "choose an authority that takes accounts without an external binding",
	rejectedIdentifier: "compare the deployment's name with what the authority's policy allows",
	userAction:         "the authority wants a person to agree to something first",
	caaForbids:         "allow the authority in the domain's CAA records",
}

// explain says for people why an order failed; it can follow "because".
func (c *Client) explain(err error) string {
	var rec *recordError
	var proof *proofError
	switch p := problemOf(err); {
	case errors.As(err, &rec), errors.As(err, &proof):
		return err.Error()
	case isRateLimit(err):
		return fmt.Sprintf("the authority %s has reached a limit: %s", c.host, detail(err))
	case p != nil && !refused(err):
		return fmt.Sprintf("the authority %s is in trouble: %s", c.host, detail(err))
	case p != nil && advice[p.Type] != "":
		return fmt.Sprintf("the authority %s refuses: %s; %s", c.host, detail(err), advice[p.Type])
	case p != nil:
		return fmt.Sprintf("the authority %s refuses: %s", c.host, detail(err))
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("the authority %s takes too long", c.host)
	}
	return fmt.Sprintf("the authority %s does not answer as it should: %v", c.host, cause(err))
}

// cause leaves out what was asked of whom: the sentence names the authority.
func cause(err error) error {
	var asked *url.Error
	if errors.As(err, &asked) {
		return asked.Err
	}
	return err
}

// detail is what the authority said, without the addresses and numbers around it.
func detail(err error) string {
	p := problemOf(err)
	if p == nil {
		return err.Error()
	}
	if p.Detail == "" {
		return p.Type
	}
	text := p.Detail
	for _, sub := range p.SubProblems {
		text += "; " + sub.Identifier.Value + ": " + sub.Detail
	}
	return text
}

// failed files why a try failed, and when the next makes sense: after a pause that
// grows, and not before the authority says. Failures for other names than are
// wanted by now say nothing.
func (c *Client) failed(id string, r *record, names string, err error, wait time.Time) {
	c.mu.Lock()
	if r.names == names {
		r.looked, r.trouble = true, c.explain(err)
		pause := r.pause.NextBackOff()
		if isRateLimit(err) && wait.IsZero() {
			pause = max(pause, limitPause)
		}
		r.retry = later(c.now().Add(pause), wait).UTC().Truncate(time.Second)
		c.log.Warn("a certificate was not obtained", "deployment", id, "names", names, "err", err, "retry", r.retry)
	}
	c.mu.Unlock()
	c.file(id, r)
}

// held files that a limit is waited for.
func (c *Client) held(id string, r *record, names string, h hold) {
	h.until = h.until.UTC().Truncate(time.Second).Add(time.Second) // a second after, and not within it
	c.mu.Lock()
	if r.names == names {
		r.looked, r.trouble, r.retry = true, h.reason, h.until
	}
	c.mu.Unlock()
	c.log.Info("a certificate has to wait for the authority's limit", "deployment", id, "names", names, "reason", h.reason, "retry", h.until)
	c.file(id, r)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
