package awslimit

import "time"

// Spare tells whether more than half of what may go out at once is there: what is
// not urgent leaves the rest to what is.
func (l *Limiter) Spare(action string) bool {
	for _, b := range l.of(action) {
		l.recover(b)
		if b.limit.Tokens() < float64(b.Burst)/2 {
			return false
		}
	}
	return true
}

// Room is how many units one request could be about without waiting, and when there
// are at least so many as the caller wants; 0 until then.
func (l *Limiter) Room(action string, least int) (units int, more time.Time) {
	now := time.Now()
	var wait time.Duration
	for _, b := range l.of(action) {
		l.recover(b)
		there, wanted := b.limit.TokensAt(now), 1
		if b.Units {
			units, wanted = int(there), min(least, b.Burst)
		}
		if missing := float64(wanted) - there; missing > 0 {
			wait = max(wait, time.Duration(missing/float64(b.limit.Limit())*float64(time.Second)).Round(time.Millisecond)+time.Millisecond)
		}
	}
	if wait > 0 {
		return 0, now.Add(wait)
	}
	return units, time.Time{}
}
