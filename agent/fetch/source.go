package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
)

// A Source is a file somewhere, and the proof that it is the right one.
type Source struct {
	URL    string
	SHA256 string // hex, of what the URL gives
}

var sumForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Check says what is wrong with a source in itself.
func (s Source) Check() error {
	if !sumForm.MatchString(s.SHA256) {
		return fmt.Errorf("%q is no SHA-256 in lower-case hex; give the sum that the release was published with", s.SHA256)
	}
	parsed, err := url.Parse(s.URL)
	if err != nil {
		return fmt.Errorf("the URL of a program cannot be read, correct it: %w", err)
	}
	return checkURL(parsed)
}

// checkURL lets http pass on this machine alone. The sum would show what an
// unprotected line changed, but not who learned what this machine runs.
func checkURL(u *url.URL) error {
	switch {
	case u.Host == "":
		return fmt.Errorf("%q names no host; give an https URL", u.Redacted())
	case u.User != nil:
		return errors.New("a URL with a password in it would stand in logs and in the repository; give one without")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http":
		if addr, err := netip.ParseAddr(u.Hostname()); err == nil && addr.IsLoopback() {
			return nil
		}
	}
	return fmt.Errorf("%s is not fetched without TLS; give an https URL", u.Redacted())
}

// redirectLimit is what browsers, too, take for going round in circles.
const redirectLimit = 10

// checkRedirect holds for every hop what holds for the first: releases are often
// kept elsewhere than they are announced.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= redirectLimit {
		return errors.New("it leads in circles")
	}
	return checkURL(req.URL)
}
