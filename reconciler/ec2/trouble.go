package ec2

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// impairedFor is how long a check has to fail: a machine that starts, restarts or is
// busy for a moment is none to be replaced.
const impairedFor = 5 * time.Minute

// fatal are the events that a machine does not survive as it is.
var fatal = map[types.EventCode]string{
	types.EventCodeInstanceRetirement: "AWS retires its host",
	types.EventCodeInstanceStop:       "AWS will stop it",
}

// trouble says why a machine should be replaced; empty: it should not. Seen is when
// its trouble was first seen. The text does not change while nothing does.
func trouble(s types.InstanceStatus, seen, now time.Time) string {
	var reasons []string
	for _, e := range s.Events {
		if what := fatal[e.Code]; what != "" && !isOver(e) {
			reasons = append(reasons, fmt.Sprintf("%s on %s (event %s)", what, day(aws.ToTime(e.NotBefore)), e.Code))
		}
	}
	for _, f := range failures(s) {
		if f.since.IsZero() {
			f.since = seen
		}
		if now.Sub(f.since) >= impairedFor {
			reasons = append(reasons, fmt.Sprintf("AWS's check of %s fails since %s", f.of, day(f.since)))
		}
	}
	return strings.Join(reasons, "; ")
}

// A failure is a check of AWS's that fails.
type failure struct {
	of    string
	since time.Time // zero: AWS does not tell
}

func failures(s types.InstanceStatus) []failure {
	var all []failure
	note := func(of string, status types.SummaryStatus, since ...*time.Time) {
		if status != types.SummaryStatusImpaired {
			return
		}
		f := failure{of: of}
		for _, t := range since {
			if t != nil && (f.since.IsZero() || t.Before(f.since)) {
				f.since = *t
			}
		}
		all = append(all, f)
	}
	if h := s.SystemStatus; h != nil {
		note("its host", h.Status, impairedSince(h.Details)...)
	}
	if m := s.InstanceStatus; m != nil {
		note("the machine", m.Status, impairedSince(m.Details)...)
	}
	if v := s.AttachedEbsStatus; v != nil {
		var since []*time.Time
		for _, d := range v.Details {
			since = append(since, d.ImpairedSince)
		}
		note("its volumes", v.Status, since...)
	}
	return all
}

func impairedSince(details []types.InstanceStatusDetails) []*time.Time {
	var since []*time.Time
	for _, d := range details {
		since = append(since, d.ImpairedSince)
	}
	return since
}

// isOver tells an event that AWS still lists, for a week.
func isOver(e types.InstanceStatusEvent) bool {
	d := aws.ToString(e.Description)
	return strings.HasPrefix(d, "[Completed]") || strings.HasPrefix(d, "[Canceled]")
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
