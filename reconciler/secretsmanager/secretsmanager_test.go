package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	client := sdk.New(sdk.Options{})
	for name, opts := range map[string]Options{
		"no client": {Fleet: "f"}, "no fleet": {Client: client}, "another's names": {Client: client, Fleet: "f/deployments"},
		"too long": {Client: client, Fleet: strings.Repeat("f", 65)}, "hidden": {Client: client, Fleet: ".f"},
	} {
		if _, err := New(opts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := New(Options{Client: client, Fleet: strings.Repeat("f", 64)}); err != nil {
		t.Error(err)
	}
}

// TestNoCredentials: a role that cannot be had is told as what it is, at once.
func TestNoCredentials(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Fleet: "f", Client: sdk.NewFromConfig(aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String("http://127.0.0.1:1"),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, errors.New("the instance has no role")
		})})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "the instance has no role") || !strings.Contains(err.Error(), "credentials") {
		t.Errorf("Get: %v", err)
	}
}

// TestNobodyListens ends with the caller's patience.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Fleet: "f", Client: sdk.NewFromConfig(aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String("http://127.0.0.1:1"),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // some attempts long, also on a busy machine
	defer cancel()
	if _, err := s.Get(ctx, "a"); err == nil || !strings.Contains(err.Error(), "connection refused") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Get: %v", err)
	}
}

// TestPatience: without an end of its own, a caller waits for a minute of
// throttling, and not much longer; a silent connection is given up and tried again.
func TestPatience(t *testing.T) {
	t.Parallel()
	throttle := &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded"}
	for name, c := range map[string]struct {
		send        func(ctx context.Context, n int) error
		least, most time.Duration
		attempts    int // at most
		ok          bool
	}{
		"throttled for ever": {func(context.Context, int) error { return throttle }, 50 * time.Second, patience + longestPause, 40, false},
		"refused":            {func(context.Context, int) error { return &smithy.GenericAPIError{Code: "AccessDeniedException"} }, 0, 0, 1, false},
		"silent once": {func(ctx context.Context, n int) error {
			if n > 1 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}, attemptBound, attemptBound + time.Second, 2, true},
		"throttled half a minute": {func(_ context.Context, n int) error {
			if n > 8 {
				return nil
			}
			return throttle
		}, 5 * time.Second, 40 * time.Second, 9, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, start := 0, time.Now()
				_, err := call(t.Context(), func(ctx context.Context, _ int, _ ...func(*sdk.Options)) (int, error) {
					n++
					return 0, c.send(ctx, n)
				}, 0)
				took := time.Since(start)
				if (err == nil) != c.ok || took < c.least || took > c.most || n > c.attempts {
					t.Errorf("%v after %d attempts in %s", err, n, took)
				}
			})
		})
	}
}

// TestCancelled: a caller that goes does not wait for a pause to end.
func TestCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		time.AfterFunc(time.Second, cancel)
		_, err := call(ctx, func(context.Context, int, ...func(*sdk.Options)) (int, error) {
			return 0, &smithy.GenericAPIError{Code: "ThrottlingException"}
		}, 0)
		if kind, _ := service.Classify(err); !errors.Is(err, context.Canceled) || kind != awserr.Throttled || time.Since(start) != time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	const limit = 10_000
	c := newCache(limit)
	for i := range 1000 {
		name := fmt.Sprint("name", i)
		c.put(name, make([]byte, i%500))
		if got, ok := c.get(name); !ok || len(got) != i%500 {
			t.Fatalf("%s is forgotten at once", name)
		}
		sum := 0
		for name, value := range c.values {
			sum += costOf(name, value)
		}
		if sum != c.size || sum > limit {
			t.Fatalf("%d bytes, counted as %d", sum, c.size)
		}
	}
	if len(c.values) < 10 {
		t.Errorf("only %d are remembered", len(c.values))
	}
	c.put("huge", make([]byte, limit))
	if _, ok := c.get("huge"); ok || len(c.values) < 10 {
		t.Error("what does not fit pushed out what did")
	}
}
