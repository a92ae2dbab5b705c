package awserr_test

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
	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

const noCapacity awserr.Kind = "no capacity"

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
	service := awserr.Service{
		Codes: map[string]awserr.Kind{
			"InsufficientInstanceCapacity": noCapacity, "VolumeInUse": awserr.Conflict, "SlowDown": awserr.Quota,
		},
		Advice: map[awserr.Kind]string{noCapacity: "try another zone"},
	}
	for _, c := range []struct {
		err  error
		want awserr.Kind
	}{
		{answered(400, "InvalidInstanceID.NotFound"), awserr.NotFound},
		{answered(503, "RequestLimitExceeded"), awserr.Throttled},
		{answered(400, "Throttling"), awserr.Throttled},
		{answered(429, "SomethingNew"), awserr.Throttled},
		{answered(400, "SlowDown"), awserr.Quota}, // a service's own meaning goes first
		{answered(500, "InsufficientInstanceCapacity"), noCapacity},
		{answered(403, "AccessDenied"), awserr.Denied},
		{answered(403, "ExpiredToken"), awserr.Denied},
		{answered(400, "VolumeInUse"), awserr.Conflict},
		{answered(400, "SomethingNew"), awserr.Refused},
		{&smithy.GenericAPIError{Code: "SomethingNew", Fault: smithy.FaultClient}, awserr.Refused},
		{answered(500, "SomethingNew"), awserr.Ambiguous},
		{answered(503, "ServiceUnavailable"), awserr.Ambiguous},
		{answered(502, ""), awserr.Ambiguous},
		{answered(200, ""), awserr.Ambiguous}, // done, perhaps, and the answer cannot be read
		{context.DeadlineExceeded, awserr.Ambiguous},
		{errors.New("connection reset by peer"), awserr.Ambiguous},
		{fmt.Errorf("get identity: get credentials: %w", errors.New("no role")), awserr.Denied},
	} {
		err := service.Explain(c.err, "launch machines")
		if got := awserr.KindOf(err); got != c.want {
			t.Errorf("%v is %q, want %q", c.err, got, c.want)
		}
		if errors.Is(err, reconciler.ErrConflict) != (c.want == awserr.Conflict) {
			t.Errorf("%v: a conflict for the loop: %t", c.err, c.want != awserr.Conflict)
		}
		if !errors.Is(err, c.err) || !strings.HasPrefix(err.Error(), "launch machines: ") {
			t.Errorf("the error does not tell what was done and what happened: %v", err)
		}
	}
	if kind, code := service.Classify(nil); kind != "" || code != "" {
		t.Errorf("no error is %q, code %q", kind, code)
	}
	if service.Explain(nil, "x") != nil || awserr.KindOf(errors.New("another")) != "" {
		t.Error("what is no failed request has a kind")
	}
}

func TestAdvice(t *testing.T) {
	t.Parallel()
	plain := awserr.Service{}
	own := awserr.Service{Advice: map[awserr.Kind]string{awserr.Denied: "mend the policy"}}
	for _, c := range []struct {
		service awserr.Service
		code    string
		want    string
	}{
		{plain, "AccessDenied", "compare the credentials"},
		{own, "AccessDenied", "mend the policy"},
		{own, "Throttling", "more slowly"},
	} {
		if got := c.service.Explain(answered(400, c.code), "look").Error(); !strings.Contains(got, "; ") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q does not say %q", c.code, got, c.want)
		}
	}
}

// TestSameFailureSameWords: what status shows changes only when the reason does.
func TestSameFailureSameWords(t *testing.T) {
	t.Parallel()
	var service awserr.Service
	refused := func(request, decode string) string {
		api := &smithy.GenericAPIError{Code: "UnauthorizedOperation", Message: "You are not authorized." + " Encoded authorization failure message: " + decode}
		return service.Explain(&smithy.OperationError{ServiceID: "EC2", OperationName: "RunInstances", Err: fmt.Errorf("RequestID: %s, %w", request, api)}, "launch").Error()
	}
	one, two := refused("1", "abc"), refused("2", "xyz")
	if one != two || !strings.Contains(one, "UnauthorizedOperation: You are not authorized.; ") {
		t.Errorf("one refusal is %q, the next %q", one, two)
	}
	if err := service.Explain(answered(400, "ExpiredToken"), "list machines"); !strings.Contains(err.Error(), "credentials have ended") {
		t.Errorf("expired credentials: %v", err)
	}
}
