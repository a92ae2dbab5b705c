package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
)

// explain turns an error of the SDK into a sentence with the next step.
func (s *Store) explain(err error, doing, name string) error {
	return fmt.Errorf("cannot %s secret %s in AWS Secrets Manager; %s: %w", doing, s.id(name), s.advice(err, doing, name), err)
}

// advice is the next step.
func (s *Store) advice(err error, doing, name string) string {
	code, message := codeOf(err)
	switch {
	case errors.Is(err, context.Canceled) && code == "":
		return "it was broken off"
	case throttled(err):
		return "AWS throttles it, because the account asks too often; it is tried again at the next pass"
	case deleted(err):
		return "it is scheduled for deletion, and what it is for needs it; bring it back with aws secretsmanager restore-secret --secret-id " + s.id(name)
	case strings.Contains(message, "kms:") || strings.Contains(message, "Access to KMS") || kmsCodes[code]:
		return "allow the control plane's role kms:Decrypt and kms:GenerateDataKey on the key " + s.keyName() + ", and see that it is enabled"
	case code == "AccessDeniedException" || code == "AccessDenied":
		return "allow the control plane's role " + permissions[doing] + " on secret:" + s.prefix() + "*"
	case credentialCodes[code] || strings.Contains(err.Error(), "get credentials: "):
		return "look at the control plane's credentials: they have ended, or are not for this account (aws sts get-caller-identity)"
	case quota(err):
		return "the account has as many secrets as its quota allows; ask AWS for a higher one"
	case doing == "make" && notFound(err):
		return "see that the key " + s.keyName() + " is there and in this region"
	default:
		return "it is tried again at the next pass"
	}
}

// permissions is what the role needs.
var permissions = map[string]string{
	"read": "secretsmanager:GetSecretValue",
	"make": "secretsmanager:CreateSecret and secretsmanager:TagResource",
}

// kmsCodes are AWS's for a key that is not there, not enabled or not ours.
var kmsCodes = map[string]bool{"DecryptionFailure": true, "EncryptionFailure": true}

// credentialCodes are AWS's for credentials that are not good.
var credentialCodes = map[string]bool{
	"ExpiredToken": true, "ExpiredTokenException": true, "RequestExpired": true, "InvalidClientTokenId": true, "UnrecognizedClientException": true,
	"InvalidSignatureException": true, "SignatureDoesNotMatch": true, "MissingAuthenticationToken": true, "IncompleteSignature": true,
}

func (s *Store) keyName() string {
	if s.kmsKey == "" {
		return "aws/secretsmanager"
	}
	return s.kmsKey
}

// codeOf is what AWS said.
func codeOf(err error) (code, message string) {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode(), api.ErrorMessage()
	}
	return "", ""
}

func notFound(err error) bool {
	var missing *types.ResourceNotFoundException
	return errors.As(err, &missing)
}

// deleted: a secret stays for some days after its deletion, under its name, and
// has no code of its own.
func deleted(err error) bool {
	var invalid *types.InvalidRequestException
	return errors.As(err, &invalid) && strings.Contains(invalid.ErrorMessage(), "delet")
}
