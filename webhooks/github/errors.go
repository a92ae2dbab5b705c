package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	sdk "github.com/google/go-github/v60/github"

	"github.com/mainstaydb/mainstay/webhooks"
)

// A Kind is what an error means for the one who asked.
type Kind string

// The kinds of errors.
const (
	NotFound    Kind = "not found"   // there is none, or we are not shown it
	Denied      Kind = "denied"      // credentials or permissions
	Throttled   Kind = "throttled"   // GitHub's limits; nothing was done
	Gone        Kind = "gone"        // it was there and is not any more
	Refused     Kind = "refused"     // the request is wrong; nothing was done
	Unreachable Kind = "unreachable" // no answer, or none that can be understood: it may have been done
	Unfit       Kind = "unfit"       // the repository holds what we do not take
)

// An Error is a failed request. What is not found or gone is webhooks.ErrNotFound too.
type Error struct {
	Kind       Kind
	Doing      string
	Permission string    // the one that is missing, as GitHub names it; Denied only
	Until      time.Time // when it is possible again; Throttled only
	Advice     string    // the next step; empty: the one of the kind
	Err        error
}

// advice is the next step for each kind.
var advice = map[Kind]string{
	NotFound:    "see whether it exists and whether the App is installed on the repository, or the token may see it",
	Denied:      "compare the permissions of the App or the token with those that the documentation lists",
	Throttled:   "it is done later",
	Gone:        "it was deleted or turned off on GitHub",
	Unreachable: "it is looked at again; see GitHub's status page if it lasts",
}

func (e *Error) Error() string {
	var s strings.Builder
	if e.Doing != "" {
		s.WriteString(e.Doing + ": ")
	}
	fmt.Fprintf(&s, "%s: %v", e.Kind, e.Err)
	next := e.Advice
	if next == "" {
		next = advice[e.Kind]
	}
	if e.Permission != "" {
		next = "give it the permission " + e.Permission
	}
	if next != "" {
		s.WriteString("; " + next)
	}
	return s.String()
}

// Unwrap returns what happened.
func (e *Error) Unwrap() error { return e.Err }

// Is makes what is not there, and what is not taken, the port's.
func (e *Error) Is(target error) bool {
	return target == webhooks.ErrNotFound && (e.Kind == NotFound || e.Kind == Gone) || target == webhooks.ErrUnfit && e.Kind == Unfit
}

// RetryAfter is how long it makes no sense to ask again.
func (e *Error) RetryAfter() time.Duration { return max(0, time.Until(e.Until)) }

// KindOf returns the kind of an error; empty: it is not of a request.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

func unfit(format string, args ...any) error {
	return &Error{Kind: Unfit, Err: fmt.Errorf(format, args...)}
}

// explain turns an error of a call into one of a kind, and says what it was part of.
// Nil stays nil.
func explain(ctx context.Context, err error, doing string) error {
	if err == nil {
		return nil
	}
	var ours *Error
	if errors.As(err, &ours) {
		e := *ours
		switch {
		case e.Doing == "":
			e.Doing = doing
		case !strings.HasPrefix(e.Doing, doing):
			e.Doing = doing + ": " + e.Doing
		}
		return &e
	}
	var response *sdk.ErrorResponse
	if errors.As(err, &response) && response.Response != nil {
		return explainResponse(response, doing)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	return &Error{Kind: Unreachable, Doing: doing, Err: err}
}

func explainResponse(r *sdk.ErrorResponse, doing string) error {
	e := &Error{Doing: doing, Err: errors.New(said(r))}
	switch status := r.Response.StatusCode; {
	case status == http.StatusNotFound:
		e.Kind = NotFound
	case status == http.StatusUnauthorized:
		e.Kind, e.Advice = Denied, "GitHub does not take the credentials: see whether the key or token was revoked, and whether this machine's clock is right"
	case status == http.StatusForbidden:
		e.Kind, e.Permission = Denied, missing(r.Response, r.Message)
	case status == http.StatusGone, status == http.StatusUnavailableForLegalReasons:
		e.Kind = Gone
	case status >= 500:
		e.Kind = Unreachable
	default:
		e.Kind = Refused
	}
	return e
}

// said is GitHub's message with the details of its errors.
func said(r *sdk.ErrorResponse) string {
	s := fmt.Sprintf("GitHub answered %d", r.Response.StatusCode)
	if r.Message != "" {
		s += " " + r.Message
	}
	for _, e := range r.Errors {
		if e.Message != "" {
			s += ", " + e.Message
		} else if e.Field != "" {
			s += fmt.Sprintf(", %s of %s: %s", e.Field, e.Resource, e.Code)
		}
	}
	return s
}

// statusOf is the HTTP status that a call failed with; 0: there was none.
func statusOf(err error) int {
	var r *sdk.ErrorResponse
	if errors.As(err, &r) && r.Response != nil {
		return r.Response.StatusCode
	}
	return 0
}
