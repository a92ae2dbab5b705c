package doltserver

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// TestFingerprintOfOlderAgents: what an agent before this one started must not be
// restarted by this one.
func TestFingerprintOfOlderAgents(t *testing.T) {
	t.Parallel()
	s := New(Place{Host: "127.0.0.1", Port: 3306, MetricsPort: 11228}, nil)
	w := Want{Deployment: "d", Version: "2.2.0", Settings: map[string]string{"a": "b"}, Certificate: []byte("pem")}
	sum := sha256.Sum256([]byte(`{"Deployment":"d","Version":"2.2.0","Settings":{"a":"b"},"Certificate":"cGVt","Listen":"127.0.0.1:3306","MetricsPort":11228}`))
	if got, want := s.Fingerprint(w), hex.EncodeToString(sum[:]); got != want {
		t.Fatalf("fingerprint %s, want that of agents before: %s", got, want)
	}
	plain := s.Fingerprint(w)
	if w.CertificateName = "sha256:ab"; s.Fingerprint(w) == plain {
		t.Fatal("another certificate's name needs no restart")
	}
}
