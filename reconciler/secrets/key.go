package secrets

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

const (
	// format begins an encrypted file; the id of its key and a line's end follow. No
	// password and no PEM begins like this.
	format = "mainstay-secret-1 "
	// keyFormat begins the one line of a key file that is no comment.
	keyFormat = "mainstay-key-1 "
	// keySize is AES-256's.
	keySize = 32
	// idSize in bytes tells keys apart and an accident from another; it protects
	// nothing.
	idSize = 8
)

// A key encrypts the values of a store: AES-256-GCM, a random nonce for each. The
// name is authenticated too, so that nobody can give one secret out as another.
type key struct {
	id   string
	aead cipher.AEAD
}

func newKey(raw []byte) (*key, error) {
	if len(raw) != keySize {
		return nil, fmt.Errorf("a key has %d bytes and this one has %d", keySize, len(raw))
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	// Random nonces of 96 bits are good for 2^32 values under one key; a fleet of
	// 10,000 has some 20,000.
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte("mainstay secret store, id of key: "), raw...))
	return &key{id: hex.EncodeToString(sum[:idSize]), aead: aead}, nil
}

func (k *key) header() []byte { return []byte(format + k.id + "\n") }

// seal encrypts a value.
func (k *key) seal(name string, value []byte) []byte {
	header := k.header()
	return k.aead.Seal(header, nil, value, append(k.header(), name...))
}

// open decrypts what seal made for the name.
func (k *key) open(name string, content []byte) ([]byte, error) {
	if id := keyID(content); id != k.id {
		return nil, fmt.Errorf("secret %s is encrypted with the key %s, which is not the key that this store has, %s; "+
			"put the right key there, or restore the secret from a backup of this store", name, id, k.id)
	}
	header := k.header()
	value, err := k.aead.Open(nil, nil, content[len(header):], append(header, name...))
	if err != nil {
		return nil, fmt.Errorf("secret %s is damaged, or is another secret's file; restore it from a backup: %w", name, err)
	}
	return value, nil
}

// keyID is the id of the key that a file is encrypted with; empty: it is plain.
func keyID(content []byte) string {
	const end = len(format) + 2*idSize
	if len(content) <= end || !bytes.HasPrefix(content, []byte(format)) || content[end] != '\n' {
		return ""
	}
	return string(content[len(format):end])
}

// readKey reads a key file. An error that is fs.ErrNotExist: there is none.
func readKey(path string) (*key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot look at the key %s of the secret store: %w", path, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("the key %s of the secret store can be read by others (mode %04o); decide whether the secrets are still good, then run: chmod 600 %s", path, mode, path)
	}
	if err := checkOwner("the key", path, info); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the key %s of the secret store: %w", path, err)
	}
	k, err := parseKey(data)
	if err != nil {
		return nil, fmt.Errorf("%s is not a key of a secret store; put the right file there, from a backup: %w", path, err)
	}
	return k, nil
}

func parseKey(data []byte) (*key, error) {
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		text, ok := strings.CutPrefix(line, keyFormat)
		if !ok {
			break
		}
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, errors.New("its key is not base64") // not what it was: that may be most of a key
		}
		return newKey(raw)
	}
	return nil, fmt.Errorf("it has no line that begins with %q", strings.TrimSpace(keyFormat))
}

// makeKey makes a key file, or takes the one that another process made first.
func makeKey(path, store string) (*key, error) {
	raw := make([]byte, keySize)
	rand.Read(raw)
	text := fmt.Sprintf("# The key of the secret store %s. Without it nobody can read the store.\n"+
		"# Keep a copy of this file, apart from copies of the store and closed to others.\n"+
		"%s%s\n", store, keyFormat, base64.StdEncoding.EncodeToString(raw))
	if err := linkNew(path, []byte(text)); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("cannot make the key %s of the secret store; make its directory writable, or keep the key elsewhere: %w", path, err)
	}
	return readKey(path)
}
