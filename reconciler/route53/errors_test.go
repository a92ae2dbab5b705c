package route53

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		kind awserr.Kind
		says string
	}{
		{&types.PriorRequestNotComplete{Message: aws.String("still at it")}, awserr.Throttled, "still at it"},
		{&types.ThrottlingException{}, awserr.Throttled, "more slowly"},
		{&types.NoSuchHostedZone{}, awserr.NotFound, "compare the hosted zone's id"},
		{&types.LimitsExceeded{}, awserr.Quota, "ask AWS for more records"},
		{&types.InvalidInput{}, awserr.Refused, "InvalidInput"},
		{&types.InvalidChangeBatch{Message: aws.String("errors occurred"), Messages: []string{"one is wrong", "two is wrong"}},
			awserr.Refused, "one is wrong two is wrong"},
		{&types.InvalidChangeBatch{Message: aws.String("one is wrong")}, awserr.Refused, "one is wrong"},
		{&types.InvalidChangeBatch{Messages: []string{"Exceeded limit MAX_RRSETS_BY_ZONE for zone: Z1"}}, awserr.Quota, "ask AWS for more records"},
	} {
		err := explain(c.err, "change records")
		if awserr.KindOf(err) != c.kind || !strings.HasPrefix(err.Error(), "change records: ") || strings.Count(err.Error(), c.says) != 1 {
			t.Errorf("%v: kind %q, want %q and once %q", err, awserr.KindOf(err), c.kind, c.says)
		}
		if !errors.Is(err, c.err) {
			t.Errorf("%v hides what happened", err)
		}
	}
	if explain(nil, "x") != nil {
		t.Error("no error became one")
	}
}
