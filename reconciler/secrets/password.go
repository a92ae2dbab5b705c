package secrets

import (
	"context"
	"crypto/rand"
)

// Password returns the administrator's password of a deployment, made at first
// use. It has 39 letters and digits (195 bits): no shell, URL, DSN or option
// file needs it quoted.
func Password(ctx context.Context, s Store, deployment string) (string, error) {
	value, err := getOrMake(ctx, s, "deployments/"+deployment+"/password", newPassword)
	return string(value), err
}

// newPassword joins two random texts of 26 base32 characters and cuts them to
// 39: one text alone would already be strong, but some policies ask for 32
// characters with upper case, lower case and digits; the prefix has all three.
func newPassword() ([]byte, error) {
	return []byte("Mp7" + (rand.Text() + rand.Text())[:36]), nil
}
