package acme

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	legoacme "github.com/go-acme/lego/v4/acme"
	"github.com/go-acme/lego/v4/acme/api"

	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

// A session is lego's protocol client for the time of one context, logged in. The
// flow of an order that lego has on top of it is not used: it ends with no context,
// asks the machine's name servers about every record, although Present has waited
// for them, and hides how long a refusal asks to wait.
type session struct {
	core *api.Core
	wire *wire
}

// login opens a session with the fleet's account. The authority returns the account
// that a key has, or makes it: registering twice is finding.
func (c *Client) login(ctx context.Context, key *ecdsa.PrivateKey) (*session, error) {
	s := &session{wire: &wire{ctx: ctx, next: c.transport}}
	core, err := api.New(&http.Client{Transport: s.wire}, "mainstay", c.opts.Directory, "", key)
	if err != nil {
		return s, err
	}
	s.core = core
	if core.GetDirectory().Meta.ExternalAccountRequired {
		return s, &legoacme.ProblemDetails{Type: externalAccount, Detail: "it wants an external account binding"}
	}
	account := legoacme.Account{TermsOfServiceAgreed: true}
	if c.opts.Email != "" {
		account.Contact = []string{"mailto:" + c.opts.Email}
	}
	_, err = core.Accounts.New(account)
	if p := problemOf(err); p != nil && p.HTTPStatus >= http.StatusInternalServerError {
		// Control planes that register at the same moment can trip the authority up;
		// asked once more, it finds what the other has made.
		_, err = core.Accounts.New(account)
	}
	return s, err
}

// accountKey is the key of the fleet's account at the authority, made at first use.
// All control planes of the fleet share it.
func (c *Client) accountKey(ctx context.Context) (*ecdsa.PrivateKey, error) {
	name := accountName(c.opts.Directory)
	value, err := c.opts.Secrets.Get(ctx, name)
	if errors.Is(err, secrets.ErrNotFound) {
		value, err = c.makeAccountKey(ctx, name)
	}
	if err != nil {
		return nil, &storeError{fmt.Errorf("the account's key: %w", err)}
	}
	key, err := parseKey(value)
	if err != nil {
		return nil, &storeError{fmt.Errorf("secret %s does not hold the key of the account at %s; restore it from a backup, or remove it to get a new account: %w", name, c.host, err)}
	}
	return key, nil
}

func (c *Client) makeAccountKey(ctx context.Context, name string) ([]byte, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("cannot encode a key: %w", err)
	}
	return c.opts.Secrets.Create(ctx, name, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot make a key: %w", err)
	}
	return key, nil
}

func parseKey(value []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(value)
	if block == nil {
		return nil, errors.New("it is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("the key is not an ECDSA key")
	}
	return key, nil
}

// noSecretName is what the name of a secret cannot have in it.
var noSecretName = regexp.MustCompile(`[^a-z0-9.]+`)

// accountName tells accounts at different authorities apart: readable by the host,
// and exact by the hash of the directory.
func accountName(directory string) string {
	sum := sha256.Sum256([]byte(directory))
	host := strings.TrimPrefix(directory, "https://")
	host, _, _ = strings.Cut(host, "/")
	host = strings.Trim(noSecretName.ReplaceAllString(strings.ToLower(host), "-"), "-.")
	return fmt.Sprintf("acme/%s-%s/account", host, hex.EncodeToString(sum[:4]))
}
