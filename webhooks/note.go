package webhooks

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A note is what is remembered of one pull request. It is about what was done and
// never about what is to be done: that is read from GitHub.
type note struct {
	Number    int
	UpdatedAt time.Time // as GitHub had it; zero: it has to be looked at again
	State     string    // open, closed, merged; empty: it was never looked at to the end
	Proposed  bool      // the fleet may hold an open proposal of it
	Head      string
	HeadSeen  time.Time // when we saw that head first
	Base      string    // branch that it is into
	MergeBase string    // of that head and that branch
	Rendered  string    // head that was found to be our own work
	Heads     string    // of the fleet, when it was judged
	PlanHash  string    // that was shown
	Shown     bool      // a plan for that head was
	Effects   []string  // that notice of was given when it was, or that somebody took note of since
	Check     string    // ExternalID of what was written on that head
	Comment   string    // digest of the one comment; empty: there is none of ours
	Comments  heard
	Deploy    *deploy
}

// A deploy is a merged commit on its way to the machines.
type deploy struct {
	Ref    string // sha on GitHub
	Commit string // of the fleet's main; empty: it did not get there
	Status DeploymentStatus
	Since  time.Time
}

// notes are a Notes with values.
type notes struct{ Notes }

const (
	pullPrefix = "pull-"
	sweepKey   = "sweep"
)

func pullKey(number int) string { return pullPrefix + strconv.Itoa(number) }

// pull gives the note of a pull request, an empty one when there is none. One that
// cannot be read is as good as lost.
func (n notes) pull(number int) (note, error) {
	found := note{}
	if err := n.get(pullKey(number), &found); err != nil {
		return note{}, err
	}
	found.Number = number
	return found, nil
}

func (n notes) get(key string, into any) error {
	content, err := n.Get(key)
	if err != nil {
		return fmt.Errorf("cannot read what was noted about %s: %w", key, err)
	}
	if content == nil || json.Unmarshal(content, into) != nil {
		return nil
	}
	return nil
}

func (n notes) put(key string, value any) error {
	content, err := json.Marshal(value)
	if err == nil {
		err = n.Put(key, content)
	}
	if err != nil {
		return fmt.Errorf("cannot note what is done about %s; check that the disk is not full: %w", key, err)
	}
	return nil
}

// pulls gives all notes of pull requests, by number.
func (n notes) pulls() (map[int]note, error) {
	keys, err := n.Keys()
	if err != nil {
		return nil, err
	}
	all := map[int]note{}
	for _, key := range keys {
		digits, ok := strings.CutPrefix(key, pullPrefix)
		number, err := strconv.Atoi(digits)
		if !ok || err != nil {
			continue
		}
		if all[number], err = n.pull(number); err != nil {
			return nil, err
		}
	}
	return all, nil
}
