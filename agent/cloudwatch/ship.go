package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"
	"github.com/cenkalti/backoff/v4"
)

const (
	// maxMetrics and maxBytes are CloudWatch's limits for a request, the second less
	// what surrounds the metrics. The size is before compression.
	maxMetrics = 1000
	maxBytes   = 1_000_000
	// attempts bound what a throttled account is asked by each machine: AWS takes 500
	// requests a second, and there is another turn in a minute.
	attempts = 3
	// attemptBound is for a connection that died: an answer takes milliseconds.
	attemptBound = 10 * time.Second
	// firstPause is long enough for a second's quota to be another.
	firstPause = 2 * time.Second
)

// ship sends the data in as few requests as take it. What fails is dropped; the
// rest goes on, unless nothing would get through.
func (s *Shipper) ship(ctx context.Context, data []types.MetricDatum) error {
	var failed []error
	for _, batch := range batches(data) {
		if err := s.put(ctx, batch); err != nil {
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed...)
}

// batches cut the data to what one request takes.
func batches(data []types.MetricDatum) [][]types.MetricDatum {
	var all [][]types.MetricDatum
	start, size := 0, 0
	for i := range data {
		cost := sizeOf(data[i])
		if i > start && (i-start == maxMetrics || size+cost > maxBytes) {
			all = append(all, data[start:i])
			start, size = i, 0
		}
		size += cost
	}
	if start < len(data) {
		all = append(all, data[start:])
	}
	return all
}

// Of a datum on the wire, at most: its fields with their names, and numbers as text.
const (
	datumCost  = 300
	fieldCost  = 120
	numberCost = 80
)

// sizeOf is more than a datum takes, in any of AWS's protocols: in the oldest a
// character may take three.
func sizeOf(d types.MetricDatum) int {
	size := datumCost + 3*len(aws.ToString(d.MetricName)) + numberCost*(len(d.Values)+len(d.Counts))
	for _, dimension := range d.Dimensions {
		size += fieldCost + 3*(len(aws.ToString(dimension.Name))+len(aws.ToString(dimension.Value)))
	}
	return size
}

// put sends one request, a few times at most.
func (s *Shipper) put(ctx context.Context, batch []types.MetricDatum) error {
	in := &sdk.PutMetricDataInput{Namespace: aws.String(s.opts.Namespace), MetricData: batch}
	pauses := backoff.NewExponentialBackOff(backoff.WithInitialInterval(s.pause), backoff.WithMultiplier(2),
		backoff.WithRandomizationFactor(0.5)) // those who were throttled together do not return together
	err := backoff.Retry(func() error {
		attempt, cancel := context.WithTimeout(ctx, attemptBound)
		defer cancel()
		_, err := s.opts.Client.PutMetricData(attempt, in, once)
		if err != nil && !passing(err) {
			return backoff.Permanent(err)
		}
		return err
	}, backoff.WithContext(backoff.WithMaxRetries(pauses, attempts-1), ctx))
	if err != nil {
		return fmt.Errorf("ship %d metrics to CloudWatch: %w%s", len(batch), err, advice(err))
	}
	return nil
}

// once keeps the SDK from repeating requests: put does.
func once(o *sdk.Options) { o.Retryer = aws.NopRetryer{} }

// passing says whether a request surely did nothing and may do so at the next
// attempt. One whose answer was lost is not sent again: what it counts would count
// twice, and a gap is the lesser evil.
func passing(err error) bool {
	var network *net.OpError
	return retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary ||
		errors.As(err, &network) && network.Op == "dial"
}

// advice is the next step, where a person has one.
func advice(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return ""
	}
	switch api.ErrorCode() {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation":
		return "; allow the machine's role cloudwatch:PutMetricData in this namespace"
	case "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch":
		return "; look at the machine's role and its clock"
	default:
		return ""
	}
}
