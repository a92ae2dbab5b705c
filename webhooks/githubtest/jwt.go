package githubtest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
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

const undecodable = "A JSON web token could not be decoded"

// verify finds the App that signed a token, with the key that it was made with, or
// says in GitHub's words why there is none.
func (g *GitHub) verify(token string) (app *App, refusal string) {
	parts := strings.Split(token, ".")
	var header struct{ Alg string }
	var claims struct {
		Iss any
		Iat *int64
		Exp *int64
	}
	if !segment(parts[0], &header) || !segment(parts[1], &claims) || header.Alg != "RS256" {
		return nil, undecodable
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, undecodable
	}
	app = g.appOf(issuer(claims.Iss))
	if app == nil {
		return nil, "Integration not found"
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(app.key, crypto.SHA256, sum[:], signature) != nil {
		return nil, undecodable
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

// timely says what is wrong with the times of a token; "": nothing.
func timely(now time.Time, iat, exp *int64) string {
	switch {
	case iat == nil || time.Unix(*iat, 0).After(now.Add(jwtDrift)):
		return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
	case exp == nil || !now.Before(time.Unix(*exp, 0)):
		return "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"
	case time.Unix(*exp, 0).After(now.Add(jwtLife + jwtDrift)):
		return "'Expiration time' claim ('exp') is too far in the future"
	}
	return ""
}
