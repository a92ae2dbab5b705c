package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/specs/proposals"
	"github.com/spf13/cobra"
)

func newPRListCommand(a *app) *cobra.Command {
	state := "open"
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List proposals",
		Example: `  mainstay pr list
  mainstay pr list --state all -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			if !slices.Contains([]string{"open", "merged", "closed", "all"}, state) {
				return usagef("--state %s is not known; choose open, merged, closed or all", state)
			}
			return a.prList(cmd.Context(), state)
		},
	}
	cmd.Flags().StringVar(&state, "state", state, "open, merged, closed or all")
	return cmd
}

// openBook opens a clone to read, with the proposals and where the branches are.
func (a *app) openBook(ctx context.Context) (*client, *proposals.Book, map[string]string, error) {
	c, err := a.open(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	book, err := c.book(ctx)
	if err != nil {
		return nil, nil, nil, errors.Join(err, c.Close())
	}
	heads, err := c.heads(ctx)
	if err != nil {
		return nil, nil, nil, errors.Join(err, c.Close())
	}
	return c, book, heads, nil
}

func (a *app) prList(ctx context.Context, state string) error {
	c, book, heads, err := a.openBook(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	docs := []view.Proposal{}
	for _, p := range book.List() {
		if state == "all" || string(p.State) == state {
			docs = append(docs, proposalDoc(book, p, heads[p.Branch]))
		}
	}
	if a.json() {
		return render.JSON(a.stdout, docs)
	}
	if len(docs) == 0 {
		fmt.Fprintln(a.stderr, "there is none; propose a branch with: mainstay pr create -b BRANCH --title \"…\"")
		return nil
	}
	return view.WriteProposals(a.stdout, a.style(), docs)
}

// heads are the hub's branches with their commits.
func (c *client) heads(ctx context.Context) (map[string]string, error) {
	branches, err := c.Branches(ctx)
	heads := make(map[string]string, len(branches))
	for _, b := range branches {
		heads[b.Name] = b.Commit
	}
	return heads, err
}

// proposalDoc tells of a proposal. Head is where its branch is now; empty: gone.
func proposalDoc(book *proposals.Book, p proposals.Proposal, head string) view.Proposal {
	doc := view.Proposal{
		ID: p.ID, Branch: p.Branch, Base: p.Base, Title: p.Title, Description: p.Description, Author: authorText(p.Author, p.AuthorEmail),
		State: string(p.State), Head: p.Head, MergedCommit: p.MergedCommit, Checks: "none", CreatedAt: p.CreatedAt, EndedBy: p.EndedBy,
	}
	if p.State == proposals.Open && head != "" {
		doc.Head = head
	}
	if !p.EndedAt.IsZero() {
		doc.EndedAt = &p.EndedAt
	}
	doc.Approvals = append([]string{}, book.Approvals(doc.Head)...)
	verdict, ok := book.Verdicts[p.ID]
	switch {
	case !ok:
	case verdict.Head != doc.Head && p.State == proposals.Open:
		doc.Checks = "stale"
	case verdict.Passed:
		doc.Checks = "passed"
	default:
		doc.Checks = "failed"
	}
	if ok {
		doc.PlanHash = verdict.PlanHash
	}
	return doc
}

func newPRShowCommand(a *app) *cobra.Command {
	return a.prCommand("show", "Show a proposal: what it changes, what the checks say, what would happen",
		"  mainstay pr show 1\n  mainstay pr show bigger -o json", a.prShow)
}

func (a *app) prShow(ctx context.Context, which string) error {
	c, book, heads, err := a.openBook(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	p, err := find(book, which)
	if err != nil {
		return err
	}
	doc := proposalDoc(book, p, heads[p.Branch])
	if a.json() {
		return render.JSON(a.stdout, doc)
	}
	if err := view.WriteProposal(a.stdout, a.style(), doc); err != nil || p.State != proposals.Open {
		return err
	}
	r, err := c.review(ctx, p, book, "")
	if err != nil {
		return a.explainConflict(err, p)
	}
	fmt.Fprintln(a.stdout)
	return view.WriteCheck(a.stdout, a.style(), checkDoc(p, r))
}
