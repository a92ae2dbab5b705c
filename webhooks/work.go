package webhooks

import (
	"context"
	"errors"
	"time"
)

// An Item is something to look at: a pull request, or all of them. It holds nothing
// of what a delivery said but which one it is about.
type Item struct {
	Repository Repository
	Number     int    // of the pull request; 0: all, which is a sweep
	Delivery   string // GitHub's id of the delivery; empty: it came by none
	Received   time.Time
	// Anew: all of it is written again, also what was. Somebody pressed "Re-run", and
	// GitHub shows a check that waits.
	Anew bool `json:",omitempty"`
}

// An Inbox keeps items until they are worked off.
type Inbox interface {
	// Put returns when a crash would not lose the item any more. It is false when the
	// delivery was put before. Items for one pull request that wait are one.
	Put(ctx context.Context, item Item) (bool, error)
}

// A Queue is an inbox with somebody who works it off.
type Queue interface {
	Inbox
	// Run works off what was put, also before a crash, never two items of one pull
	// request at a time, and tries again with growing pauses what failed.
	Run(ctx context.Context, work func(context.Context, Item) error) error
}

// Notes are what was seen and written last, by key. Losing them costs calls to
// GitHub and nothing else: what is written again is the same.
type Notes interface {
	Get(key string) ([]byte, error) // nil: there is none
	Put(key string, value []byte) error
	Delete(key string) error
	Keys() ([]string, error)
}

// ErrUnfit is what a GitHub's error is when a commit holds what is not taken, such as
// links or too much: another commit would help, asking again would not. Its text is
// shown on GitHub.
var ErrUnfit = errors.New("the repository holds what Mainstay does not take")

// ErrRefused is what a Fleet's error is when asking again would not help: a person
// must see to it. Its text is shown on GitHub.
var ErrRefused = errors.New("the fleet refuses it")
