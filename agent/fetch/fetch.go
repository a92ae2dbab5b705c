// Package fetch brings a program from a URL onto this disk and proves that it is
// the one that was meant.
//
// It promises: only https is spoken, and http with this machine itself; what is
// longer than allowed, or has another SHA-256 than was said, is never called
// fetched; a download that broke off goes on where it ended, also after a restart
// of the agent; one that stalls ends.
//
// It does not try again: how often, and how long after, is the caller's affair.
package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

const (
	// sizeLimit is several times the size of any program that is fetched here: a
	// Dolt binary has some 130 MB, a wrong URL may have no end.
	sizeLimit = 1 << 30
	// stallLimit is how long a download may bring nothing. A congested line brings
	// something each second; a connection whose peer vanished brings nothing.
	stallLimit = 30 * time.Second
	// chunk is how much is read at a time: progress is told after each.
	chunk = 256 << 10
)

var (
	// ErrWrong: what the URL gives is not what was ordered.
	ErrWrong = errors.New("this is not what was ordered")
	// ErrBusy: another agent with the same directory is fetching this file now.
	ErrBusy = errors.New("another agent on this machine is fetching it")
)

// Progress is told how far a download is; total is -1 while it is not known.
type Progress func(done, total int64)

// A Fetcher fetches. The zero value is not ready; New returns one.
type Fetcher struct {
	http  *http.Client
	limit int64
	stall time.Duration
}

// New returns a fetcher.
func New() *Fetcher {
	return &Fetcher{http: &http.Client{CheckRedirect: checkRedirect}, limit: sizeLimit, stall: stallLimit}
}

// File fetches a source into the file at path, which is its own and keeps what a
// broken download brought. It returns the file open at its beginning, to be
// released.
func (f *Fetcher) File(ctx context.Context, src Source, path string, progress Progress) (*os.File, error) {
	if err := src.Check(); err != nil {
		return nil, err
	}
	file, err := openAlone(path)
	if err != nil {
		return nil, err
	}
	if err := f.fill(ctx, src, file, progress); err != nil {
		if errors.Is(err, ErrWrong) {
			err = errors.Join(err, os.Remove(path)) // the next try must not go on from it
		}
		return nil, errors.Join(err, Release(file))
	}
	return file, nil
}

// fill has the whole of the source in the file.
func (f *Fetcher) fill(ctx context.Context, src Source, file *os.File, progress Progress) error {
	sum := sha256.New()
	have, err := io.Copy(sum, file)
	if err != nil {
		return fmt.Errorf("read what is here of %s: %w", src.URL, err)
	}
	if have > 0 && hex.EncodeToString(sum.Sum(nil)) == src.SHA256 {
		return rewind(file) // it was whole already
	}
	body, from, total, err := f.request(ctx, src, have)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if from != have {
		sum.Reset()
		if err := errors.Join(file.Truncate(0), rewind(file)); err != nil {
			return fmt.Errorf("begin %s anew: %w", src.URL, err)
		}
	}
	done, err := f.copy(io.MultiWriter(file, sum), body, from, total, progress)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", src.URL, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != src.SHA256 {
		return fmt.Errorf("%w: %s gave %d bytes with SHA-256 %s, want %s; correct the URL or the sum", ErrWrong, src.URL, done, got, src.SHA256)
	}
	return rewind(file)
}

// copy writes what comes, and minds the limit.
func (f *Fetcher) copy(to io.Writer, body io.Reader, done, total int64, progress Progress) (int64, error) {
	buffer := make([]byte, chunk)
	for {
		n, err := body.Read(buffer)
		if done += int64(n); done > f.limit {
			return done, fmt.Errorf("%w: it is longer than %d MiB", ErrWrong, f.limit>>20)
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return done, err
		}
		progress(done, total)
		if errors.Is(err, io.EOF) {
			return done, nil
		}
		if err != nil {
			return done, err
		}
	}
}

func rewind(file *os.File) error {
	_, err := file.Seek(0, io.SeekStart)
	return err
}
