package acme

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// requestTimeout bounds one request: an authority under load takes some seconds,
	// and one that takes longer is asked again later.
	requestTimeout = 30 * time.Second
	// maxAnswer is far above a certificate's chain, the largest answer there is.
	maxAnswer = 1 << 20
)

// A wire binds the requests of lego's client to a context, which that has no place
// for, and keeps what its errors leave out: how long a refusal asks to wait.
type wire struct {
	ctx  context.Context
	next http.RoundTripper

	mu   sync.Mutex
	wait time.Time
}

// RoundTrip implements http.RoundTripper. The answer is read whole, so that nothing
// of the request is left when it returns.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(w.ctx, requestTimeout)
	defer cancel()
	resp, err := w.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	}
	w.note(resp)
	if resp.StatusCode >= http.StatusInternalServerError && !strings.Contains(resp.Header.Get("Content-Type"), "json") {
		return nil, fmt.Errorf("it answers %s", resp.Status) // a page of whatever stands before the authority
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// note keeps the Retry-After of a refusal.
func (w *wire) note(resp *http.Response) {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return
	}
	wait := retryAfter(resp.Header.Get("Retry-After"), time.Now())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wait = wait
}

// waitUntil is when the last refusal says that another try makes sense; zero: there
// was none, or it does not say.
func (w *wire) waitUntil() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wait
}

// retryAfter reads both forms of the header.
func retryAfter(value string, now time.Time) time.Time {
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		return now.Add(time.Duration(seconds) * time.Second)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return time.Time{}
	}
	return at
}
