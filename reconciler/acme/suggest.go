package acme

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	legoacme "github.com/go-acme/lego/v4/acme"
	"github.com/go-acme/lego/v4/certificate"
)

// errNoSuggestions is of an authority that does not speak ARI.
var errNoSuggestions = errors.New("the authority suggests no renewal times")

// suggest asks for the renewal time of the certificate that a deployment uses, when
// that is due. The caller holds the record.
func (c *Client) suggest(ctx context.Context, id string, r *record) {
	s := c.dueSuggestion(r)
	if s == nil {
		return
	}
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	w, hold, err := c.renewalInfo(asking, s.leaf)
	if ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		r.window, r.asked, r.askAt = w, s.fingerprint, c.now().Add(hold)
		return
	}
	r.askAt = c.now().Add(askPause)
	if errors.Is(err, errNoSuggestions) {
		r.askAt = c.now().Add(askMax)
		return
	}
	c.quietUntil = c.now().Add(askMin)
	c.log.Info("the authority does not say when to renew; it is asked again, and two thirds of the certificate's life are taken", "deployment", id, "err", err)
}

func (c *Client) dueSuggestion(r *record) *stored {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := r.shelf.newest(r.names)
	if s == nil || c.now().Before(c.quietUntil) {
		return nil
	}
	if r.asked == s.fingerprint && c.now().Before(r.askAt) {
		return nil
	}
	return s
}

// renewalInfo asks the authority when a certificate should be renewed, and how long
// the answer holds. Such questions need no account.
func (c *Client) renewalInfo(ctx context.Context, leaf *x509.Certificate) (w window, hold time.Duration, err error) {
	place, err := c.suggestionsAt(ctx)
	if err != nil {
		return w, 0, err
	}
	id, err := certificate.MakeARICertID(leaf)
	if err != nil {
		return w, 0, err
	}
	var info struct {
		SuggestedWindow struct{ Start, End time.Time }
	}
	header, err := c.get(ctx, place+"/"+id, &info)
	if err != nil {
		return w, 0, err
	}
	w = window{info.SuggestedWindow.Start, info.SuggestedWindow.End}
	if !w.makesSense() {
		return window{}, 0, errors.New("the time it suggests ends before it begins")
	}
	return w, askAgain(header.Get("Retry-After")), nil
}

// suggestionsAt is the address below which the authority tells renewal times. It is
// looked up once in askEvery, so that a large fleet does not ask for it as often as
// for the times themselves.
func (c *Client) suggestionsAt(ctx context.Context) (string, error) {
	c.mu.Lock()
	place := c.place
	if c.now().After(c.placeUntil) {
		place = ""
	}
	c.mu.Unlock()
	if place != "" {
		return place, nil
	}
	var directory legoacme.Directory
	if _, err := c.get(ctx, c.opts.Directory, &directory); err != nil {
		return "", err
	}
	if directory.RenewalInfo == "" {
		return "", errNoSuggestions
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.place, c.placeUntil = strings.TrimSuffix(directory.RenewalInfo, "/"), c.now().Add(askEvery)
	return c.place, nil
}

// get reads a JSON document of the authority's.
func (c *Client) get(ctx context.Context, url string, into any) (http.Header, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &wire{ctx: ctx, next: c.transport}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return nil, fmt.Errorf("%s answers with something else: %w", url, err)
	}
	return resp.Header, nil
}
