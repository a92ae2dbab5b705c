package githubtest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// deliveryTimeout is how long GitHub waits for the answer to a delivery.
const deliveryTimeout = 10 * time.Second

// A Delivery is an event on its way to a webhook. Sent again it has the same id.
type Delivery struct {
	ID     string
	Event  string // as in pull_request
	Action string // as in opened; empty: the event has none
	Body   []byte
}

// NewDelivery makes one of a test's own, maybe of what GitHub would never send.
func NewDelivery(event string, body []byte) Delivery {
	var named struct{ Action string }
	_ = json.Unmarshal(body, &named) // what is no object has no action
	return Delivery{ID: uuid.NewString(), Event: event, Action: named.Action, Body: body}
}

// Sign is the value of X-Hub-Signature-256.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// Request is the request by which it reaches a webhook.
func (d Delivery) Request(ctx context.Context, url, secret string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(d.Body))
	if err != nil {
		return nil, err
	}
	for key, v := range map[string]string{"Content-Type": "application/json", "User-Agent": "GitHub-Hookshot/044aadd", "Accept": "*/*",
		"X-GitHub-Delivery": d.ID, "X-GitHub-Event": d.Event, "X-GitHub-Hook-ID": "1", "X-Hub-Signature-256": Sign(secret, d.Body)} {
		r.Header.Set(key, v)
	}
	return r, nil
}

// post gives the status of the answer; 0: there was none.
func (d Delivery) post(ctx context.Context, client *http.Client, url, secret string) int {
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	r, err := d.Request(ctx, url, secret)
	if err != nil {
		return 0
	}
	answer, err := client.Do(r)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body) // the connection is used again
	return answer.StatusCode
}
