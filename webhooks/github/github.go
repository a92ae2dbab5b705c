package github

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	sdk "github.com/google/go-github/v60/github"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/mainstaydb/mainstay/webhooks"
)

// cacheSize holds the files of some thousand deployments and the lists around them.
const cacheSize = 64 << 20

// perPage is the most that GitHub lists at once.
const perPage = 100

// Options say as whom and where GitHub is asked. One of App and Token is needed.
type Options struct {
	BaseURL    string                // of a GitHub Enterprise server, as https://HOST; empty: github.com
	App        string                // id or client id of a GitHub App
	PrivateKey Secret                // of the App, in PEM
	Token      Secret                // a personal one: check runs are then commit statuses, as GitHub lets only Apps make runs
	Pace       Pace                  // zero: DefaultPace
	Transport  http.RoundTripper     // nil: one with time limits
	Registerer prometheus.Registerer // nil: calls are not shown
	Logger     *slog.Logger          // nil: nothing is logged
}

// A Client is a webhooks.GitHub. Safe for concurrent use.
type Client struct {
	api   *sdk.Client
	app   bool
	host  string // of noreply addresses
	log   *slog.Logger
	turns turns // what is looked for and then made
	known me    // held by the turn of self
}

var _ webhooks.GitHub = (*Client)(nil)

// New returns a client. It asks GitHub nothing.
func New(opts Options) (*Client, error) {
	base, err := apiURL(opts.BaseURL)
	if err != nil {
		return nil, err
	}
	counted, err := newCalls(opts.Registerer)
	if err != nil {
		return nil, fmt.Errorf("show the calls to GitHub as metrics: %w", err)
	}
	t := &transport{base: opts.Transport, api: base, pace: opts.Pace, cache: newCache(cacheSize), calls: counted, log: opts.Logger, limiters: map[string]*limiter{}}
	if t.base == nil {
		t.base = newBase()
	}
	if t.pace == (Pace{}) {
		t.pace = DefaultPace()
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	api := sdk.NewClient(&http.Client{Transport: t})
	api.BaseURL, api.UserAgent = base, "mainstay"
	c := &Client{api: api, app: opts.App != "", host: strings.TrimPrefix(base.Hostname(), "api."), log: t.log}
	switch {
	case opts.App != "" && opts.PrivateKey != nil && opts.Token == nil:
		a := newApp(opts.App, opts.PrivateKey)
		a.client, t.auth = api, a
	case opts.App == "" && opts.PrivateKey == nil && opts.Token != nil:
		t.auth = &token{secret: opts.Token}
	default:
		return nil, errors.New("GitHub is asked either as an App, with its id and private key, or with a personal token; configure one of them")
	}
	return c, nil
}

// Close lets go of connections that are kept for further calls. Nothing else is held.
func (c *Client) Close() { c.api.Client().CloseIdleConnections() }

// apiURL is where the API is. Credentials go to no server without TLS but one on this
// machine.
func apiURL(base string) (*url.URL, error) {
	if base == "" {
		base = "https://api.github.com"
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("%q is not the URL of a GitHub server: it looks like https://github.example.com", base)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme != "https" && (u.Scheme != "http" || ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%q would send credentials in the clear; write https://", base)
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + "/"
	if u.Path == "/" && !strings.HasPrefix(u.Host, "api.") {
		u.Path = "/api/v3/"
	}
	return u, nil
}

// newBase gives up early on what will come to nothing.
func newBase() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext, // three tries of TCP's
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 20 * time.Second, // GitHub answers or gives up within ten
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   10, // as many as go at once
		ForceAttemptHTTP2:     true,
	}
}

// names that may stand in a path of the API as they are.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

func checkRepository(r webhooks.Repository) error {
	for _, s := range []string{r.Owner, r.Name} {
		if !namePattern.MatchString(s) || s == "." || s == ".." {
			return &Error{Kind: Refused, Err: fmt.Errorf("%q is not a repository: it is OWNER/NAME", r.String())}
		}
	}
	return nil
}

func checkSHA(sha string) error {
	if !shaPattern.MatchString(sha) {
		return &Error{Kind: Refused, Err: fmt.Errorf("%q is not the hash of a commit", sha)}
	}
	return nil
}

// begin is how every method begins: it checks what goes into paths.
func begin(ctx context.Context, r webhooks.Repository, shas ...string) (context.Context, error) {
	if err := checkRepository(r); err != nil {
		return ctx, err
	}
	for _, s := range shas {
		if err := checkSHA(s); err != nil {
			return ctx, err
		}
	}
	return about(ctx, r), nil
}

// pages lists all pages, until one says that it is enough.
func pages[T any](list func(sdk.ListOptions) ([]T, *sdk.Response, error), enough func([]T) bool) ([]T, error) {
	opts := sdk.ListOptions{PerPage: perPage}
	var all []T
	for {
		page, resp, err := list(opts)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if resp.NextPage == 0 || enough != nil && enough(page) {
			return all, nil
		}
		opts.Page = resp.NextPage
	}
}
