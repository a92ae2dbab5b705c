package github

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
)

const (
	// answerTime is for one call. GitHub gives up after ten seconds; the rest is for the
	// way and for large answers.
	answerTime = 25 * time.Second
	// answerSize is more than a page of a hundred comments of full length.
	answerSize = 32 << 20
	// attempts for what fails otherwise than by limits: with the pauses between them some
	// ten seconds, longer than a restart of a front end takes. What lasts longer is for
	// the queue to repeat.
	attempts = 4
	// throttledAttempts is how often a call may be refused for limits. GitHub bans who
	// goes on for ever.
	throttledAttempts = 5
)

// A transport sends calls: in their turn, with credentials, conditionally, again when
// that is safe. It hides the limits' headers from the SDK, which would refuse to call
// where we wait.
type transport struct {
	base  http.RoundTripper
	api   *url.URL
	auth  authorizer
	pace  Pace
	cache *cache
	calls *calls
	log   *slog.Logger

	mu       sync.Mutex
	limiters map[string]*limiter // of accounts
}

// An authorizer knows the credentials of calls.
type authorizer interface {
	// authorize returns the header and whose limits the call counts for.
	authorize(ctx context.Context, a ask) (header, account string, err error)
	// refused says that GitHub did not take a header. True: there may be another.
	refused(a ask, header string) bool
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != t.api.Scheme || req.URL.Host != t.api.Host {
		return nil, &Error{Kind: Refused, Err: fmt.Errorf("GitHub sent us on to %s, which is not where its API is", req.URL.Host), Advice: "see whether the base URL is right"}
	}
	a := askOf(req.Context())
	key := cacheKey(req, a)
	if kept, at, ok := t.cache.get(key); ok && a.keep > 0 && time.Since(at) < a.keep {
		return kept.response(req), nil
	}
	got, err := t.persist(req, a, key)
	if err != nil {
		return nil, err
	}
	for _, h := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
		got.header.Del(h)
	}
	return got.response(req), nil
}

// CloseIdleConnections is called by http.Client's method of the same name.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// persist tries until there is an answer to be given to the one who asked.
func (t *transport) persist(req *http.Request, a ask, key string) (*answer, error) {
	pause := backoff.NewExponentialBackOff(backoff.WithInitialInterval(time.Second), backoff.WithMultiplier(2), backoff.WithMaxElapsedTime(0))
	failed, throttled, renewed := 0, 0, false
	for {
		got, wasThrottled, header, err := t.attempt(req, a, key)
		switch {
		case err == nil && wasThrottled:
			if throttled++; throttled == throttledAttempts {
				return nil, &Error{Kind: Throttled, Until: time.Now().Add(aMinute), Err: fmt.Errorf("%w, %d times", errThrottled, throttled)}
			}
			t.log.Warn("GitHub refuses to be asked more for now; calls wait", "route", route(req, t.api), "times", throttled)
			continue // the limiter knows how long
		case err == nil && got.status == http.StatusUnauthorized && !renewed && t.auth.refused(a, header):
			renewed = true
			continue
		case err == nil && got.status < 500:
			return got, nil
		}
		failed++
		if failed == attempts || !again(req, a, err) {
			return got, err
		}
		t.log.Debug("a call to GitHub failed and is repeated", "route", route(req, t.api), "attempt", failed, "err", err)
		if sleepErr := sleepUntil(req.Context(), time.Now().Add(pause.NextBackOff()), "GitHub does not answer well"); sleepErr != nil {
			return got, err
		}
	}
}

// again says whether a call that failed may be sent once more.
func again(req *http.Request, a ask, err error) bool {
	var ours *Error
	if req.Context().Err() != nil || errors.As(err, &ours) {
		return false
	}
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete:
		return true
	}
	var op *net.OpError
	return a.repeatable || errors.As(err, &op) && op.Op == "dial" // it never left
}

// attempt sends a call once. The header is the authorization that it went with.
func (t *transport) attempt(req *http.Request, a ask, key string) (got *answer, throttled bool, header string, err error) {
	header, account, err := t.auth.authorize(req.Context(), a)
	if err != nil {
		return nil, false, "", explain(req.Context(), err, "get credentials for GitHub")
	}
	limits := t.limiter(account)
	leave, err := limits.enter(req.Context(), weigh(req))
	if err != nil {
		return nil, false, header, err
	}
	defer leave()
	kept, _, _ := t.cache.get(key)
	got, err = t.send(req, header, kept)
	if err != nil {
		t.calls.count(req, t.api, "lost")
		return nil, false, header, err
	}
	now := time.Now()
	throttled = limits.learn(got, now)
	t.calls.count(req, t.api, result(got.status, throttled))
	switch {
	case got.status == http.StatusNotModified && kept != nil:
		t.cache.put(key, kept, now)
		got = &answer{status: kept.status, header: kept.header.Clone(), body: kept.body}
	case got.status == http.StatusOK && req.Method == http.MethodGet && !a.app && (got.header.Get("ETag") != "" || a.keep > 0):
		t.cache.put(key, &answer{status: got.status, header: got.header.Clone(), body: got.body}, now)
	}
	return got, throttled, header, nil
}

// send makes the exchange and reads the answer to its end.
func (t *transport) send(req *http.Request, header string, kept *answer) (*answer, error) {
	slow := fmt.Errorf("GitHub did not answer within %v", answerTime)
	ctx, cancel := context.WithTimeoutCause(req.Context(), answerTime, slow)
	defer cancel()
	out := req.Clone(ctx)
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		out.Body = body
	}
	out.Header.Set("Authorization", header)
	if etag := etagOf(kept); etag != "" {
		out.Header.Set("If-None-Match", etag)
	}
	resp, err := t.base.RoundTrip(out)
	if err != nil {
		return nil, causeOf(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerSize+1))
	if err != nil {
		return nil, causeOf(ctx, fmt.Errorf("the answer ended early: %w", err))
	}
	if len(body) > answerSize {
		return nil, &Error{Kind: Unfit, Err: fmt.Errorf("GitHub's answer is larger than %d MiB", answerSize>>20)}
	}
	return &answer{status: resp.StatusCode, header: resp.Header, body: body}, nil
}

func etagOf(kept *answer) string {
	if kept == nil {
		return ""
	}
	return kept.header.Get("ETag")
}

// causeOf prefers the reason for which a call was ended to how it showed.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func (t *transport) limiter(account string) *limiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.limiters[account]
	if !ok {
		l = newLimiter(t.pace)
		t.limiters[account] = l
	}
	return l
}

// cacheKey tells answers apart. What one repository's installation is shown is not
// given to another's.
func cacheKey(req *http.Request, a ask) string {
	if req.Method != http.MethodGet {
		return ""
	}
	return a.repo.String() + " " + req.Header.Get("Accept") + " " + req.URL.String()
}
