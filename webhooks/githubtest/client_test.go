package githubtest_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/mainstaydb/mainstay/webhooks/githubtest"
)

// newKey is an App's.
func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// claims are those of a token that is good from now on for as long as said.
func claims(app *githubtest.App, life time.Duration) map[string]any {
	now := time.Now()
	return map[string]any{"iss": app.ID, "iat": now.Add(-time.Second).Unix(), "exp": now.Add(life).Unix()}
}

func signed(t *testing.T, key *rsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(map[string]string{"alg": "RS256", "typ": "JWT"}) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// client is GitHub's own, as it is set up for GitHub Enterprise.
func client(t *testing.T, g *githubtest.GitHub, token string) *github.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := github.NewClient(&http.Client{Transport: transport}).WithAuthToken(token).WithEnterpriseURLs(g.URL, g.URL)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// installed is a client of an App's installation.
func installed(t *testing.T, g *githubtest.GitHub, app *githubtest.App, key *rsa.PrivateKey) *github.Client {
	t.Helper()
	token, _, err := client(t, g, signed(t, key, claims(app, time.Minute))).Apps.CreateInstallationToken(t.Context(), app.Installation, nil)
	if err != nil {
		t.Fatal(err)
	}
	return client(t, g, token.GetToken())
}

// done fails the test for an error of a call whose answer is of no interest.
func done[T any](t *testing.T) func(T, *github.Response, error) T {
	return func(v T, _ *github.Response, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
