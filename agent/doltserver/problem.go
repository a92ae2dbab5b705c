package doltserver

import "fmt"

// A Problem is a reason why a server cannot run that people or the control plane
// must do something about. Trying again does not help until they have.
type Problem struct {
	Type    string // name of the condition, such as VersionMissing
	Reason  string // one word
	Message string // a sentence for people, with what to do next
}

func (p *Problem) Error() string { return p.Message }

// The types of problems.
const (
	VersionMissing = "VersionMissing"
	PortTaken      = "PortTaken"
	SettingRefused = "SettingRefused"
)

func problem(kind, reason, format string, args ...any) *Problem {
	return &Problem{Type: kind, Reason: reason, Message: fmt.Sprintf(format, args...)}
}
