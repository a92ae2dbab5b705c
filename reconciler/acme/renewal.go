package acme

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"strconv"
	"time"
)

const (
	// askEvery is how often the authority is asked again when it does not say: the
	// quarter of a day that Let's Encrypt and RFC 9773 use. It is how late a
	// certificate that the authority is about to revoke is replaced.
	askEvery = 6 * time.Hour
	// askMin and askMax bound what an authority may ask for, as RFC 9773 advises.
	askMin = time.Minute
	askMax = 24 * time.Hour
	// askPause is how soon one that did not answer is asked again. Nothing hurries:
	// without an answer two thirds of the certificate's life are taken.
	askPause = 30 * time.Minute
	// askTimeout bounds a question, directory and all, as a report may wait for it.
	askTimeout = 15 * time.Second
)

// A window is when the authority suggests that a certificate be renewed.
type window struct{ start, end time.Time }

func (w window) makesSense() bool { return w.start.Before(w.end) }

// moment is when a certificate should be renewed: a moment of the window that is
// random, so that not all certificates come at once, and always the same for one
// certificate, so that every control plane comes to the same. Without a window that
// makes sense it is after two thirds of the certificate's life.
func (w window) moment(leaf *x509.Certificate) time.Time {
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	sum := sha256.Sum256(leaf.Raw)
	share := float64(binary.BigEndian.Uint32(sum[:4])) / (1 << 32)
	at := w.start.Add(time.Duration(share * float64(w.end.Sub(w.start))))
	if !w.makesSense() || !at.Before(leaf.NotAfter) {
		at = leaf.NotBefore.Add(life / 3 * 2)
	}
	return at.UTC().Truncate(time.Second)
}

// askAgain is how long an answer holds.
func askAgain(retryAfter string) time.Duration {
	seconds, err := strconv.Atoi(retryAfter)
	if err != nil {
		return askEvery
	}
	return min(max(time.Duration(seconds)*time.Second, askMin), askMax)
}
