package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/specs/proposals"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/spf13/cobra"
)

func newPRCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pr",
		Short: "Propose, check, approve and merge changes of the desired state",
		Long: `A proposal is a branch with a title, kept on the branch proposals of the fleet's repository, so
that a clone carries the whole review. Any branch can be proposed, however it was made: mainstay
sql -b, mainstay import -b, dolt push, SQL on the hub.`,
		Example: `  mainstay sql -b bigger -m "more room" "UPDATE deployments SET volume_gb = 20 WHERE name = 'orders'"
  mainstay pr create -b bigger --title "more room for orders"
  mainstay pr check 1
  mainstay pr merge 1`,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPRCreateCommand(a), newPRListCommand(a), newPRShowCommand(a), newPRCheckCommand(a),
		newPRApproveCommand(a), newPRMergeCommand(a), newPRCloseCommand(a))
	return cmd
}

// prCommand is what the commands about one proposal have in common.
func (a *app) prCommand(use, short, example string, run func(ctx context.Context, which string) error) *cobra.Command {
	return &cobra.Command{
		Use: use + " NUMBER|BRANCH", Short: short, Example: example,
		Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeProposals,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			return run(cmd.Context(), args[0])
		},
	}
}

type prCreateOptions struct{ branch, title, body string }

func newPRCreateCommand(a *app) *cobra.Command {
	var o prCreateOptions
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Propose a branch for main, and check it",
		Example: `  mainstay pr create -b bigger --title "more room for orders"
  mainstay pr create -b bigger --title "more room" --body "It is at 90 %."`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			if o.branch == "" || strings.TrimSpace(o.title) == "" {
				return usagef("a proposal needs a branch and a title: mainstay pr create -b BRANCH --title \"…\"")
			}
			if n := utf8.RuneCountInString(o.title); n > mostTitle || !utf8.ValidString(o.title) {
				return usagef("the title has %d characters; say it in %d, in UTF-8, and the rest with --body", n, mostTitle)
			}
			return a.prCreate(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVarP(&o.branch, "branch", "b", "", "the branch to propose")
	cmd.Flags().StringVarP(&o.title, "title", "t", "", "what it does, in one line")
	cmd.Flags().StringVar(&o.body, "body", "", "why")
	a.authorFlag(cmd)
	a.completeFlag(cmd, "branch")
	return cmd
}

// mostTitle fits the column, and a line or two of a terminal.
const mostTitle = 200

func (a *app) prCreate(ctx context.Context, o prCreateOptions) error {
	if reserved(o.branch) {
		return usagef("the branch %s cannot be proposed; make another with mainstay branch", o.branch)
	}
	c, err := a.openToWrite(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	p, err := c.propose(ctx, o)
	if err != nil {
		return err
	}
	if !a.json() {
		fmt.Fprintf(a.stdout, "%s proposes %s for main: %s\n", a.style().Bold(fmt.Sprintf("#%d", p.ID)), p.Branch, render.Visible(p.Title))
	}
	_, err = a.checkNow(ctx, c, p)
	return err
}

// checkNow judges a proposal, keeps the verdict with it and prints it.
func (a *app) checkNow(ctx context.Context, c *client, p proposals.Proposal) (*reviewed, error) {
	book, err := c.book(ctx)
	if err != nil {
		return nil, err
	}
	r, err := c.review(ctx, p, book, "")
	if err != nil {
		return nil, a.explainConflict(err, p)
	}
	if err := c.keep(ctx, p.ID, r); err != nil {
		return nil, err
	}
	return r, a.writeCheck(p, r)
}

// onOpen opens a clone to write and finds the open proposal that a command is about.
func (a *app) onOpen(ctx context.Context, which string, do func(c *client, p proposals.Proposal) error) error {
	c, err := a.openToWrite(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	book, err := c.book(ctx)
	if err != nil {
		return err
	}
	p, err := findOpen(book, which)
	if err != nil {
		return err
	}
	return do(c, p)
}

// propose writes the proposal's row.
func (c *client) propose(ctx context.Context, o prCreateOptions) (proposals.Proposal, error) {
	head, err := c.Resolve(ctx, o.branch)
	if err != nil {
		return proposals.Proposal{}, err
	}
	main, err := c.Resolve(ctx, repo.MainBranch)
	if err != nil {
		return proposals.Proposal{}, err
	}
	if head == main {
		return proposals.Proposal{}, fmt.Errorf("the branch %s is where main is: there is nothing to propose; change it with mainstay sql -b %[1]s", o.branch)
	}
	var p proposals.Proposal
	err = c.save(ctx, "propose "+o.branch+": "+o.title, func(book *proposals.Book) ([]repo.Edit, error) {
		if open, ok := book.OpenOf(o.branch); ok {
			return nil, refusef("proposal #%d is open for the branch %s already; look at it with mainstay pr show %[1]d", open.ID, o.branch)
		}
		p = proposals.Proposal{
			ID: book.Next(), Branch: o.branch, Base: repo.MainBranch, Title: strings.TrimSpace(o.title), Description: strings.TrimSpace(o.body),
			Author: c.author.Name, AuthorEmail: c.author.Email, State: proposals.Open, Head: head, CreatedAt: time.Now(),
		}
		return []repo.Edit{put(proposals.TableProposals, p.Row())}, nil
	})
	return p, err
}

func newPRCheckCommand(a *app) *cobra.Command {
	return a.prCommand("check", "Run the checks on what merging a proposal would make of main; exit code 3 if they do not pass",
		"  mainstay pr check 1\n  mainstay pr check bigger -o json", a.prCheck)
}

func (a *app) prCheck(ctx context.Context, which string) error {
	return a.onOpen(ctx, which, func(c *client, p proposals.Proposal) error {
		r, err := a.checkNow(ctx, c, p)
		if err == nil && !r.passed() {
			err = refusef("proposal #%d cannot be merged as it is", p.ID)
		}
		return err
	})
}

func (a *app) writeCheck(p proposals.Proposal, r *reviewed) error {
	doc := checkDoc(p, r)
	if a.json() {
		return render.JSON(a.stdout, doc)
	}
	return view.WriteCheck(a.stdout, a.style(), doc)
}

func checkDoc(p proposals.Proposal, r *reviewed) view.Check {
	doc := view.Check{
		ID: p.ID, Passed: r.passed(), Head: r.merged.Head, Base: r.merged.Base, Findings: r.report.Findings, Diff: r.cells, Plan: r.plan,
		Accept: []string{},
	}
	for _, f := range r.report.Unacknowledged() {
		if !slices.Contains(doc.Accept, f.Check) {
			doc.Accept = append(doc.Accept, f.Check)
		}
	}
	return doc
}

// completeProposals offers the numbers of open proposals.
func (a *app) completeProposals(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeBound)
	defer cancel()
	c, err := a.open(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError | cobra.ShellCompDirectiveNoFileComp
	}
	defer c.Close()
	book, err := c.book(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError | cobra.ShellCompDirectiveNoFileComp
	}
	var numbers []cobra.Completion
	for _, p := range book.List() {
		if p.State == proposals.Open {
			numbers = append(numbers, cobra.CompletionWithDesc(fmt.Sprint(p.ID), p.Title))
		}
	}
	return numbers, cobra.ShellCompDirectiveNoFileComp
}
