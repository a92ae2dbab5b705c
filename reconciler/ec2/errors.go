package ec2

import (
	"errors"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

// The kinds of error that EC2 has beyond those of every service.
const (
	NoCapacity awserr.Kind = "no capacity" // AWS has no such machine in that zone now
	Mismatch   awserr.Kind = "mismatch"    // the token was used for another request
)

// service is what EC2's errors mean.
var service = awserr.Service{
	Codes: map[string]awserr.Kind{
		"EC2ThrottledException": awserr.Throttled,

		"InsufficientInstanceCapacity": NoCapacity, "InsufficientHostCapacity": NoCapacity, "InsufficientCapacity": NoCapacity,
		"InsufficientReservedInstanceCapacity": NoCapacity, "InsufficientVolumeCapacity": NoCapacity,
		"InsufficientFreeAddressesInSubnet": NoCapacity,

		"InstanceLimitExceeded": awserr.Quota, "VcpuLimitExceeded": awserr.Quota, "VolumeLimitExceeded": awserr.Quota,
		"MaxIOPSLimitExceeded": awserr.Quota, "AttachmentLimitExceeded": awserr.Quota, "TagLimitExceeded": awserr.Quota,
		"MaxSpotInstanceCountExceeded": awserr.Quota, "PendingVerification": awserr.Quota, "SnapshotLimitExceeded": awserr.Quota,

		"VolumeInUse": awserr.Conflict, "IncorrectState": awserr.Conflict, "IncorrectStateException": awserr.Conflict,
		"IncorrectInstanceState": awserr.Conflict, "IncorrectModificationState": awserr.Conflict,
		"VolumeModificationRateExceeded": awserr.Conflict, "InvalidSnapshot.InUse": awserr.Conflict,
		"ConcurrentSnapshotLimitExceeded": awserr.Conflict, "SnapshotCreationPerVolumeRateExceeded": awserr.Conflict,

		"IdempotentParameterMismatch": Mismatch, "OperationNotPermitted": awserr.Refused,
	},
	Advice: map[awserr.Kind]string{NoCapacity: "it is tried again; another zone or instance type may have some"},
}

// expired is the advice for credentials that were good and are not any more.
const expired = "the credentials have ended: give the control plane fresh ones, or a role of its machine, which renews them"

var expiredCodes = map[string]bool{"ExpiredToken": true, "ExpiredTokenException": true, "RequestExpired": true}

// explain turns an error of the SDK into one of a kind. Nil stays nil.
func explain(err error, doing string) error {
	err = service.Explain(err, doing)
	var e *awserr.Error
	if !errors.As(err, &e) {
		return err
	}
	if expiredCodes[e.Code] {
		e.Advice = expired
	}
	e.Err = said{e.Err}
	return e
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
