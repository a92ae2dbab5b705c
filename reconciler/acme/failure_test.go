package acme

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	legoacme "github.com/go-acme/lego/v4/acme"

	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

func offline(t *testing.T) *Client {
	t.Helper()
	store, err := secrets.OpenDir(t.TempDir() + "/secrets")
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{Directory: "https://127.0.0.1:1/dir", Secrets: store, Challenges: nowhere{}})
	if err != nil {
		t.Fatal(err)
	}
	c.now = func() time.Time { return epoch }
	return c
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	store, err := secrets.OpenDir(t.TempDir() + "/secrets")
	if err != nil {
		t.Fatal(err)
	}
	for what, opts := range map[string]Options{
		"no directory": {Secrets: store, Challenges: nowhere{}},
		"plain http":   {Directory: "http://127.0.0.1/dir", Secrets: store, Challenges: nowhere{}},
		"no store":     {Directory: "https://127.0.0.1/dir", Challenges: nowhere{}},
		"no domain":    {Directory: "https://127.0.0.1/dir", Secrets: store},
	} {
		if _, err := New(opts); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
}

func refusal(status int, kind, detail string) error {
	return &legoacme.ProblemDetails{HTTPStatus: status, Type: problem + kind, Detail: detail, Method: "POST", URL: "https://127.0.0.1:1/order"}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	c := offline(t)
	tests := []struct {
		err  error
		want string
		not  string
	}{
		{refusal(429, "rateLimited", "too many"), "has reached a limit: too many", "https://"},
		{refusal(403, "caa", "CAA forbids"), "CAA forbids; allow the authority in the domain's CAA records", "urn:"},
		{refusal(400, "malformed", "no"), "refuses: no", "https://"},
		{refusal(500, "serverInternal", "oops"), "is in trouble: oops", "refuses"},
		{&legoacme.NonceError{ProblemDetails: refusal(400, "badNonce", "stale").(*legoacme.ProblemDetails)}, "refuses: stale", ""},
		{&proofError{"_acme-challenge.x", refusal(403, "unauthorized", "not found")}, "does not accept the record _acme-challenge.x", "https://"},
		{&recordError{"_acme-challenge.x", errors.New("denied")}, "_acme-challenge.x that proves the name cannot be made: denied", ""},
		{fmt.Errorf("order: %w", context.DeadlineExceeded), "takes too long", ""},
		{errors.New("connection refused"), "does not answer as it should: connection refused", ""},
		{fmt.Errorf("get directory: %w", &url.Error{Op: "Get", URL: "https://acme.example", Err: io.EOF}), "does not answer as it should: EOF", ""},
	}
	for _, test := range tests {
		got := c.explain(test.err)
		if !strings.Contains(got, test.want) || test.not != "" && strings.Contains(got, test.not) {
			t.Errorf("%v is told as %q; want %q, and not %q", test.err, got, test.want, test.not)
		}
	}
}

func TestPausesGrowAndRespectTheAuthority(t *testing.T) {
	t.Parallel()
	c := offline(t)
	c.Track(map[string][]string{deployment: {name}})
	r := c.records[deployment]
	fail := func(err error, wait time.Time) time.Duration {
		c.failed(deployment, r, name, err, wait)
		return c.Reports()[deployment].Retry.Sub(epoch)
	}
	broken := errors.New("connection refused")
	var last, hour time.Duration
	for i := range 20 {
		pause := fail(broken, time.Time{})
		if pause > longestPause*3/2 || i < 4 && pause <= last/2 {
			t.Errorf("failure %d is followed by a pause of %s, after %s", i, pause, last)
		}
		last = pause
		if i < 5 {
			hour += pause
		}
	}
	if hour < 30*time.Minute {
		t.Errorf("five failures within %s: Let's Encrypt takes no more in an hour", hour)
	}
	c.done(deployment, r, name)
	if report := c.Reports()[deployment]; report.Error != "" || !report.Retry.IsZero() {
		t.Errorf("after a success the report says %+v", report)
	}
	if pause := fail(broken, time.Time{}); pause > 2*firstPause {
		t.Errorf("the first failure after a success is followed by a pause of %s", pause)
	}
	if pause := fail(refusal(429, "rateLimited", ""), epoch.Add(50*time.Hour)); pause != 50*time.Hour {
		t.Errorf("the authority asks for 50 h, the pause is %s", pause)
	}
	if pause := fail(refusal(429, "rateLimited", ""), time.Time{}); pause < limitPause {
		t.Errorf("a limit without a time is followed by a pause of %s", pause)
	}
	c.failed(deployment, r, "other.example.com", broken, epoch.Add(999*time.Hour))
	if pause := c.Reports()[deployment].Retry.Sub(epoch); pause == 999*time.Hour {
		t.Error("a failure for other names than are wanted is reported")
	}
	c.Track(map[string][]string{deployment: {"other.example.com"}})
	if len(c.Reports()) != 0 || c.waiting(r, "other.example.com") {
		t.Error("other names begin with the failures of the first")
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Time{
		"":                              {},
		"soon":                          {},
		"-5":                            {},
		"120":                           epoch.Add(2 * time.Minute),
		"Thu, 26 Nov 2026 13:00:00 GMT": epoch.Add(time.Hour),
	} {
		if got := retryAfter(value, epoch); !got.Equal(want) {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
	}
	for value, want := range map[string]time.Duration{"": askEvery, "x": askEvery, "1": askMin, "21600": 6 * time.Hour, "9999999": askMax} {
		if got := askAgain(value); got != want {
			t.Errorf("an answer with %q holds %s, want %s", value, got, want)
		}
	}
}
