package main

import (
	"context"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/spf13/cobra"
)

func newBlameCommand(a *app) *cobra.Command {
	var ref string
	cmd := &cobra.Command{
		Use:   "blame NAME",
		Short: "Show which commit gave each column of a deployment its value",
		Example: `  mainstay blame orders
  mainstay blame orders -o json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeDeployments,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			return a.blame(cmd.Context(), ref, args[0])
		},
	}
	cmd.Flags().StringVarP(&ref, "branch", "b", "main", "the branch or commit to look at")
	a.completeFlag(cmd, "branch")
	return cmd
}

func (a *app) blame(ctx context.Context, ref, name string) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	found, err := c.Blame(ctx, ref, name)
	if err != nil {
		return err
	}
	cells := make([]view.BlameCell, 0, len(found))
	for _, b := range found {
		cells = append(cells, view.BlameCell{
			Column: b.Column, Value: b.Value, Commit: b.Commit, Author: b.Author, Date: b.Date, Message: b.Message,
		})
	}
	if a.json() {
		return render.JSON(a.stdout, cells)
	}
	return view.WriteBlame(a.stdout, a.style(), cells)
}
