package github

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
)

// A Secret reads a private key or a token from where it is kept. It is asked again
// when GitHub does not take what it gave before, so a new one needs no restart.
type Secret func(context.Context) ([]byte, error)

// A token is somebody's personal one.
type token struct {
	secret Secret

	mu     sync.Mutex
	header string // empty: to be read
}

func (t *token) authorize(ctx context.Context, _ ask) (header, account string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.header != "" {
		return t.header, "token", nil
	}
	raw, err := t.secret(ctx)
	if err != nil {
		return "", "", &Error{Kind: Denied, Err: err, Advice: "see whether the token is where the configuration says"}
	}
	text := string(bytes.TrimSpace(raw))
	if text == "" || strings.ContainsAny(text, " \t\r\n") {
		return "", "", &Error{Kind: Denied, Err: errors.New("the token is empty or has several lines"), Advice: "write the token alone where the configuration says"}
	}
	t.header = "Bearer " + text
	return t.header, "token", nil
}

func (t *token) refused(_ ask, header string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.header == header {
		t.header = ""
	}
	return true
}
