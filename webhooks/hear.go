package webhooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/webhooks/markdown"
)

// A request is a comment with commands, and what became of them.
type request struct {
	comment  Comment
	commands []command
	refused  bool
	edited   bool
	approval string // what became of one; empty: none was asked for
}

// heard is which comments were read.
type heard struct {
	Since time.Time // of the newest
	IDs   []int64   // of those around Since, which are not read again
}

// overlap is how far back comments are asked for again: GitHub's times are whole
// seconds, and its copies may be a little behind one another.
const overlap = time.Minute

// hear reads the comments that are new and does what has to be done before judging.
// A comment counts when it is first read, and not at all when somebody has edited it by
// then: whoever may write to the repository can change what others said.
func (v *visit) hear(ctx context.Context) error {
	v.heard = v.note.Comments
	if !v.note.UpdatedAt.IsZero() && v.note.UpdatedAt.Equal(v.pr.UpdatedAt) {
		return nil // a comment would have changed the time
	}
	var since time.Time
	if !v.note.Comments.Since.IsZero() {
		since = v.note.Comments.Since.Add(-overlap)
	}
	comments, err := v.cfg.GitHub.Comments(ctx, v.cfg.Repository, v.pr.Number, since)
	if err != nil {
		return fmt.Errorf("cannot read the comments on pull request %d: %w", v.pr.Number, err)
	}
	for _, c := range comments {
		if c.CreatedAt.Before(since) || slices.Contains(v.note.Comments.IDs, c.ID) || isOurs(c) {
			continue
		}
		if commands := commandsIn(c.Body); len(commands) > 0 {
			if err := v.heed(ctx, request{comment: c, commands: commands}); err != nil {
				return err
			}
		}
	}
	v.heard = v.note.Comments.with(comments) // and is noted when all are answered
	return nil
}

// isOurs says of a comment that it is our own, which may be written with a person's
// token, or another program's: those do not command.
func isOurs(c Comment) bool {
	return strings.Contains(c.Body, anyMark) || strings.HasSuffix(c.Author.Login, "[bot]")
}

// with is what was heard after more was.
func (h heard) with(comments []Comment) heard {
	at := map[int64]time.Time{}
	for _, c := range comments {
		at[c.ID] = c.CreatedAt
		if c.CreatedAt.After(h.Since) {
			h.Since = c.CreatedAt
		}
	}
	var ids []int64
	for _, c := range comments {
		if !c.CreatedAt.Before(h.Since.Add(-overlap)) {
			ids = append(ids, c.ID)
		}
	}
	for _, id := range h.IDs { // of which some are not given again
		if _, given := at[id]; !given && len(ids) < mostHeard {
			ids = append(ids, id)
		}
	}
	return heard{h.Since, ids}
}

// mostHeard bounds what is remembered: far more comments than people write in a minute.
const mostHeard = 1000

// heed looks at who asks, and records an approval before the change is judged.
func (v *visit) heed(ctx context.Context, r request) error {
	if r.edited = r.comment.Edited; r.edited {
		v.log.Warn("a command in a comment that was edited is not carried out", "login", r.comment.Author.Login, "comment", r.comment.ID)
		v.asked = append(v.asked, r)
		return nil
	}
	may, err := v.cfg.GitHub.MayWrite(ctx, v.cfg.Repository, r.comment.Author.Login)
	if err != nil && !errors.Is(err, ErrNotFound) { // who is gone may do nothing
		return fmt.Errorf("cannot read what %s may do: %w", r.comment.Author.Login, err)
	}
	if !may || err != nil {
		v.log.Warn("a command by somebody who may not write to the repository is refused", "login", r.comment.Author.Login, "comment", r.comment.ID)
		r.refused = true
	} else {
		for _, c := range r.commands {
			if c.verb != "approve" {
				continue
			}
			if r.approval, err = v.approve(ctx, r.comment, c.argument); err != nil {
				return err
			}
		}
	}
	v.asked = append(v.asked, r)
	return nil
}

// record writes an approval down. Who wrote a part of the pull request does not approve
// it, whichever address their commits have.
func (v *visit) record(ctx context.Context, login string) (Approval, error) {
	by, err := v.cfg.GitHub.Person(ctx, v.cfg.Repository, login)
	if err != nil {
		return Approval{}, fmt.Errorf("cannot read who %s is: %w", login, err)
	}
	writers, err := v.cfg.GitHub.Writers(ctx, v.cfg.Repository, v.pr.Number)
	if err != nil {
		return Approval{}, fmt.Errorf("cannot read who wrote pull request %d: %w", v.pr.Number, err)
	}
	wrote := slices.ContainsFunc(append(writers, v.pr.Author.Login), func(w string) bool { return strings.EqualFold(w, login) })
	return v.cfg.Fleet.Approve(ctx, v.pr.Number, v.pr.HeadSHA, by, wrote)
}

func approvalText(head string, by Person, a Approval) string {
	var said []string
	if a.Counts {
		said = append(said, "Commit `"+short(head)+"` is approved by `"+token(by.Login)+"`.")
	}
	if len(a.Accepted) > 0 {
		said = append(said, "`"+token(by.Login)+"` accepts what is warned of: `"+token(strings.Join(a.Accepted, ":"))+"`.")
	}
	if !a.Counts {
		said = append(said, "It does not count as an approval, as it is that of who wrote or proposed the change.")
	}
	return strings.Join(said, " ")
}

// leastPrefix is how much of a commit or plan has to be given, as much as git shows.
const leastPrefix = 7

// approve records that somebody agrees, and only to what they can have seen: the
// head may have changed since they wrote.
func (v *visit) approve(ctx context.Context, c Comment, what string) (string, error) {
	named := len(what) >= leastPrefix && (strings.HasPrefix(v.pr.HeadSHA, what) || v.note.PlanHash != "" && strings.HasPrefix(v.note.PlanHash, what))
	switch {
	case v.pr.State != "open":
		return "Nothing is approved: the pull request is not open any more.", nil
	case v.note.Check == "" || v.note.Check == judgingID:
		return "Nothing is approved: this commit is not judged yet. Wait for the check, and say it again.", nil
	case what != "" && !named:
		return "Nothing is approved: that is neither the commit nor the plan that is here now.", nil
	case what == "" && !c.CreatedAt.After(v.note.HeadSeen.Add(settled)):
		return "Nothing is approved: a commit was pushed about when this was written. Look at it, and name it: `/mainstay approve " + short(v.pr.HeadSHA) + "`", nil
	}
	a, err := v.record(ctx, c.Author.Login)
	if errors.Is(err, ErrRefused) {
		return "Nothing is approved: " + markdown.Plain(err.Error(), longestMessage) + ".", nil
	}
	if err != nil {
		return "", fmt.Errorf("cannot record the approval of pull request %d by %s: %w", v.pr.Number, c.Author.Login, err)
	}
	v.approved = true
	return approvalText(v.pr.HeadSHA, c.Author, a), nil
}
