package disk

import (
	"errors"
	"fmt"
)

// A Problem is a reason why the volume is not at its place.
type Problem struct {
	Reason  string // one word
	Message string // a sentence for people, with what to do next
}

func (p *Problem) Error() string { return p.Message }

func problem(reason, format string, args ...any) *Problem {
	return &Problem{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// asProblem gives an error that nobody foresaw the form of one; nil stays nil.
func asProblem(err error) *Problem {
	var p *Problem
	if err == nil || errors.As(err, &p) {
		return p
	}
	return &Problem{Reason: "Failed", Message: err.Error()}
}
