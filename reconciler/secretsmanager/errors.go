package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

// explain turns an error of the SDK into a sentence with the next step.
func (s *Store) explain(err error, doing, name string) error {
	return fmt.Errorf("cannot %s secret %s in AWS Secrets Manager; %s: %w", doing, s.id(name), s.advice(err, doing, name), err)
}

// advice is the next step.
func (s *Store) advice(err error, doing, name string) string {
	kind, code := service.Classify(err)
	switch {
	case errors.Is(err, context.Canceled) && code == "":
		return "it was broken off"
	case kind == awserr.Throttled:
		return "AWS throttles it, because the account asks too often; it is tried again at the next pass"
	case deleted(err):
		return "it is scheduled for deletion, and what it is for needs it; bring it back with aws secretsmanager restore-secret --secret-id " + s.id(name)
	case kind == badKey || keyDenied(err):
		return "allow the control plane's role kms:Decrypt and kms:GenerateDataKey on the key " + s.keyName() + ", and see that it is enabled"
	case code == "AccessDeniedException" || code == "AccessDenied":
		return "allow the control plane's role " + permissions[doing] + " on secret:" + s.prefix() + "*"
	case kind == awserr.Denied || strings.Contains(err.Error(), "get credentials: "): // another service may have said why
		return "look at the control plane's credentials: they have ended, or are not for this account (aws sts get-caller-identity)"
	case kind == awserr.Quota:
		return "the account has as many secrets as its quota allows; ask AWS for a higher one"
	case doing == "make" && kind == awserr.NotFound:
		return "see that the key " + s.keyName() + " is there and in this region"
	default:
		return "it is tried again at the next pass"
	}
}

// badKey is a kind of this service's own: a KMS key that is not there, not enabled
// or not ours.
const badKey awserr.Kind = "bad key"

// service is what the errors of Secrets Manager mean.
var service = awserr.Service{Codes: map[string]awserr.Kind{
	"ResourceNotFoundException": awserr.NotFound,
	// The account has as many secrets as it may. The SDK takes the code for throttling,
	// as which other services use it.
	"LimitExceededException":    awserr.Quota,
	"InvalidSignatureException": awserr.Denied,
	"DecryptionFailure":         badKey, "EncryptionFailure": badKey,
}}

// permissions is what the role needs.
var permissions = map[string]string{
	"read": "secretsmanager:GetSecretValue",
	"make": "secretsmanager:CreateSecret and secretsmanager:TagResource",
}

func (s *Store) keyName() string {
	if s.kmsKey == "" {
		return "aws/secretsmanager"
	}
	return s.kmsKey
}

func notFound(err error) bool {
	kind, _ := service.Classify(err)
	return kind == awserr.NotFound
}

// keyDenied: a refusal for the key's sake has the code of one for the secret's.
func keyDenied(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && (strings.Contains(api.ErrorMessage(), "kms:") || strings.Contains(api.ErrorMessage(), "Access to KMS"))
}

// deleted: a secret stays for some days after its deletion, under its name, and
// has no code of its own.
func deleted(err error) bool {
	var invalid *types.InvalidRequestException
	return errors.As(err, &invalid) && strings.Contains(invalid.ErrorMessage(), "delet")
}
