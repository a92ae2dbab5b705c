package webhooks

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mainstaydb/mainstay/webhooks/markdown"
)

// renderBranch is what we suggest changes from that did not come from GitHub.
const renderBranch = "mainstay/render"

const renderKey = "render"

// A rendering is what is remembered of bringing the fleet's main to GitHub.
type rendering struct {
	Commit string // of the fleet's main that is there, or suggested
	Branch string // that it is suggested on
	Head   string // that we left the branch at
	// Pending: the branch holds, or may hold, what no pull request suggests yet.
	Pending bool
	Message string
}

// renderBack brings what main got by other ways to GitHub's files. It makes no loop:
// what is in the files already makes no commit, and a pull request of ours proposes
// nothing.
func (w *Worker) renderBack(ctx context.Context, open []PullRequest) error {
	if w.cfg.Render == RenderOff {
		return nil
	}
	var r rendering
	if err := w.notes.get(renderKey, &r); err != nil {
		return err
	}
	branch, parent, err := w.renderTarget(ctx, &r, open)
	if err != nil {
		return err
	}
	there, err := w.filesAt(ctx, parent, w.cfg.Dir)
	if err != nil {
		return err
	}
	out, err := w.cfg.Fleet.Render(ctx, w.cfg.Dir, there, r.Commit)
	if err != nil {
		return fmt.Errorf("cannot write the fleet's main as files: %w", err)
	}
	if out.Commit == r.Commit && !r.Pending {
		return nil
	}
	if len(out.Files) > 0 && !(out.FromGitHub && r.Commit != "") {
		if err := w.bringBack(ctx, &r, branch, parent, out); err != nil {
			return err
		}
	}
	if err := w.suggest(ctx, &r); err != nil {
		return err
	}
	r.Commit, r.Pending = out.Commit, false
	return w.notes.put(renderKey, r)
}

// renderTarget is the branch to commit to, and where it is. One of ours that is left
// from a pull request that ended is not used again: it may lack what main got since.
func (w *Worker) renderTarget(ctx context.Context, r *rendering, open []PullRequest) (branch, at string, err error) {
	base, err := w.cfg.GitHub.Head(ctx, w.cfg.Repository, w.cfg.Base)
	if err != nil {
		return "", "", fmt.Errorf("cannot read where branch %s is: %w", w.cfg.Base, err)
	}
	if w.cfg.Render == RenderCommit {
		return w.cfg.Base, base, nil
	}
	for _, pr := range open {
		if isRenderBranch(pr) {
			return pr.Head, pr.HeadSHA, nil
		}
	}
	branch = renderBranch
	if r.Pending {
		branch = r.Branch
	}
	switch head, err := w.cfg.GitHub.Head(ctx, w.cfg.Repository, branch); {
	case errors.Is(err, ErrNotFound):
		return branch, base, nil
	case err != nil:
		return "", "", fmt.Errorf("cannot read where branch %s is: %w", branch, err)
	case r.Pending:
		return branch, head, nil
	}
	return renderBranch + "-" + short(base), base, nil
}

// bringBack commits the files. What a crash leaves is found on the branch: the files
// do not differ then.
func (w *Worker) bringBack(ctx context.Context, r *rendering, branch, parent string, out Rendered) error {
	r.Branch, r.Message = branch, markdown.Quiet(out.Message)
	r.Pending = w.cfg.Render == RenderPullRequest
	if err := w.notes.put(renderKey, r); err != nil {
		return err
	}
	sha, err := w.cfg.GitHub.Commit(ctx, w.cfg.Repository, branch, parent, r.Message, out.Author, out.Files)
	if err != nil {
		return fmt.Errorf("cannot commit the fleet's main to branch %s: %w", branch, err)
	}
	r.Head = sha
	w.log.Info("the fleet's main is brought to GitHub", "branch", branch, "commit", out.Commit, "sha", sha)
	return nil
}

// suggest opens the pull request of a branch that has none.
func (w *Worker) suggest(ctx context.Context, r *rendering) error {
	if !r.Pending {
		return nil
	}
	_, err := w.cfg.GitHub.Head(ctx, w.cfg.Repository, r.Branch)
	if errors.Is(err, ErrNotFound) { // nothing came of it, or somebody deleted it
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read where branch %s is: %w", r.Branch, err)
	}
	title, _, _ := strings.Cut(r.Message, "\n")
	body := "The fleet's main got a change by another way than this repository. Merge this to have it in the files; the fleet has it already.\n"
	if _, err := w.cfg.GitHub.OpenPullRequest(ctx, w.cfg.Repository, title, body, r.Branch, w.cfg.Base); err != nil {
		return fmt.Errorf("cannot suggest the fleet's main from branch %s: %w", r.Branch, err)
	}
	return nil
}

func isRenderBranch(pr PullRequest) bool {
	return !pr.Fork && (pr.Head == renderBranch || strings.HasPrefix(pr.Head, renderBranch+"-"))
}

// isRendered says that a pull request holds what we wrote and nothing else: the
// commit is one that we left, or its files are the fleet's main.
func (v *visit) isRendered(ctx context.Context) (bool, error) {
	if !isRenderBranch(v.pr) || v.note.Rendered == v.pr.HeadSHA {
		return isRenderBranch(v.pr), nil
	}
	var r rendering
	if err := v.notes.get(renderKey, &r); err != nil {
		return false, err
	}
	ours := r.Head == v.pr.HeadSHA
	if !ours { // we may have ended before we noted it
		files, err := v.filesAt(ctx, v.pr.HeadSHA, v.cfg.Dir)
		if err != nil {
			return false, err
		}
		out, err := v.cfg.Fleet.Render(ctx, v.cfg.Dir, files, "")
		if err != nil {
			return false, fmt.Errorf("cannot compare pull request %d with the fleet's main: %w", v.pr.Number, err)
		}
		ours = len(out.Files)+len(out.Unknown) == 0
	}
	if ours {
		v.note.Rendered = v.pr.HeadSHA
	}
	return ours, nil
}

// rendered passes a pull request of ours: the fleet has what it says.
func (v *visit) rendered(ctx context.Context) error {
	v.told = "it is Mainstay's own: the fleet has it already"
	r := simple(v.subject(), success, "the fleet has this already", "Mainstay wrote it from the fleet's main.")
	r.comment = ""
	if err := v.withdraw(ctx, Person{}); err != nil {
		return err
	}
	return v.publish(ctx, r)
}
