package github

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstaydb/mainstay/webhooks"
)

var newKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func testKey(t *testing.T) (*rsa.PrivateKey, Secret) {
	t.Helper()
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	return key, secretOf(string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
}

// checkJWT is what GitHub does with one; empty: it takes it.
func checkJWT(header string, key *rsa.PublicKey, app string) string {
	parts := strings.Split(strings.TrimPrefix(header, "Bearer "), ".")
	if len(parts) != 3 {
		return "it is no JWT"
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) != nil {
		return "the signature is wrong"
	}
	raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Iat, Exp int64
		Iss      string
	}
	if err := json.Unmarshal(raw, &claims); err != nil || claims.Iss != app {
		return "the claims are wrong"
	}
	now := time.Now().Unix()
	if claims.Iat > now || claims.Exp <= now || claims.Exp > now+600 {
		return fmt.Sprintf("from %d to %d is not now, %d, or too long", claims.Iat, claims.Exp, now)
	}
	return ""
}

// appFake is GitHub for one App that is installed by acme.
func appFake(t *testing.T) (*fake, Options, *string) {
	key, secret := testKey(t)
	f := newFake()
	current := new(string)
	asApp := func(answer func(*http.Request) (int, any)) func(*http.Request) (int, any) {
		return func(r *http.Request) (int, any) {
			if wrong := checkJWT(r.Header.Get("Authorization"), &key.PublicKey, "12345"); wrong != "" {
				return 401, obj{"message": wrong}
			}
			return answer(r)
		}
	}
	f.json("GET /app", asApp(func(*http.Request) (int, any) { return 200, obj{"id": 12345, "slug": "mainstay"} }))
	f.json("GET /repos/acme/{repo}/installation", asApp(func(*http.Request) (int, any) { return 200, obj{"id": 99} }))
	f.json("GET /repos/suspended/{repo}/installation", asApp(func(*http.Request) (int, any) { return 200, obj{"id": 98, "suspended_at": time.Now()} }))
	f.json("POST /app/installations/99/access_tokens", asApp(func(r *http.Request) (int, any) {
		if decode(r) == nil {
			return 400, obj{"message": "Body should be a JSON object"}
		}
		*current = fmt.Sprintf("token-%d", f.id())
		return 201, obj{"token": *current, "expires_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	}))
	f.json("GET /repos/{owner}/{repo}/git/ref/heads/main", func(r *http.Request) (int, any) {
		if r.Header.Get("Authorization") != "Bearer "+*current {
			return 401, obj{"message": "Bad credentials"}
		}
		return 200, json.RawMessage(refBody)
	})
	return f, Options{BaseURL: "https://github.example.com", App: "12345", PrivateKey: secret, Pace: fast, Transport: f}, current
}

// TestAppTokens: a token is made once for all repositories of an account, renewed
// before it ends, and made again when GitHub does not take it.
func TestAppTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, opts, current := appFake(t)
		gh := clientOf(t, opts)
		const token = "POST /app/installations/99/access_tokens"
		head := func(r webhooks.Repository) {
			t.Helper()
			if _, err := gh.Head(t.Context(), r, "main"); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { head(repo) })
		}
		wg.Wait()
		head(webhooks.Repository{Owner: "acme", Name: "other"})
		if n := f.count(token); n != 1 {
			t.Errorf("%d tokens were made", n)
		}
		time.Sleep(54 * time.Minute)
		head(repo)
		if n := f.count(token); n != 1 {
			t.Errorf("%d tokens were made within an hour", n)
		}
		time.Sleep(2 * time.Minute)
		head(repo)
		if n := f.count(token); n != 2 {
			t.Errorf("%d tokens were made when the first was to end", n)
		}
		*current = "revoked"
		head(repo)
		if n := f.count(token); n != 3 {
			t.Errorf("%d tokens were made after one was revoked", n)
		}
	})
}

// TestInstalledAnew: the App was taken off and installed again, under another number.
func TestInstalledAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, secret := testKey(t)
		f, id := newFake(), 1
		f.json("GET /repos/acme/fleet/installation", func(*http.Request) (int, any) { return 200, obj{"id": id} })
		f.json("POST /app/installations/{id}/access_tokens", func(r *http.Request) (int, any) {
			if r.PathValue("id") != fmt.Sprint(id) {
				return 404, obj{"message": "Not Found"}
			}
			return 201, obj{"token": fmt.Sprintf("of-%d", id), "expires_at": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
		})
		f.json("GET /repos/acme/fleet/git/ref/heads/main", func(r *http.Request) (int, any) {
			if r.Header.Get("Authorization") != fmt.Sprintf("Bearer of-%d", id) {
				return 401, obj{"message": "Bad credentials"}
			}
			return 200, json.RawMessage(refBody)
		})
		gh := clientOf(t, Options{BaseURL: "https://github.example.com", App: "1", PrivateKey: secret, Pace: fast, Transport: f})
		for _, id = range []int{1, 2, 3} {
			if _, err := gh.Head(t.Context(), repo, "main"); err != nil {
				t.Fatal(err)
			}
			if id == 2 {
				time.Sleep(2 * time.Hour) // the token is over when it is installed anew
			}
		}
	})
}

func TestAppErrors(t *testing.T) {
	t.Parallel()
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(other)
	if err != nil {
		t.Fatal(err)
	}
	anothers := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	for _, c := range []struct {
		name  string
		repo  webhooks.Repository
		key   Secret
		kind  Kind
		says  string
		calls int
	}{
		{"not installed", webhooks.Repository{Owner: "else", Name: "x"}, nil, NotFound, "install the App on the repository", 1},
		{"suspended", webhooks.Repository{Owner: "suspended", Name: "x"}, nil, Denied, "suspension", 1},
		{"another's key", repo, secretOf(anothers), Denied, "the signature is wrong", 2},
		{"no key", repo, secretOf("key-material"), Denied, "not in PEM", 0},
		{"a key that cannot be read", repo, secretOf("-----BEGIN RSA PRIVATE KEY-----\na2V5LW1hdGVyaWFs\n-----END RSA PRIVATE KEY-----\n"), Denied, "cannot be read", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, opts, _ := appFake(t)
			if c.key != nil {
				opts.PrivateKey = c.key
			}
			_, err := clientOf(t, opts).Head(t.Context(), c.repo, "main")
			if KindOf(err) != c.kind || !strings.HasPrefix(fmt.Sprint(err), "find where the branch main of "+c.repo.String()+" is: get credentials for GitHub: ") || !strings.Contains(fmt.Sprint(err), c.says) || strings.Contains(fmt.Sprint(err), "material") {
				t.Errorf("%v", err)
			}
			if len(f.calls) != c.calls {
				t.Errorf("calls: %v", f.calls)
			}
		})
	}
}

// TestNewTokenNeedsNoRestart: a personal token that was replaced is read again.
func TestNewTokenNeedsNoRestart(t *testing.T) {
	t.Parallel()
	valid, read := "one", 0
	gh := clientOf(t, Options{BaseURL: "https://github.example.com", Pace: fast,
		Token: func(context.Context) ([]byte, error) { read++; return []byte(valid), nil },
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("Authorization") != "Bearer "+valid {
				return answered(401, `{"message":"Bad credentials"}`), nil
			}
			return answered(200, refBody), nil
		})})
	for _, valid = range []string{"one", "one", "two", "two"} {
		if _, err := gh.Head(t.Context(), repo, "main"); err != nil {
			t.Fatal(err)
		}
	}
	if read != 2 {
		t.Errorf("it was read %d times", read)
	}
}
