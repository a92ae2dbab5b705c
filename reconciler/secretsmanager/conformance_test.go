package secretsmanager_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/reconciler/mototest"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
	"github.com/mainstaydb/mainstay/reconciler/secrets/secretstest"
	"github.com/mainstaydb/mainstay/reconciler/secretsmanager"
)

const value = "correct horse battery staple"

func open(t *testing.T, opts secretsmanager.Options) *secretsmanager.Store {
	t.Helper()
	s, err := secretsmanager.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fresh is a store of a fleet that nobody had before.
func (w *world) fresh(t *testing.T) (s *secretsmanager.Store, prefix string) {
	t.Helper()
	fleet := uuid.NewString()
	return open(t, secretsmanager.Options{Client: w.client, Fleet: fleet}), "mainstay/" + fleet + "/"
}

func TestConformance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	secretstest.Run(t, func(t *testing.T, place string) secrets.Store {
		return open(t, secretsmanager.Options{Client: w.client, Fleet: place})
	})
}

// TestSecretIsOursToFind: by its tag, its name and its key.
func TestSecretIsOursToFind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fleet := uuid.NewString()
	s := open(t, secretsmanager.Options{Client: w.client, Fleet: fleet, KMSKey: "alias/fleet"})
	if _, err := s.Create(t.Context(), "deployments/d/password", []byte(value)); err != nil {
		t.Fatal(err)
	}
	out, err := w.client.DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: aws.String("mainstay/" + fleet + "/deployments/d/password")})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Tags) != 1 || aws.ToString(out.Tags[0].Key) != "mainstay:fleet" || aws.ToString(out.Tags[0].Value) != fleet {
		t.Errorf("tags %v", out.Tags)
	}
	if aws.ToString(out.KmsKeyId) != "alias/fleet" {
		t.Errorf("key %q", aws.ToString(out.KmsKeyId))
	}
}

// TestMemory: a second pass over a fleet asks AWS nothing, and a restart asks once
// for each.
func TestMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, prefix := w.fresh(t)
	names := []string{"a", "b", "c"}
	for _, name := range names {
		if _, err := s.Create(t.Context(), name, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	pass := func(s secrets.Store) {
		for range 100 {
			for _, name := range names {
				if got, err := s.Get(t.Context(), name); err != nil || string(got) != value {
					t.Fatalf("%s is %q, %v", name, got, err)
				}
			}
		}
	}
	pass(s)
	if n := w.Since("GetSecretValue"); n != 0 {
		t.Errorf("%d reads of what was just made", n)
	}
	again := open(t, secretsmanager.Options{Client: w.client, Fleet: strings.Split(prefix, "/")[1]})
	pass(again)
	if n := w.Since("GetSecretValue"); n != len(names) {
		t.Errorf("%d reads after a restart, want %d", n, len(names))
	}
}

// TestByHand: what a person made, as text, is taken as it is.
func TestByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, prefix := w.fresh(t)
	for name, text := range map[string]*string{"text": aws.String(value), "none": nil} {
		if _, err := w.client.CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: aws.String(prefix + name), SecretString: text}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Create(t.Context(), "text", []byte("another")); err != nil || string(got) != value {
		t.Errorf("a secret made by hand is %q, %v", got, err)
	}
	_, err := s.Create(t.Context(), "none", []byte("another"))
	refuses(t, "a secret without a value", err, "has no value", "put-secret-value", prefix+"none")
	if errors.Is(err, secrets.ErrNotFound) {
		t.Error("a secret without a value counts as one that can be made")
	}
}

func TestScheduledForDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, prefix := w.fresh(t)
	for _, name := range []string{"a", "b"} {
		if _, err := s.Create(t.Context(), name, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	id := aws.String(prefix + "a")
	if _, err := w.client.DeleteSecret(t.Context(), &sdk.DeleteSecretInput{SecretId: id, RecoveryWindowInDays: aws.Int64(7)}); err != nil {
		t.Fatal(err)
	}
	later := open(t, secretsmanager.Options{Client: w.client, Fleet: strings.Split(prefix, "/")[1]})
	_, err := later.Get(t.Context(), "a")
	refuses(t, "Get", err, "scheduled for deletion", "restore-secret", prefix+"a")
	if errors.Is(err, secrets.ErrNotFound) {
		t.Error("a deleted secret counts as one that can be made")
	}
	_, err = later.Create(t.Context(), "a", []byte("another"))
	refuses(t, "Create", err, "scheduled for deletion", "restore-secret", prefix+"a")
	_, err = secrets.Password(t.Context(), later, "d")
	if err != nil {
		t.Errorf("another secret: %v", err)
	}
	if _, err := w.client.RestoreSecret(t.Context(), &sdk.RestoreSecretInput{SecretId: id}); err != nil {
		t.Fatal(err)
	}
	if got, err := later.Get(t.Context(), "a"); err != nil || string(got) != value {
		t.Errorf("brought back: %q, %v", got, err)
	}
}

// TestPassingFaults: what AWS says for a moment costs time and nothing else.
func TestPassingFaults(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*mototest.Fault{
		"throttled":             {Status: 400, Code: "ThrottlingException", Message: "Rate exceeded"},
		"internal error":        {Status: 500, Code: "InternalServiceError", Message: "An error occurred"},
		"unavailable":           {Status: 503, Code: "ServiceUnavailable", Message: "try later"},
		"done, and answer lost": {Status: 500, Code: "InternalServiceError", Message: "An error occurred", After: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s, _ := w.fresh(t)
			w.Failing(func(r mototest.Request) *mototest.Fault {
				if r.Times <= 2 {
					return f
				}
				return nil
			})
			got, err := s.Create(t.Context(), "a", []byte(value))
			if err != nil || string(got) != value {
				t.Fatalf("Create: %q, %v", got, err)
			}
			if n := w.Since("CreateSecret"); n != 3 {
				t.Errorf("%d creations were sent, want 3", n)
			}
			if got, err := s.Get(t.Context(), "a"); err != nil || string(got) != value {
				t.Errorf("Get: %q, %v", got, err)
			}
		})
	}
}

// TestThrottledThroughout ends with the caller's patience, and says why.
func TestThrottledThroughout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, _ := w.fresh(t)
	w.Failing(func(mototest.Request) *mototest.Fault {
		return &mototest.Fault{Status: 400, Code: "ThrottlingException", Message: "Rate exceeded"}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // some attempts long, also on a busy machine
	defer cancel()
	_, err := s.Get(ctx, "a")
	refuses(t, "throttled throughout", err, "throttles", "Rate exceeded")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v does not say that time was up", err)
	}
	if n := w.Since("GetSecretValue"); n < 2 {
		t.Errorf("%d attempts", n)
	}
}

// TestLag: a read may not know yet what another control plane just made.
func TestLag(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, prefix := w.fresh(t)
	if _, err := one.Create(t.Context(), "a", []byte(value)); err != nil {
		t.Fatal(err)
	}
	other := open(t, secretsmanager.Options{Client: w.client, Fleet: strings.Split(prefix, "/")[1]})
	w.Failing(func(r mototest.Request) *mototest.Fault {
		if r.Action == "GetSecretValue" && r.Times <= 2 {
			return &mototest.Fault{Status: 400, Code: "ResourceNotFoundException", Message: "Secrets Manager can't find the specified secret."}
		}
		return nil
	})
	if got, err := other.Create(t.Context(), "a", []byte("another")); err != nil || string(got) != value {
		t.Fatalf("Create: %q, %v", got, err)
	}
}

// TestLastingFaults: each is asked once and told with its next step, and no value
// is in what is told or logged.
func TestLastingFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code, message string
		get, make     []string // words
	}{
		"expired": {"ExpiredTokenException", "The security token included in the request is expired",
			[]string{"credentials", "get-caller-identity"}, []string{"credentials", "get-caller-identity"}},
		"wrong token": {"UnrecognizedClientException", "The security token included in the request is invalid.",
			[]string{"credentials"}, []string{"credentials"}},
		"denied": {"AccessDeniedException", "User: u is not authorized to perform: secretsmanager:X",
			[]string{"secretsmanager:GetSecretValue", "secret:mainstay/"}, []string{"secretsmanager:CreateSecret", "secretsmanager:TagResource"}},
		"key denied": {"AccessDeniedException", "Access to KMS is not allowed",
			[]string{"kms:Decrypt", "alias/fleet"}, []string{"kms:GenerateDataKey", "alias/fleet"}},
		"key disabled": {"DecryptionFailure", "Secrets Manager can't decrypt", []string{"enabled"}, []string{"enabled"}},
		"quota":        {"LimitExceededException", "too many", []string{"quota"}, []string{"quota"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var log bytes.Buffer
			s := open(t, secretsmanager.Options{Client: w.client, Fleet: uuid.NewString(), KMSKey: "alias/fleet",
				Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
			w.Failing(func(mototest.Request) *mototest.Fault { return &mototest.Fault{Code: c.code, Message: c.message} })
			_, err := s.Get(t.Context(), "a")
			refuses(t, "Get", err, append(c.get, c.message)...)
			if errors.Is(err, secrets.ErrNotFound) {
				t.Error("it counts as a secret that can be made")
			}
			_, err = s.Create(t.Context(), "a", []byte(value))
			refuses(t, "Create", err, append(c.make, c.message)...)
			if w.Since("GetSecretValue") != 1 || w.Since("CreateSecret") != 1 {
				t.Errorf("asked %d and %d times", w.Since("GetSecretValue"), w.Since("CreateSecret"))
			}
			w.Failing(nil)
			if _, err := s.Create(t.Context(), "a", []byte(value)); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			if strings.Contains(log.String(), value) || !strings.Contains(log.String(), "secret made") {
				t.Errorf("the log: %s", log.String())
			}
		})
	}
}

// refuses wants an error with these words and without the value.
func refuses(t *testing.T, what string, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v; want %q in it", what, err, word)
		}
	}
	if strings.Contains(err.Error(), value) {
		t.Errorf("%s: the value is in the error: %v", what, err)
	}
}
