package reconciler

import (
	"context"
	"time"
)

// Pause waits for a time, or until the context ends, and returns the context's error
// then. It is for what paces the loop and its adapters.
func Pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
