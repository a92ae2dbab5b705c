package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/specs/proposals"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/spf13/cobra"
)

type rollbackOptions struct {
	target  string
	branch  string
	message string
	merge   prMergeOptions
	now     bool
}

func newRollbackCommand(a *app) *cobra.Command {
	var o rollbackOptions
	cmd := &cobra.Command{
		Use:   "rollback COMMIT|TIME",
		Short: "Take back a commit, or everything since a time, as a proposal",
		Long: `Makes a proposal that undoes one commit of main and nothing else, or, for a time, everything that
was merged since. Later changes of other cells stay; a later change of the same cell is a conflict
and is told. --merge merges it at once, if the checks pass. Reconciling goes on meanwhile: what was
deleted comes back with its data for as long as its volume is kept.`,
		Example: `  mainstay rollback 3f2a91bc
  mainstay rollback main --merge
  mainstay rollback main~3
  mainstay rollback 2026-11-22T10:00:00Z --merge`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			if o.target = strings.TrimSpace(args[0]); o.target == "" {
				return usagef("what is to be taken back is empty; name a commit or a time")
			}
			if err := checkAcks(o.merge.ack); err != nil {
				return err
			}
			return a.rollback(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.now, "merge", false, "merge at once")
	cmd.Flags().StringVarP(&o.message, "message", "m", "", "why; else what is taken back")
	cmd.Flags().StringVarP(&o.branch, "branch", "b", "", "name of the branch; else rollback- and the commit")
	cmd.Flags().StringSliceVar(&o.merge.ack, "ack", nil, "with --merge: checks whose warnings are accepted")
	a.authorFlag(cmd)
	return cmd
}

func (a *app) rollback(ctx context.Context, o rollbackOptions) error {
	c, err := a.openToWrite(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	made, err := c.takeBack(ctx, &o)
	if err != nil {
		return a.explainConflict(err, proposals.Proposal{})
	}
	if made == "" {
		fmt.Fprintln(a.stderr, "there is nothing left to take back")
		return nil
	}
	p, err := c.propose(ctx, prCreateOptions{branch: o.branch, title: o.message})
	if err != nil {
		return err
	}
	if o.now {
		return a.mergeNow(ctx, c, p, o.merge)
	}
	if !a.json() {
		fmt.Fprintf(a.stdout, "%s proposes: %s\n", a.style().Bold(fmt.Sprintf("#%d", p.ID)), render.Visible(p.Title))
	}
	r, err := a.checkNow(ctx, c, p)
	if err != nil || a.json() || !r.passed() {
		return err
	}
	fmt.Fprintf(a.stdout, "\nif that is what you want: mainstay pr merge %d\n", p.ID)
	return nil
}

// takeBack makes the branch with the undoing commit.
func (c *client) takeBack(ctx context.Context, o *rollbackOptions) (string, error) {
	at, whole := time.Time{}, false
	if t, err := parseTime(o.target); err == nil {
		at, whole = t, true
	}
	commit, err := c.resolve(ctx, o.target)
	if err != nil {
		return "", err
	}
	if o.message == "" {
		if o.message, err = c.describeUndo(ctx, commit, at, whole); err != nil {
			return "", err
		}
	}
	name := o.branch
	for n := 1; ; n++ {
		if o.branch = name; name == "" {
			o.branch = fmt.Sprintf("rollback-%s", view.Short(commit))
			if n > 1 {
				o.branch += fmt.Sprintf("-%d", n)
			}
		}
		var made string
		if whole {
			made, err = c.ResetOnto(ctx, commit, repo.MainBranch, o.branch, o.message)
		} else {
			made, err = c.RevertOnto(ctx, commit, repo.MainBranch, o.branch, o.message)
		}
		if errors.Is(err, repo.ErrBranchExists) && name == "" && n < maxRollbacks {
			continue
		}
		return made, err
	}
}

// maxRollbacks bounds the search for a free name: nobody takes one commit back
// more often.
const maxRollbacks = 100

// describeUndo is the title of a rollback.
func (c *client) describeUndo(ctx context.Context, commit string, at time.Time, whole bool) (string, error) {
	if whole {
		return fmt.Sprintf("roll back to %s", at.UTC().Format(time.RFC3339)), nil
	}
	info, err := c.Commit(ctx, commit)
	if err != nil {
		return "", err
	}
	return messageFrom(fmt.Sprintf("roll back %s: %s", view.Short(commit), firstLine(info.Message))), nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
