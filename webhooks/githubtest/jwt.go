package githubtest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	// jwtLife and jwtDrift are GitHub's: a token of an App ends ten minutes ahead at
	// most, and clocks may be apart by a minute.
	jwtLife  = 10 * time.Minute
	jwtDrift = time.Minute
)

var errJWT = errors.New("A JSON web token could not be decoded") //nolint:staticcheck // GitHub's own words

// verify finds the App that signed a token, with the key that it was made with.
func (g *GitHub) verify(token string) (*App, error) {
	parts := strings.Split(token, ".")
	var header struct{ Alg string }
	var claims struct {
		Iss any
		Iat *int64
		Exp *int64
	}
	if !segment(parts[0], &header) || !segment(parts[1], &claims) || header.Alg != "RS256" {
		return nil, errJWT
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, errJWT
	}
	app := g.appOf(issuer(claims.Iss))
	if app == nil {
		return nil, errors.New("Integration not found") //nolint:staticcheck // GitHub's own words
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(app.key, crypto.SHA256, sum[:], signature) != nil {
		return nil, errJWT
	}
	return app, timely(g.clock(), claims.Iat, claims.Exp)
}

func segment(s string, into any) bool {
	b, err := base64.RawURLEncoding.DecodeString(s)
	return err == nil && json.Unmarshal(b, into) == nil
}

// issuer is the App's id, which may be a number or a string, or its client's.
func issuer(v any) string {
	if n, ok := v.(float64); ok {
		return fmt.Sprint(int64(n))
	}
	s, _ := v.(string)
	return s
}

func timely(now time.Time, iat, exp *int64) error {
	claim := func(format string) error { return errors.New(format) }
	switch {
	case iat == nil || time.Unix(*iat, 0).After(now.Add(jwtDrift)):
		return claim("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	case exp == nil || !now.Before(time.Unix(*exp, 0)):
		return claim("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	case time.Unix(*exp, 0).After(now.Add(jwtLife + jwtDrift)):
		return claim("'Expiration time' claim ('exp') is too far in the future")
	}
	return nil
}
