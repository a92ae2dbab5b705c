package ec2

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/mainstaydb/mainstay/reconciler"
)

// answered is an error as the SDK returns it for an answer.
func answered(status int, code string) error {
	var api error = errors.New("no XML")
	if code != "" {
		api = &smithy.GenericAPIError{Code: code, Message: "because"}
	}
	return &smithy.OperationError{ServiceID: "EC2", OperationName: "RunInstances", Err: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: api,
	}}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want Kind
	}{
		{answered(400, "InvalidInstanceID.NotFound"), NotFound},
		{answered(400, "InvalidVolume.NotFound"), NotFound},
		{answered(503, "RequestLimitExceeded"), Throttled},
		{answered(400, "Throttling"), Throttled},
		{answered(500, "InsufficientInstanceCapacity"), NoCapacity},
		{answered(400, "VcpuLimitExceeded"), Quota},
		{answered(403, "UnauthorizedOperation"), Denied},
		{answered(400, "RequestExpired"), Denied},
		{answered(400, "VolumeInUse"), Conflict},
		{answered(400, "IncorrectInstanceState"), Conflict},
		{answered(400, "SnapshotCreationPerVolumeRateExceeded"), Conflict},
		{answered(400, "InvalidSnapshot.InUse"), Conflict},
		{answered(400, "InvalidSnapshot.NotFound"), NotFound},
		{answered(400, "IdempotentParameterMismatch"), Mismatch},
		{answered(400, "InvalidParameterValue"), Refused},
		{answered(400, "SomethingNew"), Refused},
		{answered(500, "SomethingNew"), Ambiguous},
		{answered(500, "InternalError"), Ambiguous},
		{answered(503, "Unavailable"), Ambiguous},
		{answered(502, ""), Ambiguous},
		{answered(200, ""), Ambiguous}, // done, perhaps, and the answer cannot be read
		{context.DeadlineExceeded, Ambiguous},
		{errors.New("connection reset by peer"), Ambiguous},
		{fmt.Errorf("get identity: get credentials: %w", errors.New("no role")), Denied},
	} {
		err := explain(c.err, "launch machines with token abc")
		if got := KindOf(err); got != c.want {
			t.Errorf("%v is %q, want %q", c.err, got, c.want)
		}
		if errors.Is(err, reconciler.ErrConflict) != (c.want == Conflict) {
			t.Errorf("%v: a conflict for the loop: %t", c.err, c.want != Conflict)
		}
		if !errors.Is(err, c.err) || !strings.HasPrefix(err.Error(), "launch machines with token abc: ") {
			t.Errorf("the error does not tell what was done and what happened: %v", err)
		}
	}
	if explain(nil, "x") != nil || KindOf(errors.New("another")) != "" {
		t.Error("what is no failed request has a kind")
	}
}

// TestSameFailureSameWords: what status shows changes only when the reason does.
func TestSameFailureSameWords(t *testing.T) {
	t.Parallel()
	refused := func(request, decode string) string {
		api := &smithy.GenericAPIError{Code: "UnauthorizedOperation", Message: "You are not authorized." + encoded + " " + decode}
		return explain(&smithy.OperationError{ServiceID: "EC2", OperationName: "RunInstances", Err: fmt.Errorf("RequestID: %s, %w", request, api)}, "launch").Error()
	}
	one, two := refused("1", "abc"), refused("2", "xyz")
	if one != two || !strings.Contains(one, "UnauthorizedOperation: You are not authorized.; ") {
		t.Errorf("one refusal is %q, the next %q", one, two)
	}
	if err := explain(answered(400, "ExpiredToken"), "list machines"); !strings.Contains(err.Error(), "credentials have ended") {
		t.Errorf("expired credentials: %v", err)
	}
}
