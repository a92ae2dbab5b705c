package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/cenkalti/backoff/v4"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

const (
	// firstPause and longestPause bound the waits between attempts: AWS counts
	// requests by the second (50 creations, thousands of reads).
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
	// patience is for callers whose context has no end: a minute of throttling is a
	// quota that others use up, and the control plane comes back to it by itself.
	patience = time.Minute
	// attemptBound is for a connection that died: an answer takes milliseconds, and
	// the first one with a new KMS key some seconds.
	attemptBound = 15 * time.Second
	// lag is how long a read may not know yet what was just created.
	lag = 5 * time.Second
)

// once keeps the SDK from repeating requests by itself: call does, for as long as
// its context allows.
func once(o *sdk.Options) { o.Retryer = aws.NopRetryer{} }

// call sends a request, again while AWS throttles it or gives no answer. Both of
// our requests can be repeated without harm.
func call[In, Out any](ctx context.Context, send func(context.Context, In, ...func(*sdk.Options)) (Out, error), in In) (Out, error) {
	var out Out
	err := until(ctx, patience, func() error {
		attempt, cancel := context.WithTimeout(ctx, attemptBound)
		defer cancel()
		var err error
		out, err = send(attempt, in, once)
		if err != nil && attempt.Err() != nil && ctx.Err() == nil {
			return errNoAnswer{err}
		}
		return err
	}, passing)
	return out, err
}

// until does something again, with growing pauses, while its error is one that
// passes, for so long at most.
func until(ctx context.Context, most time.Duration, do func() error, passes func(error) bool) error {
	pauses := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(firstPause), backoff.WithMaxInterval(longestPause), backoff.WithMultiplier(2),
		backoff.WithRandomizationFactor(0.5), // those who were throttled together do not return together
		backoff.WithMaxElapsedTime(most),
	)
	var last error
	err := backoff.Retry(func() error {
		err := do()
		if err != nil && ctx.Err() == nil && !passes(err) {
			return backoff.Permanent(err)
		}
		if ctx.Err() == nil {
			last = err
		}
		return err
	}, backoff.WithContext(pauses, ctx))
	// When the context ends during a pause, why there was a pause is the news.
	if ended := ctx.Err(); err != nil && ended != nil && last != nil {
		return fmt.Errorf("%w (%w)", last, ended)
	}
	return err
}

// errNoAnswer: an attempt was given up.
type errNoAnswer struct{ err error }

func (e errNoAnswer) Error() string { return "AWS does not answer: " + e.err.Error() }
func (e errNoAnswer) Unwrap() error { return e.err }

// passing says whether an error may be gone at the next attempt. What was lost on
// the way is told by the SDK, which knows a name that there is not from a connection
// that broke.
func passing(err error) bool {
	var silent errNoAnswer
	kind, _ := service.Classify(err)
	if kind == awserr.Quota {
		return false
	}
	return errors.As(err, &silent) || kind == awserr.Throttled ||
		retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary
}
