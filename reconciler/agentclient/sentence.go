package agentclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/mainstaydb/mainstay/reconciler"
)

// failed wraps a call's error in a sentence. An agent that refuses because of
// the state it is in is a conflict: look again.
func (c *Client) failed(doing, machineID string, err error) error {
	if err == nil {
		return nil
	}
	text := fmt.Sprintf("cannot %s machine %s: %s", doing, machineID, sentence(err))
	if status.Code(err) == codes.FailedPrecondition {
		err = errors.Join(reconciler.ErrConflict, err)
	}
	return &callError{text: text, cause: err}
}

// A callError shows people a sentence and programs the cause.
type callError struct {
	text  string
	cause error
}

func (e *callError) Error() string { return e.text }
func (e *callError) Unwrap() error { return e.cause }

// sentence says what is wrong without gRPC's own words.
func sentence(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens at its agent's address; the agent is starting or has ended"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, errLost):
		return "the connection to its agent was lost; it is made again"
	case errors.Is(err, context.DeadlineExceeded):
		return "its agent did not answer in time; check that the machine is up and not overloaded"
	case errors.Is(err, context.Canceled):
		return "the call was given up"
	}
	s, ok := status.FromError(err)
	if !ok {
		return err.Error()
	}
	switch s.Code() {
	case codes.DeadlineExceeded:
		return sentence(context.DeadlineExceeded)
	case codes.Canceled:
		return sentence(context.Canceled)
	case codes.Unavailable:
		return sentence(errLost)
	case codes.FailedPrecondition:
		return "its agent refuses: " + fit(s.Message(), longestText)
	case codes.Unimplemented:
		return "its agent is of another release and does not know this order; replace the machine"
	}
	return "its agent says: " + strings.TrimSpace(fit(s.Message(), longestText))
}
