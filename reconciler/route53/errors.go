package route53

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/mainstaydb/mainstay/reconciler/awserr"
)

// ErrTaken tells that a name, or a record at it, is somebody else's. It comes with
// a reconciler.ErrConflict, and does not pass by itself: a person has to decide.
var ErrTaken = errors.New("taken by somebody else")

// service is what Route 53's errors mean.
var service = awserr.Service{
	Codes: map[string]awserr.Kind{
		"NoSuchHostedZone": awserr.NotFound, "NoSuchChange": awserr.NotFound,
		// It ends with the batch before, and is tried again as throttling is.
		busyCode:         awserr.Throttled,
		"LimitsExceeded": awserr.Quota,
		// Whether it was the records' state or the request is told by looking at them.
		"InvalidChangeBatch": awserr.Refused, "InvalidInput": awserr.Refused,
	},
	Advice: map[awserr.Kind]string{
		awserr.NotFound: "compare the hosted zone's id and the account with the configuration",
		awserr.Quota:    "ask AWS for more records in the hosted zone, or use another zone",
	},
}

const (
	// busyCode says that the batch before is not in yet.
	busyCode = "PriorRequestNotComplete"
	// zoneFull stands in the message that refuses a batch since the zone holds as many
	// records as it may. Parts of the batch would fare no better.
	zoneFull = "MAX_RRSETS_BY_ZONE"
)

// explain turns an error of the SDK into one of a kind. Nil stays nil.
func explain(err error, doing string) error {
	said := messages(err)
	err = service.Explain(err, doing)
	var e *awserr.Error
	if len(said) == 0 || !errors.As(err, &e) {
		return err
	}
	// The SDK's own text leaves out what Route 53 said.
	text := strings.Join(said, " ")
	if strings.Contains(text, zoneFull) {
		e.Kind, e.Advice = awserr.Quota, service.Advice[awserr.Quota]
	}
	if !strings.Contains(e.Err.Error(), text) {
		e.Err = fmt.Errorf("%s (%w)", text, e.Err)
	}
	return e
}

// messages are Route 53's reasons for refusing a batch. It has two ways to tell them.
func messages(err error) []string {
	var invalid *types.InvalidChangeBatch
	if !errors.As(err, &invalid) {
		return nil
	}
	if len(invalid.Messages) == 0 && invalid.Message != nil {
		return []string{*invalid.Message}
	}
	return invalid.Messages
}

// conflict is a change that the state of its name forbids.
func conflict(doing, next string, why error) error {
	return &awserr.Error{Kind: awserr.Conflict, Doing: doing, Advice: next, Err: why}
}

// taken is a change of what is somebody else's.
func taken(doing, next, what string, args ...any) error {
	return conflict(doing, next, fmt.Errorf("%w: %s", ErrTaken, fmt.Sprintf(what, args...)))
}

// refused is a change that no state of its name would allow.
func refused(doing string, why error) error {
	return &awserr.Error{Kind: awserr.Refused, Doing: doing, Err: why}
}
