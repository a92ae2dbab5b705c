package fetch

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// request asks for what is missing. It returns where the answer begins: at have,
// or at 0 when the server gives the whole.
func (f *Fetcher) request(ctx context.Context, src Source, have int64) (body io.ReadCloser, from, total int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	stall := time.AfterFunc(f.stall, func() { cancel(fmt.Errorf("nothing came for %v", f.stall)) })
	defer func() {
		if err != nil {
			stall.Stop()
			cancel(nil)
		}
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, src.URL, nil)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("fetch %s: %w", src.URL, err)
	}
	// The sum is over the file: nobody may pack or unpack it on the way.
	req.Header.Set("Accept-Encoding", "identity")
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	resp, err := f.http.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, 0, 0, fmt.Errorf("fetch %s: %w", src.URL, err)
	}
	from, err = begins(resp, have)
	if err != nil {
		_ = resp.Body.Close()
		return nil, 0, 0, fmt.Errorf("fetch %s: %w", src.URL, err)
	}
	total = -1
	if resp.ContentLength >= 0 {
		total = from + resp.ContentLength
	}
	return &watched{ReadCloser: resp.Body, ctx: ctx, stall: stall, limit: f.stall, cancel: func() { cancel(nil) }}, from, total, nil
}

// begins says where in the file an answer begins.
func begins(resp *http.Response, have int64) (int64, error) {
	switch resp.StatusCode {
	case http.StatusOK:
		return 0, nil
	case http.StatusPartialContent:
		if strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)) {
			return have, nil
		}
		return 0, fmt.Errorf("asked for the rest from byte %d the server gave %q", have, resp.Header.Get("Content-Range"))
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, fmt.Errorf("%w: it ends before what is here of it", ErrWrong)
	default:
		return 0, fmt.Errorf("the server answered %s", resp.Status)
	}
}

// A watched body ends when nothing comes for a while.
type watched struct {
	io.ReadCloser
	ctx    context.Context //nolint:containedctx // tells why a read ended
	stall  *time.Timer
	limit  time.Duration
	cancel func()
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.stall.Reset(w.limit)
	if err != nil && w.ctx.Err() != nil {
		err = context.Cause(w.ctx)
	}
	return n, err
}

func (w *watched) Close() error {
	w.stall.Stop()
	w.cancel()
	return w.ReadCloser.Close()
}
