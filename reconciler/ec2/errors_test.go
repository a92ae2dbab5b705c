package ec2

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

// coded is an error of AWS without the answer that it came in.
func coded(code string) error { return &smithy.GenericAPIError{Code: code, Message: "because"} }

// TestKinds: what EC2's own codes mean. What all services have in common is tested
// with package awserr.
func TestKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code string
		want awserr.Kind
	}{
		{"InvalidInstanceID.NotFound", awserr.NotFound},
		{"InvalidVolume.NotFound", awserr.NotFound},
		{"InvalidSnapshot.NotFound", awserr.NotFound},
		{"RequestLimitExceeded", awserr.Throttled},
		{"EC2ThrottledException", awserr.Throttled},
		{"InsufficientInstanceCapacity", NoCapacity},
		{"VcpuLimitExceeded", awserr.Quota},
		{"UnauthorizedOperation", awserr.Denied},
		{"RequestExpired", awserr.Denied},
		{"VolumeInUse", awserr.Conflict},
		{"IncorrectInstanceState", awserr.Conflict},
		{"SnapshotCreationPerVolumeRateExceeded", awserr.Conflict},
		{"InvalidSnapshot.InUse", awserr.Conflict},
		{"IdempotentParameterMismatch", Mismatch},
		{"OperationNotPermitted", awserr.Refused},
		{"InternalError", awserr.Ambiguous},
		{"Unavailable", awserr.Ambiguous},
	} {
		cause := coded(c.code)
		err := explain(cause, "launch machines with token abc")
		if got := awserr.KindOf(err); got != c.want {
			t.Errorf("%s is %q, want %q", c.code, got, c.want)
		}
		if want := fmt.Sprintf("launch machines with token abc: %s: %s: because", c.want, c.code); !errors.Is(err, cause) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("the error does not tell what was done and what happened: %v", err)
		}
	}
	if explain(nil, "x") != nil {
		t.Error("what did not fail has a kind")
	}
}
