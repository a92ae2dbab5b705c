package pebbletest

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"testing"
)

// SetTXT has the DNS answer with a value, beside those that a name has. Names have no
// trailing dot.
func (p *Pebble) SetTXT(ctx context.Context, fqdn, value string) error {
	_, err := p.request(ctx, http.MethodPost, p.dns+"/set-txt", map[string]string{"host": fqdn + ".", "value": value})
	return err
}

// ClearTXT has the DNS forget all values of a name.
func (p *Pebble) ClearTXT(ctx context.Context, fqdn string) error {
	_, err := p.request(ctx, http.MethodPost, p.dns+"/clear-txt", map[string]string{"host": fqdn + "."})
	return err
}

// RootPEM is what clients would trust of this authority.
func (p *Pebble) RootPEM(t testing.TB) []byte {
	t.Helper()
	return p.ask(t, http.MethodGet, p.management+"/roots/0", nil)
}

// Roots are RootPEM to verify with.
func (p *Pebble) Roots(t testing.TB) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(p.RootPEM(t)) {
		t.Fatal("pebble's root is no certificate")
	}
	return pool
}

// SuggestRenewal sets what the authority answers when asked about a certificate.
func (p *Pebble) SuggestRenewal(t testing.TB, certPEM []byte, answer string) {
	t.Helper()
	p.ask(t, http.MethodPost, p.management+"/set-renewal-info/", map[string]string{"Certificate": string(certPEM), "ARIResponse": answer})
}

// Status is what the authority says of a certificate.
func (p *Pebble) Status(t testing.TB, serial *big.Int) string {
	t.Helper()
	var s struct{ Status string }
	if err := json.Unmarshal(p.ask(t, http.MethodGet, p.management+"/cert-status-by-serial/"+serial.Text(16), nil), &s); err != nil {
		t.Fatal(err)
	}
	return s.Status
}

func (p *Pebble) ask(t testing.TB, method, url string, body any) []byte {
	t.Helper()
	answer, err := p.request(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func (p *Pebble) request(ctx context.Context, method, url string, body any) ([]byte, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(encoded))
	if err != nil {
		return nil, err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, resp.Status, answer)
	}
	return answer, err
}
