package github

import (
	"context"
	"time"
)

// looks is how often something is looked for and made when answers are lost.
const looks = 3

// settle does what looks first and then makes, again when it is not known whether it
// was made. GitHub may show what was made only after a moment, so it waits between.
func settle(ctx context.Context, do func() error) error {
	wait := 2 * time.Second
	for i := 1; ; i++ {
		err := do()
		if KindOf(err) != Unreachable || i == looks {
			return err
		}
		if sleepUntil(ctx, time.Now().Add(wait), "GitHub does not answer well") != nil {
			return err
		}
		wait *= 2
	}
}
