package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/specs/proposals"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/spf13/cobra"
)

func newPRApproveCommand(a *app) *cobra.Command {
	var comment string
	cmd := a.prCommand("approve", "Approve a proposal as it is now; a branch that moves on needs it again",
		"  mainstay pr approve 1\n  mainstay pr approve 1 -m \"checked with the owner\"",
		func(ctx context.Context, which string) error { return a.prApprove(ctx, which, comment) })
	cmd.Flags().StringVarP(&comment, "message", "m", "", "what to say with it")
	a.authorFlag(cmd)
	return cmd
}

func (a *app) prApprove(ctx context.Context, which, comment string) error {
	c, err := a.openToWrite(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	var review proposals.Review
	err = c.save(ctx, "approve "+which, func(book *proposals.Book) ([]repo.Edit, error) {
		p, err := findOpen(book, which)
		if err != nil {
			return nil, err
		}
		head, err := c.Resolve(ctx, p.Branch)
		if err != nil {
			return nil, err
		}
		wrote, err := c.wrote(ctx, p, head, c.author.Email)
		if err != nil {
			return nil, err
		}
		if wrote {
			return nil, refusef("%s wrote or proposed a part of %s: an approval is somebody else's to give", c.author.Email, p.Branch)
		}
		review = proposals.Review{Proposal: p.ID, Person: c.author.Email, Head: head, Comment: comment, At: time.Now()}
		return []repo.Edit{put(proposals.TableReviews, review.Row())}, nil
	})
	if err != nil {
		return err
	}
	c.wake(ctx)
	if a.json() {
		return render.JSON(a.stdout, map[string]any{"id": review.Proposal, "head": review.Head, "person": review.Person})
	}
	fmt.Fprintf(a.stdout, "%s approves #%d at %s\n", review.Person, review.Proposal, view.Short(review.Head))
	return nil
}

// wrote says whether a person wrote or proposed a part of a proposal.
func (c *client) wrote(ctx context.Context, p proposals.Proposal, head, person string) (bool, error) {
	main, err := c.Resolve(ctx, p.Base)
	if err != nil {
		return false, err
	}
	authors, err := c.Authors(ctx, main, head)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(append(authors, p.AuthorEmail), func(a string) bool { return strings.EqualFold(a, person) }), nil
}

func newPRCloseCommand(a *app) *cobra.Command {
	var remove bool
	cmd := a.prCommand("close", "Close a proposal without merging it",
		"  mainstay pr close 1\n  mainstay pr close 1 --delete-branch",
		func(ctx context.Context, which string) error { return a.prClose(ctx, which, remove) })
	cmd.Flags().BoolVar(&remove, "delete-branch", false, "delete the branch too, with commits that are nowhere else")
	a.authorFlag(cmd)
	return cmd
}

func (a *app) prClose(ctx context.Context, which string, remove bool) error {
	return a.onOpen(ctx, which, func(c *client, p proposals.Proposal) error {
		if err := c.end(ctx, p.ID, proposals.Closed, "", "", c.author.Email); err != nil {
			return err
		}
		if remove {
			if err := c.DeleteBranch(ctx, p.Branch); err != nil {
				return err
			}
		}
		fmt.Fprintf(a.stderr, "#%d is closed\n", p.ID)
		return nil
	})
}

type prMergeOptions struct {
	which        string
	plan         string
	acceptPlan   bool
	ours, theirs bool
	ack          []string
	deleteBranch bool
	author       repo.Author // of the merge commit; zero: who merges
}

func newPRMergeCommand(a *app) *cobra.Command {
	var o prMergeOptions
	cmd := a.prCommand("merge", "Merge a proposal into main, if the checks pass and the plan is the one that was shown",
		`  mainstay pr merge 1
  mainstay pr merge 1 --plan 3f2a91bc04de
  mainstay pr merge 1 --ack outlier
  mainstay pr merge 1 --theirs`,
		func(ctx context.Context, which string) error {
			if o.which = which; o.ours && o.theirs {
				return usagef("--ours and --theirs cannot both hold")
			}
			if err := checkAcks(o.ack); err != nil {
				return err
			}
			return a.prMerge(ctx, o)
		})
	cmd.Flags().StringVar(&o.plan, "plan", "", "the hash of the plan that was agreed to; else the one that was shown last")
	cmd.Flags().BoolVar(&o.acceptPlan, "accept-new-plan", false, "merge although the plan differs from the one that was shown")
	cmd.Flags().BoolVar(&o.ours, "ours", false, "settle conflicts with main's values")
	cmd.Flags().BoolVar(&o.theirs, "theirs", false, "settle conflicts with the branch's values")
	cmd.Flags().StringSliceVar(&o.ack, "ack", nil, "checks whose warnings are accepted, such as outlier,blast-radius")
	cmd.Flags().BoolVar(&o.deleteBranch, "delete-branch", false, "delete the branch when it is merged")
	a.authorFlag(cmd)
	return cmd
}

// checkAcks refuses names that accept nothing, which are slips.
func checkAcks(checks []string) error {
	for _, check := range checks {
		if !ci.NeedsAcknowledgement(check) {
			return usagef("--ack %s: there is no warning of this name to accept; docs/checks.md lists them", check)
		}
	}
	return nil
}

func (a *app) prMerge(ctx context.Context, o prMergeOptions) error {
	return a.onOpen(ctx, o.which, func(c *client, p proposals.Proposal) error {
		if err := a.mergeNow(ctx, c, p, o); err != nil || !o.deleteBranch {
			return err
		}
		return c.DeleteBranch(ctx, p.Branch)
	})
}

// mergeNow merges a proposal and tells what that does, or why it cannot be.
func (a *app) mergeNow(ctx context.Context, c *client, p proposals.Proposal, o prMergeOptions) error {
	book, err := c.book(ctx)
	if err != nil {
		return err
	}
	done, r, err := c.mergeProposal(ctx, p, book, o)
	if err != nil {
		if r != nil && !a.json() {
			_ = view.WriteCheck(a.stdout, a.style(), checkDoc(p, r)) // why comes next, in the error
		}
		return a.explainConflict(err, p)
	}
	c.tellRefused(ctx)
	c.wake(ctx)
	return a.writeMerged(p, done, r)
}

func (a *app) writeMerged(p proposals.Proposal, done *repo.Merged, r *reviewed) error {
	if a.json() {
		doc := map[string]any{"id": p.ID, "commit": done.Commit}
		if r != nil {
			doc["plan"], doc["diff"], doc["findings"] = r.plan, r.cells, r.report.Findings
		}
		return render.JSON(a.stdout, doc)
	}
	if r == nil {
		fmt.Fprintf(a.stdout, "#%d is in main already, as %s\n", p.ID, view.Short(done.Commit))
		return nil
	}
	style := a.style()
	fmt.Fprintf(a.stdout, "%s on main: #%d %s\n", style.Bold(view.Short(done.Commit)), p.ID, render.Visible(p.Title))
	for _, line := range view.ChangeLines(style, r.cells) {
		fmt.Fprintf(a.stdout, "  %s\n", line)
	}
	fmt.Fprintln(a.stdout, "\nwhat the control plane does now:")
	shown := r.plan
	shown.Findings = nil
	return view.WritePlan(a.stdout, style, shown)
}

// explainConflict prints what a merge could not put together, cell by cell, and
// makes it a refusal.
func (a *app) explainConflict(err error, p proposals.Proposal) error {
	var conflicts *repo.ConflictError
	if !errors.As(err, &conflicts) {
		return conflict(err)
	}
	docs := conflictDocs(conflicts.Conflicts)
	if a.json() {
		if err := render.JSON(a.stdout, map[string]any{"id": p.ID, "passed": false, "conflicts": docs, "violations": conflicts.Violations}); err != nil {
			return err
		}
		return refusal{err}
	}
	for _, v := range conflicts.Violations {
		fmt.Fprintf(a.stdout, "%s %s: %s\n", a.style().Bad("!"), v.Table, render.Visible(v.Message))
	}
	if len(docs) > 0 {
		if err := view.WriteConflicts(a.stdout, a.style(), docs, p.ID); err != nil {
			return err
		}
	}
	return refusal{err}
}

func conflictDocs(conflicts []repo.Conflict) []view.Conflict {
	docs := []view.Conflict{}
	for _, c := range conflicts {
		docs = append(docs, view.Conflict{
			Table: c.Table, Key: c.Key, Column: c.Column, Base: c.Base, Ours: c.Ours, Theirs: c.Theirs,
			OursBy: writerText(c.OursBy), TheirsBy: writerText(c.TheirsBy),
		})
	}
	return docs
}

func writerText(w *repo.Writer) string {
	if w == nil {
		return ""
	}
	return fmt.Sprintf("%s in %s", w.Author, view.Short(w.Commit))
}
