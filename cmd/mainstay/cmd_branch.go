package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/spf13/cobra"
)

type branchOptions struct {
	name   string
	from   string
	remove string
}

// branchDoc is one branch in branch -o json.
type branchDoc struct {
	Name    string    `json:"name"`
	Commit  string    `json:"commit"`
	Author  string    `json:"author"`
	Date    time.Time `json:"date"`
	Message string    `json:"message"`
}

func newBranchCommand(a *app) *cobra.Command {
	var o branchOptions
	cmd := &cobra.Command{
		Use:   "branch [NAME]",
		Short: "List, make or delete branches of the desired state",
		Example: `  mainstay branch
  mainstay branch bigger-orders
  mainstay branch as-of-noon --from 2026-11-22T12:00:00Z
  mainstay branch --delete bigger-orders`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			if len(args) == 1 {
				o.name = args[0]
			}
			return a.branch(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.from, "from", "main", "where the new branch begins: a branch, commit or time")
	cmd.Flags().StringVar(&o.remove, "delete", "", "delete this branch")
	a.completeFlag(cmd, "from")
	a.completeFlag(cmd, "delete")
	return cmd
}

func (a *app) branch(ctx context.Context, o branchOptions) error {
	if o.remove != "" && o.name != "" {
		return usagef("give a name to make a branch or --delete to remove one, not both")
	}
	if reserved(o.remove) || reserved(o.name) {
		return usagef("the branches main, status and proposals belong to Mainstay; choose another name")
	}
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	switch {
	case o.remove != "":
		if err := c.DeleteBranch(ctx, o.remove); err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "deleted branch %s\n", o.remove)
		return nil
	case o.name != "":
		return a.makeBranch(ctx, c, o)
	}
	return a.listBranches(ctx, c)
}

func reserved(name string) bool {
	return name == repo.MainBranch || name == repo.StatusBranch || name == repo.ProposalsBranch
}

func (a *app) makeBranch(ctx context.Context, c *client, o branchOptions) error {
	from, err := c.Resolve(ctx, o.from)
	if err != nil {
		return err
	}
	if err := c.CreateBranch(ctx, o.name, from); err != nil {
		return conflict(err)
	}
	fmt.Fprintf(a.stderr, "made branch %s at %s; change it with: mainstay sql -b %s \"…\"\n", o.name, view.Short(from), o.name)
	return nil
}

func (a *app) listBranches(ctx context.Context, c *client) error {
	found, err := c.Branches(ctx)
	if err != nil {
		return err
	}
	docs := make([]branchDoc, 0, len(found))
	for _, b := range found {
		docs = append(docs, branchDoc{Name: b.Name, Commit: b.Commit, Author: b.Author, Date: b.Date, Message: b.Message})
	}
	if a.json() {
		return render.JSON(a.stdout, docs)
	}
	return writeBranches(a.stdout, a.style(), docs)
}

func writeBranches(w io.Writer, style render.Style, docs []branchDoc) error {
	t := render.NewTable(style, style.Dim("BRANCH"), style.Dim("COMMIT"), style.Dim("DATE"), style.Dim("AUTHOR"), style.Dim("MESSAGE"))
	for _, d := range docs {
		t.Row(d.Name, view.Short(d.Commit), d.Date.Local().Format(time.DateTime), d.Author, d.Message)
	}
	return t.Write(w)
}
