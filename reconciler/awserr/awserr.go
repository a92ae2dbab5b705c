// Package awserr turns errors of AWS's SDK into a few kinds, each with advice in
// words, for the adapters of AWS's services.
//
// It promises that every error has a kind, that Ambiguous is the kind of all that
// may have been done, and that a conflict is the port's reconciler.ErrConflict.
// The codes that mean the same everywhere are known here; what a service adds is
// said by its adapter. It sends nothing and decides nothing about retries.
package awserr

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/mainstaydb/mainstay/reconciler"
)

// A Kind is what an error means for the one who asked. Adapters may have more.
type Kind string

// The kinds that every service has.
const (
	NotFound  Kind = "not found" // there is none, or a listing lags behind
	Throttled Kind = "throttled" // too many requests; nothing was done
	Quota     Kind = "quota"     // the account's limit; a person has to ask for more
	Denied    Kind = "denied"    // credentials or permissions
	Conflict  Kind = "conflict"  // the thing's state forbids it now
	Refused   Kind = "refused"   // the request is wrong; nothing was done
	Ambiguous Kind = "ambiguous" // it is not known what happened
)

// An Error is a failed request. A conflict is a reconciler.ErrConflict too.
type Error struct {
	Kind   Kind
	Code   string // AWS's; empty: it is not AWS who said so
	Doing  string
	Advice string // the next step; empty: the one of the kind
	Err    error
}

// advice is the next step for each kind.
var advice = map[Kind]string{
	Throttled: "it is tried again, more slowly",
	Quota:     "ask AWS for a higher quota, or ask for less",
	Denied:    "compare the credentials and the role's policy with what deploy/ asks for",
	Ambiguous: "it is not known what happened; it is looked at again",
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s: %v", e.Doing, e.Kind, e.Err)
	next := e.Advice
	if next == "" {
		next = advice[e.Kind]
	}
	if next != "" {
		s += "; " + next
	}
	return s
}

// Unwrap returns what happened.
func (e *Error) Unwrap() error { return e.Err }

// Is makes conflicts the port's.
func (e *Error) Is(target error) bool { return target == reconciler.ErrConflict && e.Kind == Conflict }

// KindOf returns the kind of an error; empty: it is not of a request.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

// A Service says what the errors of one AWS service mean beyond what all have in
// common.
type Service struct {
	Codes  map[string]Kind // before the common ones
	Advice map[Kind]string // in place of the common one
}

// Explain turns an error of the SDK into one of a kind. Nil stays nil.
func (s Service) Explain(err error, doing string) error {
	if err == nil {
		return nil
	}
	kind, code := s.Classify(err)
	e := &Error{Kind: kind, Code: code, Doing: doing, Advice: s.Advice[kind], Err: said{err}}
	if expiredCodes[code] {
		e.Advice = expired
	}
	return e
}

// expired is the advice for credentials that were good and are not any more.
const expired = "the credentials have ended: give the control plane fresh ones, or a role of its machine, which renews them"

var expiredCodes = map[string]bool{"ExpiredToken": true, "ExpiredTokenException": true, "RequestExpired": true}

// common are the codes that mean more than their HTTP status, at every service.
var common = map[string]Kind{
	"RequestLimitExceeded": Throttled, "Throttling": Throttled, "ThrottlingException": Throttled, "ThrottledException": Throttled,
	"RequestThrottled": Throttled, "RequestThrottledException": Throttled, "TooManyRequestsException": Throttled, "SlowDown": Throttled,

	"UnauthorizedOperation": Denied, "AuthFailure": Denied, "AccessDenied": Denied, "AccessDeniedException": Denied, "Blocked": Denied,
	"ExpiredToken": Denied, "ExpiredTokenException": Denied, "RequestExpired": Denied, "InvalidClientTokenId": Denied,
	"SignatureDoesNotMatch": Denied, "UnrecognizedClientException": Denied, "OptInRequired": Denied,
	"MissingAuthenticationToken": Denied, "IncompleteSignature": Denied, "NotAuthorized": Denied,

	"InternalError": Ambiguous, "InternalFailure": Ambiguous, "Unavailable": Ambiguous, "ServiceUnavailable": Ambiguous,
	"RequestTimeout": Ambiguous, "RequestTimeoutException": Ambiguous,
}

// Classify is for adapters with sentences of their own: the kind of an error of the
// SDK, and AWS's code if it was AWS who said so. Nil has neither.
func (s Service) Classify(err error) (kind Kind, code string) {
	if err == nil {
		return "", ""
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return transportKind(err), ""
	}
	code = api.ErrorCode()
	if kind, ok := s.Codes[code]; ok {
		return kind, code
	}
	if kind, ok := common[code]; ok {
		return kind, code
	}
	if strings.HasSuffix(code, ".NotFound") {
		return NotFound, code
	}
	// A code we do not know was refused for sure only if AWS says that the request
	// was at fault.
	switch status := statusOf(err); {
	case status == http.StatusTooManyRequests:
		return Throttled, code
	case status >= 400 && status < 500, status == 0 && api.ErrorFault() == smithy.FaultClient:
		return Refused, code
	}
	return Ambiguous, code
}

// transportKind tells a request that never left, for want of credentials, from one
// whose answer is missing.
func transportKind(err error) Kind {
	if statusOf(err) == 0 && strings.Contains(err.Error(), "get credentials: ") {
		return Denied
	}
	return Ambiguous
}

func statusOf(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}
