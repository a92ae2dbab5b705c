package queue

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/mainstaydb/mainstay/webhooks"
)

const (
	// firstPause is short: most failures are a moment of GitHub's.
	firstPause = time.Second
	// longestPause notices within minutes that what was broken is mended, and leaves
	// GitHub's limits alone: 12 tries an hour.
	longestPause = 5 * time.Minute
)

func newEntry(item webhooks.Item) *entry {
	return &entry{item: item, pause: backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(firstPause), backoff.WithMaxInterval(longestPause), backoff.WithMaxElapsedTime(0))}
}

// fileName is one for each pull request. GitHub's names know no case.
func fileName(item webhooks.Item) string {
	r := item.Repository
	return url.QueryEscape(strings.ToLower(r.Owner)) + "+" + url.QueryEscape(strings.ToLower(r.Name)) + "+" + strconv.Itoa(item.Number) + suffix
}

// failed notes a failure and says when to try again: later when the error asks for
// it, as GitHub's limits do.
func (e *entry) failed(err error, now time.Time) {
	e.err = err
	e.tries++
	e.due = now.Add(max(e.pause.NextBackOff(), askedPause(err)))
}
