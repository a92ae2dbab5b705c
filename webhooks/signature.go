package webhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const signaturePrefix = "sha256="

// readSignature reads the header X-Hub-Signature-256. It is looked at before the body
// is, so that strangers cost nothing.
func readSignature(header string) ([]byte, bool) {
	digits, ok := strings.CutPrefix(header, signaturePrefix)
	if !ok || len(digits) != hex.EncodedLen(sha256.Size) {
		return nil, false
	}
	mac, err := hex.DecodeString(digits)
	return mac, err == nil
}

// signedBy says whether one of the secrets made the signature. All of them are tried,
// so that the time tells nothing of which it was. Several are there while one takes
// the place of another.
func signedBy(secrets [][]byte, body, signature []byte) bool {
	signed := false
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write(body)
		if hmac.Equal(mac.Sum(nil), signature) {
			signed = true
		}
	}
	return signed
}
