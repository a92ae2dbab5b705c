package hub

import (
	"bytes"
	"context"
	"os"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Run keeps a started hub serving until ctx is done, and leaves it running then:
// whether it ends with its control plane is Stop's to say.
func (h *Hub) Run(ctx context.Context) error {
	pause := newPause()
	for {
		since := time.Now()
		if err := h.proc.Wait(ctx); ctx.Err() != nil {
			return nil
		} else if err != nil {
			h.cfg.Log.Warn("cannot watch the hub", "err", err)
		}
		h.cfg.Log.Warn("the hub ended; starting it again", "detail", lastLine(h.logFile()))
		if time.Since(since) > steady {
			pause.Reset()
		}
		for {
			err := h.Start(ctx)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return nil
			}
			h.cfg.Log.Error("cannot start the hub", "err", err)
			if !sleep(ctx, pause.NextBackOff()) {
				return nil
			}
		}
	}
}

// steady is how long the hub must have run for its end to be a new trouble and
// not the last one again.
const steady = time.Minute

// newPause begins at once and ends at half a minute: a hub that cannot start,
// for a full disk say, should be back soon after a person made room.
func newPause() *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(100*time.Millisecond),
		backoff.WithMaxInterval(30*time.Second),
		backoff.WithMaxElapsedTime(0), // the fleet is blind without its hub: never give up
	)
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// lastLine gives the end of the server's log as the nearest thing to a reason.
func lastLine(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return "it wrote no log"
	}
	data = bytes.TrimSpace(data)
	return "its last words: " + string(data[bytes.LastIndexByte(data, '\n')+1:])
}
