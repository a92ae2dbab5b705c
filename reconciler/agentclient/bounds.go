package agentclient

import (
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// What agents say goes to branch status, where columns have a length, and on to
// terminals and pages. One machine that says what does not fit would keep the whole
// fleet's status from being published, so all of it is made to fit where it comes in.
const (
	// Bytes that the columns of branch status hold: a version of Dolt, one of the
	// agent, a condition's type, and a host or reason.
	longestVersion      = 32
	longestAgentVersion = 64
	longestType         = 64
	longestName         = 255
	// mostConditions is more than an agent knows of, which is some ten.
	mostConditions = 16
	// longestText keeps all conditions together, which may come to be one message,
	// below the 64 KiB of a TEXT column. It is a long paragraph.
	longestText = 2048
	// highestPort is TCP's.
	highestPort = 65535
)

// fit makes a text of at most so many bytes that no terminal obeys: what is not to be
// seen becomes a space, and a text that is too long ends in an ellipsis.
func fit(text string, most int) string {
	const more = "…"
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-len(more)], "") + more
}

// portOf is a port, or 0 where it is none.
func portOf(port int32) int {
	if port < 0 || port > highestPort {
		return 0
	}
	return int(port)
}

// timeOf is a moment that a DATETIME holds, or zero: no certificate ends before 1970.
func timeOf(t *timestamppb.Timestamp) time.Time {
	if t.GetSeconds() <= 0 || !t.IsValid() {
		return time.Time{}
	}
	return t.AsTime()
}
