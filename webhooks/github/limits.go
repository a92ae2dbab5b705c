package github

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// learn takes note of what an answer says about the limits, and says whether the call
// was refused for them. Refused calls did nothing and may be repeated.
func (l *limiter) learn(a *answer, now time.Time) (throttled bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(a.header, now)
	if !isThrottled(a) {
		l.refusals = 0
		// The last call is used up: who asks now would be refused.
		if l.limit > 0 && l.remaining == 0 && l.reset.After(now) {
			l.wait(l.reset, fmt.Sprintf("the %d calls that GitHub allows in an hour are used up", l.limit))
		}
		return false
	}
	l.refusals++
	until, why := l.until(a.header, now)
	if most := now.Add(longest); until.After(most) {
		until = most
	}
	l.wait(until, why)
	return true
}

// until is when GitHub may be asked again after a refusal. When it does not say, it is
// a minute, and twice as long each time.
func (l *limiter) until(h http.Header, now time.Time) (time.Time, string) {
	if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil && s >= 0 {
		return now.Add(time.Duration(max(s, 1)) * time.Second), fmt.Sprintf("GitHub asked to wait %d seconds", s)
	}
	if h.Get("X-RateLimit-Remaining") == "0" && l.reset.After(now) {
		return l.reset, fmt.Sprintf("the %d calls that GitHub allows in an hour are used up", l.limit)
	}
	return now.Add(aMinute << min(l.refusals-1, 5)), "GitHub refuses to be asked more for now"
}

func (l *limiter) wait(until time.Time, why string) {
	if until.After(l.hold) {
		l.hold, l.why = until, why
		l.calm = until.Add(aMinute)
	}
}

// note keeps the latest known count. Answers come in any order: within an hour what is
// left only falls.
func (l *limiter) note(h http.Header, now time.Time) {
	limit, err1 := strconv.Atoi(h.Get("X-RateLimit-Limit"))
	remaining, err2 := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	seconds, err3 := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return
	}
	// The time is on GitHub's clock. A second more, as it is cut to seconds.
	reset := time.Unix(seconds, 0).Add(time.Second)
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		reset = now.Add(reset.Sub(date))
	}
	switch sameWindow := reset.Sub(l.reset).Abs() < 5*time.Second; {
	case sameWindow:
		l.limit, l.remaining = limit, min(l.remaining, remaining)
	case reset.After(l.reset):
		l.limit, l.remaining, l.reset = limit, remaining, reset
	}
}

// isThrottled tells a refusal for a limit from one for a permission.
func isThrottled(a *answer) bool {
	switch a.status {
	case http.StatusTooManyRequests:
		return true
	case http.StatusForbidden:
		return a.header.Get("Retry-After") != "" || a.header.Get("X-RateLimit-Remaining") == "0" ||
			bytes.Contains(a.body, []byte("secondary rate limit")) || bytes.Contains(a.body, []byte("#abuse-rate-limits"))
	}
	return false
}
