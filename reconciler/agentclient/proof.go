package agentclient

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/mainstaydb/mainstay/agent/agentpb"
)

// A check tells whether a fresh agent's answer proves that it is the one on the
// machine. Nothing is signed before it.
type check func(ctx context.Context, nonce []byte, answer *agentpb.EnrolResponse) error

// proof is what a fresh agent on the watcher's machine must give.
func (c *Client) proof(ctx context.Context, w *watcher) (check, error) {
	if c.opts.Attestor != nil {
		return c.byDocument(w), nil
	}
	return c.byToken(ctx, w.id)
}

// byToken asks for the one-time token, which never travels.
func (c *Client) byToken(ctx context.Context, machineID string) (check, error) {
	token, err := c.opts.Tokens.EnrolmentToken(ctx, machineID)
	if err != nil {
		return nil, err
	}
	if len(token) == 0 { // anybody could prove to know that
		return nil, errors.New("its token is empty; terminate the machine to get a fresh one")
	}
	return func(_ context.Context, nonce []byte, answer *agentpb.EnrolResponse) error {
		if !hmac.Equal(answer.GetTokenProof(), tokenProof(token, nonce, answer.GetCsrDer())) {
			return fmt.Errorf("the agent does not know the token of machine %s: it is not the one that was launched, and nothing was signed; terminate the machine to get a fresh one", machineID)
		}
		return nil
	}, nil
}

func tokenProof(token, nonce, csr []byte) []byte {
	mac := hmac.New(sha256.New, token)
	mac.Write(nonce)
	mac.Write(csr)
	return mac.Sum(nil)
}

// byDocument asks for the cloud's signed word on the machine. The word can be had
// more than once, so the key of the first who gives it is pinned.
func (c *Client) byDocument(w *watcher) check {
	return func(ctx context.Context, _ []byte, answer *agentpb.EnrolResponse) error {
		if err := c.opts.Attestor.Attest(ctx, w.current().machine, answer.GetIdentityPkcs7()); err != nil {
			return fmt.Errorf("%w; nothing was signed", err)
		}
		return c.pin(ctx, w.id, answer.GetCsrDer())
	}
}

// pin notes the key that a machine is enrolled with, for ever. The same key again
// is the same agent, whose answer or certificate was lost. Two control planes that
// enrol at once agree on one key: the store keeps what came first.
func (c *Client) pin(ctx context.Context, machineID string, csrDER []byte) error {
	csr, err := x509.ParseCertificateRequest(csrDER)
	if err != nil {
		return fmt.Errorf("the agent's certificate request cannot be read: %w", err)
	}
	sum := sha256.Sum256(csr.RawSubjectPublicKeyInfo)
	key := []byte(hex.EncodeToString(sum[:]))
	first, err := c.opts.Secrets.Create(ctx, "machines/"+machineID+"/key", key)
	if err != nil {
		return fmt.Errorf("the agent's key could not be noted, and nothing was signed: %w", err)
	}
	if !bytes.Equal(first, key) {
		return fmt.Errorf("machine %s was enrolled before, with another key: its agent lost that key, or something else on the machine asks in its place; "+
			"nothing was signed; terminate the machine to get a fresh one", machineID)
	}
	return nil
}

// sameKey tells whether the other end of the channel holds the key that the
// certificate request is for. A request or a proof that somebody hands on from
// elsewhere is worth nothing then.
func sameKey(peer *x509.Certificate, csrDER []byte) error {
	csr, err := x509.ParseCertificateRequest(csrDER)
	if err != nil {
		return fmt.Errorf("the agent's certificate request cannot be read: %w", err)
	}
	key, ok := peer.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !key.Equal(csr.PublicKey) {
		return errors.New("the agent asks for a certificate for a key that is not the one it shows; nothing was signed")
	}
	return nil
}
