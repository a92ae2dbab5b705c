// Package secretsmanager keeps a fleet's secrets in AWS Secrets Manager: the store
// that control planes share which run on several machines.
//
// It promises what secrets.Store does: the first value of a name stands, whoever
// else makes one meanwhile, as CreateSecret is refused for a name that is there. It
// never overwrites or deletes. What AWS throttles, or leaves without an answer, is
// tried again until the context ends. Values are remembered, because a secret is
// made once: a pass over a whole fleet asks AWS for what it has not seen. They are
// in no log and no error.
//
// It does not notice when a person changes a value that it has read; a control
// plane that starts again does. It does not rotate secrets, and does not remove
// those of deployments that are gone.
package secretsmanager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/uuid"

	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

// A Client is what is asked of AWS. The SDK's client is one.
type Client interface {
	GetSecretValue(context.Context, *sdk.GetSecretValueInput, ...func(*sdk.Options)) (*sdk.GetSecretValueOutput, error)
	CreateSecret(context.Context, *sdk.CreateSecretInput, ...func(*sdk.Options)) (*sdk.CreateSecretOutput, error)
}

// Options say whose secrets these are.
type Options struct {
	Client Client
	Fleet  string       // secrets are called mainstay/<fleet>/…, and carry it as a tag
	KMSKey string       // id, ARN or alias of the key for secrets to come; empty: AWS's own of the account
	Logger *slog.Logger // nil: nothing is logged
}

// fleetTag is what everything of a fleet carries.
const fleetTag = "mainstay:fleet"

// fleetPattern keeps a fleet's secrets below its own name: a slash would put them
// among another's. With 64 characters names stay below AWS's 512.
var fleetPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// A Store is a secrets.Store in AWS Secrets Manager. Safe for concurrent use.
type Store struct {
	client Client
	fleet  string
	kmsKey string
	log    *slog.Logger
	cache  *cache
}

// New returns the store of a fleet. It asks AWS nothing.
func New(opts Options) (*Store, error) {
	if opts.Client == nil {
		return nil, errors.New("the secret store in AWS needs the option Client")
	}
	if !fleetPattern.MatchString(opts.Fleet) {
		return nil, fmt.Errorf("%q cannot be a fleet's name in AWS Secrets Manager: use letters, digits, '.', '_' and '-', at most 64", opts.Fleet)
	}
	s := &Store{client: opts.Client, fleet: opts.Fleet, kmsKey: opts.KMSKey, log: opts.Logger, cache: newCache(cacheLimit)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

// id is what AWS knows a secret by.
func (s *Store) id(name string) string { return s.prefix() + name }

func (s *Store) prefix() string { return "mainstay/" + s.fleet + "/" }

// Get implements secrets.Store.
func (s *Store) Get(ctx context.Context, name string) ([]byte, error) {
	if err := secrets.CheckName(name); err != nil {
		return nil, err
	}
	if value, ok := s.cache.get(name); ok {
		return value, nil
	}
	out, err := call(ctx, s.client.GetSecretValue, &sdk.GetSecretValueInput{SecretId: aws.String(s.id(name))})
	if notFound(err) {
		return nil, fmt.Errorf("secret %s in AWS Secrets Manager: %w", s.id(name), secrets.ErrNotFound)
	}
	if err != nil {
		return nil, s.explain(err, "read", name)
	}
	value := out.SecretBinary
	if value == nil { // a person made it, as text
		value = []byte(aws.ToString(out.SecretString))
	}
	if len(value) == 0 {
		return nil, fmt.Errorf("secret %s in AWS Secrets Manager is empty; restore its value from a backup", s.id(name))
	}
	s.cache.put(name, value)
	return value, nil
}

// Create implements secrets.Store.
func (s *Store) Create(ctx context.Context, name string, value []byte) ([]byte, error) {
	if err := secrets.CheckNew(name, value); err != nil {
		return nil, err
	}
	_, err := call(ctx, s.client.CreateSecret, s.creation(name, value))
	var exists *types.ResourceExistsException
	switch {
	case errors.As(err, &exists):
		return s.standing(ctx, name)
	case err != nil:
		return nil, s.explain(err, "make", name)
	}
	s.log.Info("secret made in AWS Secrets Manager", "name", s.id(name))
	s.cache.put(name, value)
	return bytes.Clone(value), nil
}

// creation is the request. Its token is the same for every attempt, so that one
// whose answer was lost is not mistaken for somebody else's.
func (s *Store) creation(name string, value []byte) *sdk.CreateSecretInput {
	in := &sdk.CreateSecretInput{
		Name: aws.String(s.id(name)), SecretBinary: value, ClientRequestToken: aws.String(uuid.NewString()),
		Description: aws.String("Made by Mainstay, which reads it for the fleet " + s.fleet + " and never changes it."),
		Tags:        []types.Tag{{Key: aws.String(fleetTag), Value: aws.String(s.fleet)}},
	}
	if s.kmsKey != "" {
		in.KmsKeyId = aws.String(s.kmsKey)
	}
	return in
}

// standing reads what another control plane made. A read may lag behind its
// creation.
func (s *Store) standing(ctx context.Context, name string) ([]byte, error) {
	var value []byte
	err := until(ctx, lag, func() error {
		var err error
		value, err = s.Get(ctx, name)
		return err
	}, func(err error) bool { return errors.Is(err, secrets.ErrNotFound) })
	if errors.Is(err, secrets.ErrNotFound) {
		// Not wrapped: to whoever asks, "not found" would mean that one can be made.
		return nil, fmt.Errorf("secret %s is in AWS Secrets Manager and has no value, so it was not made by Mainstay; give it the value it should have "+
			"with aws secretsmanager put-secret-value, or delete it with aws secretsmanager delete-secret --force-delete-without-recovery", s.id(name))
	}
	return value, err
}
