package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/spf13/cobra"
)

// diffDoc is what diff -o json prints.
type diffDoc struct {
	From    string             `json:"from"`
	To      string             `json:"to"`
	Changes []specs.CellChange `json:"changes"`
	Meaning []view.Meaning     `json:"meaning"`
}

func newDiffCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "diff [A [B]]",
		Short: "Show what differs in the desired state between two commits",
		Long: `Shows which cells of the desired state differ, and what that means for those who use the
databases. Without arguments: from the commit in force
to main. With one: from main to it. A commit is a branch, a hash, main~2 or a time.`,
		Example: `  mainstay diff
  mainstay diff bigger-orders
  mainstay diff main~3 main
  mainstay diff 2026-11-22T10:00:00Z main -o json`,
		Args:              cobra.MaximumNArgs(2),
		ValidArgsFunction: a.completeBranches,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			return a.diff(cmd.Context(), args)
		},
	}
}

func (a *app) diff(ctx context.Context, args []string) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	doc, err := c.diff(ctx, args)
	if err != nil {
		return err
	}
	if a.json() {
		return render.JSON(a.stdout, doc)
	}
	if len(doc.Changes) == 0 {
		fmt.Fprintf(a.stderr, "no difference between %s and %s\n", view.Short(doc.From), view.Short(doc.To))
		return nil
	}
	for _, line := range view.ChangeLines(a.style(), doc.Changes) {
		if _, err := fmt.Fprintln(a.stdout, line); err != nil {
			return err
		}
	}
	return view.WriteMeaning(a.stdout, a.style(), doc.Meaning)
}

func (c *client) diff(ctx context.Context, args []string) (diffDoc, error) {
	from, to, err := c.ends(ctx, args)
	if err != nil {
		return diffDoc{}, err
	}
	changes, err := c.Changes(ctx, from, to)
	if err != nil {
		return diffDoc{}, err
	}
	cells, err := c.cells(ctx, to, changes)
	return diffDoc{From: from, To: to, Changes: cells, Meaning: view.MeaningOf(cells)}, err
}

// ends are the two commits that the arguments mean.
func (c *client) ends(ctx context.Context, args []string) (from, to string, err error) {
	switch len(args) {
	case 0:
		if from, err = c.inForce(ctx); err != nil {
			return "", "", err
		}
		to, err = c.resolve(ctx, "main")
		return from, to, err
	case 1:
		args = []string{"main", args[0]}
	}
	if from, err = c.resolve(ctx, args[0]); err != nil {
		return "", "", err
	}
	to, err = c.resolve(ctx, args[1])
	return from, to, err
}

// inForce is the commit that the control plane has applied, or main where none is.
func (c *client) inForce(ctx context.Context) (string, error) {
	status, err := c.Resolve(ctx, "status")
	if err != nil {
		return "", err
	}
	tables, err := c.Tables(ctx, status, "applied")
	if err != nil {
		return "", err
	}
	state, err := ledger.Decode(tables)
	if err != nil || state.Applied.Commit != "" {
		return state.Applied.Commit, err
	}
	return c.Resolve(ctx, "main")
}

// cells takes changes apart for people, with deployments by name. The names of
// rows that went are in the changes themselves.
func (c *client) cells(ctx context.Context, ref string, changes []specs.RowChange) ([]specs.CellChange, error) {
	cells := []specs.CellChange{}
	names, err := c.names(ctx, ref, changes)
	if err != nil {
		return nil, err
	}
	for _, change := range changes {
		cells = append(cells, specs.Cells(change, names)...)
	}
	return cells, nil
}

// names finds deployments' names only where a change needs one.
func (c *client) names(ctx context.Context, ref string, changes []specs.RowChange) (func(string) string, error) {
	known := map[string]string{}
	lookup := false
	for _, change := range changes {
		switch change.Table {
		case specs.TableDeployments:
			for _, row := range []specs.Row{change.From, change.To} {
				if name, ok := row["name"].(string); ok {
					known[change.Key] = name
				}
			}
		case specs.TableSettings:
			lookup = true
		}
	}
	if lookup {
		commit, err := c.Resolve(ctx, ref)
		if err != nil {
			return nil, err
		}
		rows, err := c.Rows(ctx, commit, specs.TableDeployments, "id", touchedIDs(changes))
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if known[textIn(row, "id")] == "" {
				known[textIn(row, "id")] = textIn(row, "name")
			}
		}
	}
	return func(id string) string {
		if name := known[id]; name != "" {
			return name
		}
		return id
	}, nil
}

// resolve also takes the times that only this command line knows.
func (c *client) resolve(ctx context.Context, ref string) (string, error) {
	if t, err := parseTime(ref); err == nil {
		ref = t.UTC().Format(time.RFC3339Nano)
	}
	return c.Resolve(ctx, ref)
}
