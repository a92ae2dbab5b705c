package github_test

import (
	"errors"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/webhooks"
	"github.com/mainstaydb/mainstay/webhooks/github"
)

// TestErrorsOfThePort: what a worker and a queue tell apart.
func TestErrorsOfThePort(t *testing.T) {
	t.Parallel()
	for kind, want := range map[github.Kind]error{github.NotFound: webhooks.ErrNotFound, github.Gone: webhooks.ErrNotFound, github.Unfit: webhooks.ErrUnfit} {
		if err := (&github.Error{Kind: kind}); !errors.Is(err, want) {
			t.Errorf("%s is not %v", kind, want)
		}
	}
	if err := (&github.Error{Kind: github.Denied}); errors.Is(err, webhooks.ErrNotFound) || errors.Is(err, webhooks.ErrUnfit) {
		t.Error("denied is taken for something else")
	}
	if d := (&github.Error{Kind: github.Throttled, Until: time.Now().Add(time.Hour)}).RetryAfter(); d < 59*time.Minute || d > time.Hour {
		t.Errorf("an hour's limit asks for a pause of %s", d)
	}
	if d := (&github.Error{Kind: github.Denied}).RetryAfter(); d != 0 {
		t.Errorf("without a limit a pause of %s is asked for", d)
	}
}
