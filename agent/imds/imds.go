// Package imds asks the instance metadata service of EC2, version 2, what this
// machine is.
//
// It promises: every question carries a session token; a token that ran out is
// replaced; nothing goes through a proxy or follows a redirect, because the
// answers decide who this machine is; questions are repeated while the network
// comes up, and no longer than their context or a minute; an answer is bounded.
//
// It does not speak version 1, and it does not interpret answers. It must run on
// the machine itself: with a hop limit of 1 a token's answer does not reach into
// a container's network.
package imds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// DefaultEndpoint is where the service is on every instance.
const DefaultEndpoint = "http://169.254.169.254"

const (
	// tokenLife is the longest that EC2 allows. A token is good on this machine
	// alone, and asking for one costs as much as asking for anything.
	tokenLife = 6 * time.Hour
	// tokenSpare is how much earlier a token is replaced than it runs out: clocks
	// may be set while a machine boots.
	tokenSpare = 5 * time.Minute
	// askTimeout bounds one question. The service is on the same host and answers
	// in milliseconds; an answer that the hop limit dropped never comes.
	askTimeout = 2 * time.Second
	// patience bounds all tries of one question: a network that takes longer to
	// come up than this is better told to people by an agent that ends.
	patience = time.Minute
	// answerLimit is above all that the service gives: user data has 16 KiB.
	answerLimit = 64 << 10
)

// ErrNotFound: the service has nothing at this path, as when an instance has no
// user data.
var ErrNotFound = errors.New("the instance metadata service has nothing there")

var errTokenRefused = errors.New("the token was refused")

// A Client asks one endpoint. It is safe for concurrent use.
type Client struct {
	endpoint string
	http     *http.Client

	mu    sync.Mutex
	token string
	until time.Time
}

// New returns a client. An empty endpoint is DefaultEndpoint. It asks nothing yet.
func New(endpoint string) *Client {
	if endpoint == "" {
		endpoint = DefaultEndpoint
	}
	return &Client{
		endpoint: strings.TrimRight(endpoint, "/"),
		http: &http.Client{
			// A transport of its own: the default one asks the environment for a proxy.
			Transport:     &http.Transport{MaxIdleConns: 1, IdleConnTimeout: 5 * time.Second},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Timeout:       askTimeout,
		},
	}
}

// Get returns what is at a path such as latest/meta-data/instance-id, or
// ErrNotFound.
func (c *Client) Get(ctx context.Context, path string) ([]byte, error) {
	pause := backoff.NewExponentialBackOff(backoff.WithInitialInterval(100*time.Millisecond),
		backoff.WithMaxInterval(5*time.Second), backoff.WithMaxElapsedTime(patience))
	answer, err := backoff.RetryWithData(func() ([]byte, error) { return c.once(ctx, path) }, backoff.WithContext(pause, ctx))
	if err != nil {
		return nil, fmt.Errorf("ask the instance metadata service for %s: %w", path, err)
	}
	return answer, nil
}

// once asks with the token at hand, and again with a new one if that is refused.
func (c *Client) once(ctx context.Context, path string) ([]byte, error) {
	token, err := c.session(ctx, "")
	if err != nil {
		return nil, err
	}
	answer, err := c.ask(ctx, http.MethodGet, path, "X-aws-ec2-metadata-token", token)
	if !errors.Is(err, errTokenRefused) {
		return answer, err
	}
	if token, err = c.session(ctx, token); err != nil {
		return nil, err
	}
	return c.ask(ctx, http.MethodGet, path, "X-aws-ec2-metadata-token", token)
}

// session returns a token that is good and is not the refused one.
func (c *Client) session(ctx context.Context, refused string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" && c.token != refused && time.Now().Before(c.until) {
		return c.token, nil
	}
	seconds := strconv.Itoa(int(tokenLife / time.Second))
	answer, err := c.ask(ctx, http.MethodPut, "latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", seconds)
	if errors.Is(err, ErrNotFound) {
		return "", backoff.Permanent(fmt.Errorf("%s gives no tokens, it is no instance metadata service of version 2", c.endpoint))
	}
	if err != nil {
		return "", err
	}
	c.token, c.until = string(answer), time.Now().Add(tokenLife-tokenSpare)
	return c.token, nil
}

// ask sends one request. An error that a second try cannot mend is permanent.
func (c *Client) ask(ctx context.Context, method, path, header, value string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.endpoint+"/"+strings.TrimLeft(path, "/"), nil)
	if err != nil {
		return nil, backoff.Permanent(err)
	}
	req.Header.Set(header, value)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > answerLimit:
		return nil, backoff.Permanent(fmt.Errorf("the answer is longer than %d bytes", answerLimit))
	}
	return body, judge(resp.StatusCode)
}

func judge(code int) error {
	switch {
	case code == http.StatusOK:
		return nil
	case code == http.StatusNotFound:
		return backoff.Permanent(ErrNotFound)
	case code == http.StatusUnauthorized:
		return errTokenRefused
	case code == http.StatusForbidden:
		return backoff.Permanent(errors.New("the service is turned off for this instance; " +
			"turn its endpoint on in the instance's metadata options"))
	case code == http.StatusTooManyRequests || code >= http.StatusInternalServerError:
		return fmt.Errorf("it answered %d %s", code, http.StatusText(code))
	default:
		return backoff.Permanent(fmt.Errorf("it answered %d %s", code, http.StatusText(code)))
	}
}
