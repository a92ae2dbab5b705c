package awserr

import (
	"errors"
	"strings"

	"github.com/aws/smithy-go"
)

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
