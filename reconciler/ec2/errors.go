package ec2

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/mainstaydb/mainstay/reconciler"
)

// A Kind is what an error means for the one who asked.
type Kind string

// The kinds of error.
const (
	NotFound   Kind = "not found"   // there is none, or a listing lags behind
	Throttled  Kind = "throttled"   // too many requests; nothing was done
	NoCapacity Kind = "no capacity" // AWS has no such machine in that zone now
	Quota      Kind = "quota"       // the account's limit; a person has to ask for more
	Denied     Kind = "denied"      // credentials or permissions
	Conflict   Kind = "conflict"    // the thing's state forbids it now
	Mismatch   Kind = "mismatch"    // the token was used for another request
	Refused    Kind = "refused"     // the request is wrong; nothing was done
	Ambiguous  Kind = "ambiguous"   // it is not known what happened
)

// An Error is a failed request. A conflict is a reconciler.ErrConflict too.
type Error struct {
	Kind  Kind
	Code  string // AWS's
	Doing string
	Err   error
}

// advice is the next step for each kind.
var advice = map[Kind]string{
	Throttled:  "it is tried again, more slowly",
	NoCapacity: "it is tried again; another zone or instance type may have some",
	Quota:      "ask AWS for a higher quota, or ask for less",
	Denied:     "compare the credentials and the role's policy with what deploy/ asks for",
	Ambiguous:  "it is not known what happened; it is looked at again",
}

// expired is the advice for credentials that were good and are not any more.
const expired = "the credentials have ended: give the control plane fresh ones, or a role of its machine, which renews them"

var expiredCodes = map[string]bool{"ExpiredToken": true, "ExpiredTokenException": true, "RequestExpired": true}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s: %v", e.Doing, e.Kind, e.Err)
	switch a := advice[e.Kind]; {
	case expiredCodes[e.Code]:
		s += "; " + expired
	case a != "":
		s += "; " + a
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

// kinds are AWS's codes that mean more than their HTTP status.
var kinds = map[string]Kind{
	"RequestLimitExceeded": Throttled, "Throttling": Throttled, "ThrottlingException": Throttled,
	"RequestThrottled": Throttled, "TooManyRequestsException": Throttled, "EC2ThrottledException": Throttled, "SlowDown": Throttled,

	"InsufficientInstanceCapacity": NoCapacity, "InsufficientHostCapacity": NoCapacity, "InsufficientCapacity": NoCapacity,
	"InsufficientReservedInstanceCapacity": NoCapacity, "InsufficientVolumeCapacity": NoCapacity,
	"InsufficientFreeAddressesInSubnet": NoCapacity,

	"InstanceLimitExceeded": Quota, "VcpuLimitExceeded": Quota, "VolumeLimitExceeded": Quota, "MaxIOPSLimitExceeded": Quota,
	"AttachmentLimitExceeded": Quota, "TagLimitExceeded": Quota, "MaxSpotInstanceCountExceeded": Quota, "PendingVerification": Quota,

	"UnauthorizedOperation": Denied, "AuthFailure": Denied, "AccessDenied": Denied, "AccessDeniedException": Denied, "Blocked": Denied,
	"ExpiredToken": Denied, "ExpiredTokenException": Denied, "RequestExpired": Denied, "InvalidClientTokenId": Denied,
	"SignatureDoesNotMatch": Denied, "UnrecognizedClientException": Denied, "OptInRequired": Denied, "MissingAuthenticationToken": Denied,

	"VolumeInUse": Conflict, "IncorrectState": Conflict, "IncorrectInstanceState": Conflict, "IncorrectModificationState": Conflict,
	"VolumeModificationRateExceeded": Conflict, "OperationNotPermitted": Refused, "IncorrectStateException": Conflict,

	"ConcurrentSnapshotLimitExceeded": Conflict, "InvalidSnapshot.InUse": Conflict, "SnapshotCreationPerVolumeRateExceeded": Conflict,
	"SnapshotLimitExceeded": Quota,

	"IdempotentParameterMismatch": Mismatch,

	"InternalError": Ambiguous, "InternalFailure": Ambiguous, "Unavailable": Ambiguous, "ServiceUnavailable": Ambiguous,
	"RequestTimeout": Ambiguous, "RequestTimeoutException": Ambiguous,
}

// explain turns an error of the SDK into one of a few kinds. Nil stays nil.
func explain(err error, doing string) error {
	if err == nil {
		return nil
	}
	kind, code := kindOf(err)
	return &Error{Kind: kind, Code: code, Doing: doing, Err: said{err}}
}

// A said is an error in AWS's own words. The SDK puts the number of the request
// before them, which would make each failure another reason for people to read and
// for status to record.
type said struct{ error }

// encoded begins what AWS adds to a refusal for those who can decode it: it differs
// each time.
const encoded = " Encoded authorization failure message:"

func (s said) Error() string {
	var api smithy.APIError
	if !errors.As(s.error, &api) {
		return s.error.Error()
	}
	message, _, _ := strings.Cut(api.ErrorMessage(), encoded)
	return api.ErrorCode() + ": " + message
}

func (s said) Unwrap() error { return s.error }

func kindOf(err error) (Kind, string) {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return transportKind(err), ""
	}
	code := api.ErrorCode()
	if kind, ok := kinds[code]; ok {
		return kind, code
	}
	if strings.HasSuffix(code, ".NotFound") {
		return NotFound, code
	}
	// A code we do not know was refused for sure only if AWS says that the request
	// was at fault.
	if status := statusOf(err); status >= 400 && status < 500 || status == 0 && api.ErrorFault() == smithy.FaultClient {
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
