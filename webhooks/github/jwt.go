package github

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"time"
)

const (
	// jwtTime is how long a proof that we are the App holds. GitHub takes ten minutes at
	// most, by its own clock.
	jwtTime = 9 * time.Minute
	// jwtEarly is how far our clock may be ahead of GitHub's, as GitHub advises.
	jwtEarly = time.Minute
)

// signJWT proves for a few minutes that we hold an App's key.
func signJWT(app string, key *rsa.PrivateKey, now time.Time) (string, error) {
	claims, err := json.Marshal(struct {
		IssuedAt int64  `json:"iat"`
		Expires  int64  `json:"exp"`
		Issuer   string `json:"iss"`
	}{now.Add(-jwtEarly).Unix(), now.Add(jwtTime).Unix(), app})
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + enc.EncodeToString(claims)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return signed + "." + enc.EncodeToString(signature), nil
}

// parseKey reads the private key that GitHub gives out for an App. Its errors hold
// nothing of it.
func parseKey(pemBytes []byte) (*rsa.PrivateKey, error) {
	const advice = "use the .pem file that GitHub gives out under \"Private keys\" in the App's settings"
	block, _ := pem.Decode(pemBytes)
	if block == nil {
		return nil, errors.New("the App's private key is not in PEM; " + advice)
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the App's private key cannot be read; " + advice)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the App's private key is not an RSA key; " + advice)
	}
	return key, nil
}
