package route53

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/cenkalti/backoff/v4"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
	"github.com/mainstaydb/mainstay/reconciler/awslimit"
)

const (
	// firstPause is about what Route 53 takes for a batch.
	firstPause = 250 * time.Millisecond
	// longestPause keeps a request from waiting long after Route 53 is free again.
	longestPause = 4 * time.Second
	// patience is for bursts of others and a batch that takes long. What lasts longer
	// is told, and the control plane tries again by itself.
	patience = 20 * time.Second
)

func whileBusy() backoff.BackOff {
	return backoff.NewExponentialBackOff(backoff.WithInitialInterval(firstPause), backoff.WithMaxInterval(longestPause),
		backoff.WithMaxElapsedTime(patience))
}

// once keeps the SDK from repeating a request: call does, and every request is to be
// counted against the limits.
func once(o *sdk.Options) { o.Retryer = aws.NopRetryer{} }

// call sends a request when the limits allow it, and again while Route 53 is busy or
// does not answer. That is safe for batches too: what was made is not made twice but
// refused. Changes is how many records the request changes.
func call[In, Out any](ctx context.Context, n *Names, changes int, doing string,
	send func(context.Context, In, ...func(*sdk.Options)) (Out, error), in In) (Out, error) {
	var last error
	out, err := backoff.RetryWithData(func() (Out, error) {
		var none Out
		if err := n.limiter.Wait(ctx, request, changes); err != nil {
			return none, backoff.Permanent(&awserr.Error{Kind: awserr.Throttled, Doing: doing, Err: err})
		}
		out, err := send(ctx, in, once)
		last = explain(err, doing)
		learn(n.limiter, last)
		if last != nil && !passes(last) {
			return none, backoff.Permanent(last)
		}
		return out, last
	}, backoff.WithContext(n.busy(), ctx))
	if err != nil && awserr.KindOf(err) == "" && last != nil {
		err = last // the context ended in a pause: what Route 53 said tells more
	}
	return out, err
}

// passes tells whether an error is likely to pass by itself.
func passes(err error) bool {
	kind := awserr.KindOf(err)
	return kind == awserr.Throttled || kind == awserr.Ambiguous
}

// learn takes in how a request ended. That the batch before is not in is no rate.
func learn(l *awslimit.Limiter, err error) {
	if !isBusy(err) {
		l.Learn(request, err)
	}
}

// isBusy tells whether Route 53 still worked on the batch before.
func isBusy(err error) bool {
	var e *awserr.Error
	return errors.As(err, &e) && e.Code == busyCode
}

// inTurn runs f while no other batch of ours is under way in the zone.
func (n *Names) inTurn(ctx context.Context, doing string, f func() error) error {
	select {
	case n.turn <- struct{}{}:
		defer func() { <-n.turn }()
		return f()
	case <-ctx.Done():
		return &awserr.Error{Kind: awserr.Throttled, Doing: doing, Advice: "other changes of the zone take long; it is tried again",
			Err: context.Cause(ctx)}
	}
}
