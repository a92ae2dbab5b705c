package webhooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// swept is what is remembered of the last sweep.
type swept struct{ Since time.Time }

// clockSkew is how far GitHub's clock and ours may be apart; closed pull requests are
// asked for from so much earlier, and those that are known cost nothing.
const clockSkew = 5 * time.Minute

// sweep looks at everything and queues what is not as it was seen last. It writes
// nothing about pull requests itself, so that each has one worker.
func (w *Worker) sweep(ctx context.Context) error {
	started := time.Now()
	last := swept{}
	if err := w.notes.get(sweepKey, &last); err != nil {
		return err
	}
	if last.Since.IsZero() { // what was closed before we came is not ours
		last.Since = started
		if err := w.notes.put(sweepKey, last); err != nil {
			return err
		}
	}
	s, err := w.survey(ctx, last.Since.Add(-clockSkew))
	if err != nil {
		return err
	}
	due := s.due(w.cfg.Base)
	for _, number := range due {
		if err := w.ask(ctx, number); err != nil {
			return err
		}
	}
	if err := w.notes.put(sweepKey, swept{Since: started}); err != nil {
		return err
	}
	// None of these holds up the others.
	errs := []error{w.askAnew(ctx, s), w.deployments(ctx, s.notes), w.tidy(s, last.Since)}
	if !s.landing(due) {
		errs = append(errs, w.renderBack(ctx, s.open))
	}
	return errors.Join(errs...)
}

// landing says whether something may be merged on GitHub that the fleet's main does not
// have yet, as it is not open any more and not followed to its end: to write that main
// to the files would take it back there.
func (s survey) landing(due []int) bool {
	return slices.ContainsFunc(due, func(number int) bool {
		return !slices.ContainsFunc(s.open, func(pr PullRequest) bool { return pr.Number == number })
	})
}

func (w *Worker) ask(ctx context.Context, number int) error {
	_, err := w.cfg.Queue.Put(ctx, Item{Repository: w.cfg.Repository, Number: number, Received: time.Now()})
	return err
}

// A survey is how things are, beside how they were seen last.
type survey struct {
	heads        string
	open, closed []PullRequest
	notes        map[int]note
}

func (w *Worker) survey(ctx context.Context, since time.Time) (s survey, err error) {
	// The notes come first: a pull request that is worked on meanwhile is asked for
	// once too often rather than overlooked.
	if s.notes, err = w.notes.pulls(); err != nil {
		return s, err
	}
	if s.heads, err = w.cfg.Fleet.Heads(ctx); err != nil {
		return s, fmt.Errorf("cannot read where the fleet is: %w", err)
	}
	if s.open, err = w.cfg.GitHub.OpenPullRequests(ctx, w.cfg.Repository, w.cfg.Base); err != nil {
		return s, fmt.Errorf("cannot list the open pull requests: %w", err)
	}
	if s.closed, err = w.cfg.GitHub.ClosedSince(ctx, w.cfg.Repository, w.cfg.Base, since); err != nil {
		return s, fmt.Errorf("cannot list the pull requests that were closed: %w", err)
	}
	return s, nil
}

// due are those that changed since they were seen, and those that are open by our
// notes and not any more, or not into our branch.
func (s survey) due(base string) []int {
	var numbers []int
	listed := map[int]bool{}
	for _, pr := range slices.Concat(s.open, s.closed) {
		listed[pr.Number] = true
		n := s.notes[pr.Number]
		if n.State != stateOf(pr) || n.Head != pr.HeadSHA || !n.UpdatedAt.Equal(pr.UpdatedAt) {
			numbers = append(numbers, pr.Number)
		}
	}
	for number, n := range s.notes {
		if !listed[number] && (n.State == "open" && n.Base == base || n.Proposed) {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// turns are when pull requests were last asked to be judged anew.
type turns map[int]time.Time

// askAnew queues some of those that were judged for another state of the fleet, those
// first whose turn was the longest ago.
func (w *Worker) askAnew(ctx context.Context, s survey) error {
	var stale []int
	open := map[int]bool{}
	for _, pr := range s.open {
		open[pr.Number] = true
		if n := s.notes[pr.Number]; n.Heads != "" && n.Heads != s.heads {
			stale = append(stale, pr.Number)
		}
	}
	for number := range w.turns {
		if !open[number] {
			delete(w.turns, number)
		}
	}
	first, err := w.affected(ctx, s, stale)
	if err != nil {
		return err
	}
	slices.SortFunc(stale, func(a, b int) int {
		return cmp.Or(cmp.Compare(first[a], first[b]), w.turns[a].Compare(w.turns[b]), cmp.Compare(a, b))
	})
	for _, number := range stale[:min(len(stale), max(w.cfg.Rechecks, len(first)))] {
		w.turns[number] = time.Now()
		if err := w.ask(ctx, number); err != nil {
			return err
		}
	}
	return nil
}

// mostHeads bounds how many states of the fleet are compared with the present one. More
// are only there while main moves faster than all can be judged.
const mostHeads = 8

// affected are those of some pull requests that touch what main changed since they were
// judged: the next in line may be in conflict by now. They sort before others.
func (w *Worker) affected(ctx context.Context, s survey, stale []int) (map[int]int, error) {
	first, asked := map[int]int{}, map[string]bool{}
	for _, number := range stale {
		heads := s.notes[number].Heads
		if asked[heads] || len(asked) == mostHeads {
			continue
		}
		asked[heads] = true
		found, err := w.cfg.Fleet.Affected(ctx, heads)
		if err != nil {
			return nil, fmt.Errorf("cannot find which pull requests main's changes are about: %w", err)
		}
		for _, n := range found {
			if slices.Contains(stale, n) {
				first[n] = -1
			}
		}
	}
	return first, nil
}

// deployments queues the merged pull requests of which there is something new to tell.
func (w *Worker) deployments(ctx context.Context, all map[int]note) error {
	for number, n := range all {
		if !n.Deploy.pending() {
			continue
		}
		c, err := w.cfg.Fleet.Convergence(ctx, n.Deploy.Commit)
		if err != nil {
			return fmt.Errorf("cannot read how far the fleet is with pull request %d: %w", number, err)
		}
		if n.Deploy.differs(statusOf(c)) {
			if err := w.ask(ctx, number); err != nil {
				return err
			}
		}
	}
	return nil
}

// tidy forgets pull requests that ended and that no sweep lists again.
func (w *Worker) tidy(s survey, since time.Time) error {
	listed := map[int]bool{}
	for _, pr := range s.closed {
		listed[pr.Number] = true
	}
	for number, n := range s.notes {
		ended := n.State == "closed" || n.State == "merged" || n.Base != w.cfg.Base
		if !ended || n.Proposed || n.Deploy.pending() || listed[number] || n.UpdatedAt.IsZero() || !n.UpdatedAt.Before(since.Add(-followed)) {
			continue
		}
		if err := w.notes.Delete(pullKey(number)); err != nil {
			return fmt.Errorf("cannot forget pull request %d: %w", number, err)
		}
	}
	return nil
}
