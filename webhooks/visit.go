package webhooks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// A visit is one look at one pull request: everything about it is read anew, and all
// that is written may have been written before.
type visit struct {
	*Worker
	log      *slog.Logger
	pr       PullRequest
	note     note
	asked    []request // by comments
	approved bool      // by one of them
	heard    heard     // with the comments of this visit
	review   *Review   // of this visit; nil: it was not judged
	told     string    // why it was not judged, for who asks
}

func (w *Worker) visit(ctx context.Context, number int, anew bool) error {
	n, err := w.notes.pull(number)
	if err != nil {
		return err
	}
	started := time.Now()
	pr, err := w.cfg.GitHub.PullRequest(ctx, w.cfg.Repository, number)
	if errors.Is(err, ErrNotFound) {
		return w.forget(ctx, n)
	}
	if err != nil {
		return fmt.Errorf("cannot read pull request %d: %w", number, err)
	}
	v := &visit{Worker: w, log: w.log.With("number", number, "head", pr.HeadSHA), pr: pr, note: n}
	if err := v.begin(time.Now()); err != nil {
		return err
	}
	if anew {
		v.note.Check, v.note.Comment = judgingID, ""
	}
	if err := v.hear(ctx); err != nil {
		return err
	}
	if err := v.follow(ctx); err != nil {
		return err
	}
	if err := v.answer(ctx); err != nil {
		return err
	}
	return v.end(started)
}

// begin notes a new head before anything is done about it, with a time after it was
// read: an approval that was written before is not one of it.
func (v *visit) begin(now time.Time) error {
	if v.note.Base != v.pr.Base {
		v.note.Base, v.note.MergeBase = v.pr.Base, ""
	}
	if v.note.Head == v.pr.HeadSHA {
		return nil
	}
	v.note.Head, v.note.HeadSeen = v.pr.HeadSHA, now
	v.note.MergeBase, v.note.Check, v.note.PlanHash = "", "", ""
	v.note.Shown, v.note.Effects = false, nil
	return v.save()
}

func (v *visit) save() error { return v.notes.put(pullKey(v.pr.Number), v.note) }

// follow does what the state of the pull request asks for.
func (v *visit) follow(ctx context.Context) error {
	v.note.Heads = "" // what is not judged needs not be judged again
	switch {
	case v.pr.Base != v.cfg.Base:
		return v.aside(ctx, "not into "+v.cfg.Base, "The fleet follows another branch than the one that this is into.")
	case v.pr.Merged:
		return v.merged(ctx)
	case v.pr.State == "closed":
		return v.closed(ctx)
	case v.pr.Draft && !v.cfg.Drafts:
		return v.aside(ctx, "a draft", "It is judged when it is ready for review.")
	}
	ours, err := v.isRendered(ctx)
	if err != nil {
		return err
	}
	if ours {
		return v.rendered(ctx)
	}
	return v.judge(ctx)
}

// settled is how long after a change its time tells it from another one: GitHub's
// times are whole seconds, and its clock is not ours.
const settled = 10 * time.Second

// end notes that the pull request was looked at to the end.
func (v *visit) end(started time.Time) error {
	v.note.UpdatedAt = v.pr.UpdatedAt
	if started.Sub(v.pr.UpdatedAt) < settled {
		v.note.UpdatedAt = time.Time{}
	}
	v.note.State, v.note.Comments = stateOf(v.pr), v.heard
	return v.save()
}

func stateOf(pr PullRequest) string {
	if pr.Merged {
		return "merged"
	}
	return pr.State
}

// aside leaves a pull request that is not ours, or not yet. One that was ours gets
// told so; its check must not be one that passes, for it may become ours again.
func (v *visit) aside(ctx context.Context, title, text string) error {
	v.told = title + ": " + text
	if err := v.withdraw(ctx, Person{}); err != nil {
		return err
	}
	if v.note.Check == "" && v.note.Comment == "" || v.pr.State == "closed" {
		return nil
	}
	return v.publish(ctx, simple(v.subject(), required, title, text))
}

// withdraw closes the fleet's proposal, if there may be one.
func (v *visit) withdraw(ctx context.Context, by Person) error {
	if !v.note.Proposed {
		return nil
	}
	if err := v.cfg.Fleet.Close(ctx, v.pr.Number, by); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("cannot close the proposal of pull request %d: %w", v.pr.Number, err)
	}
	v.note.Proposed = false
	return v.save()
}

// closed follows a pull request that ended without a merge.
func (v *visit) closed(ctx context.Context) error {
	v.told = "this pull request is closed"
	if v.note.State == "" { // what we knew of it may be lost
		v.note.Proposed = true
	}
	return v.withdraw(ctx, Person{})
}

// forget takes a pull request that GitHub does not know any more off the books.
func (w *Worker) forget(ctx context.Context, n note) error {
	if n.Proposed {
		if err := w.cfg.Fleet.Close(ctx, n.Number, Person{}); err != nil {
			return fmt.Errorf("cannot close the proposal of pull request %d: %w", n.Number, err)
		}
	}
	return w.notes.Delete(pullKey(n.Number))
}

// subject is the pull request with what reports need beside a review.
func (v *visit) subject() subject {
	s := subject{pr: v.pr}
	switch {
	case v.cfg.Details != nil:
		s.details = v.cfg.Details(v.pr.Number, v.pr.HeadSHA)
	case v.pr.URL != "":
		s.details = v.pr.URL + "/checks"
	}
	return s
}

// publish writes a report unless it is written already.
func (v *visit) publish(ctx context.Context, r report) error {
	if v.note.Check != r.check.ExternalID {
		if err := v.cfg.GitHub.PutCheckRun(ctx, v.cfg.Repository, r.check); err != nil {
			return fmt.Errorf("cannot write the check run of pull request %d: %w", v.pr.Number, err)
		}
	}
	if err := v.comment(ctx, r.comment); err != nil {
		return err
	}
	v.note.Check = r.check.ExternalID
	return v.save()
}

// comment writes the one comment unless it is written already.
func (v *visit) comment(ctx context.Context, body string) error {
	sum := digest([]byte(body))
	if body == "" || v.note.Comment == sum {
		return nil
	}
	if err := v.cfg.GitHub.PutComment(ctx, v.cfg.Repository, v.pr.Number, reviewMark, body); err != nil {
		return fmt.Errorf("cannot write the comment on pull request %d: %w", v.pr.Number, err)
	}
	v.note.Comment = sum
	return nil
}
