package main

import (
	"context"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/spf13/cobra"
)

type logOptions struct {
	ref        string
	limit      int
	deployment string
	author     string
	since      string
}

func newLogCommand(a *app) *cobra.Command {
	o := logOptions{ref: "main"}
	cmd := &cobra.Command{
		Use:   "log [REF]",
		Short: "Show the commits of the desired state, and what each changed",
		Example: `  mainstay log
  mainstay log -n 5 --deployment orders
  mainstay log --author ada --since 2026-11-01 -o json
  mainstay log bigger-orders`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeBranches,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			if len(args) == 1 {
				o.ref = args[0]
			}
			return a.log(cmd.Context(), o)
		},
	}
	cmd.Flags().IntVarP(&o.limit, "limit", "n", 20, "how many commits at most; 0: all")
	cmd.Flags().StringVar(&o.deployment, "deployment", "", "only commits that changed this one, under whatever name")
	cmd.Flags().StringVar(&o.author, "author", "", "only commits whose author contains this")
	cmd.Flags().StringVar(&o.since, "since", "", "only commits after this time, such as 2026-11-22 or 24h")
	_ = cmd.RegisterFlagCompletionFunc("deployment", a.completeDeployments)
	return cmd
}

func (a *app) log(ctx context.Context, o logOptions) error {
	if o.limit < 0 {
		return usagef("-n %d: the number of commits cannot be negative", o.limit)
	}
	want := repo.LogOptions{Limit: o.limit, Deployment: o.deployment, Author: o.author}
	if o.since != "" {
		since, err := parseSince(o.since, time.Now())
		if err != nil {
			return err
		}
		want.Since = since
	}
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	found, err := c.Log(ctx, o.ref, want)
	if err != nil {
		return err
	}
	entries := make([]view.LogEntry, 0, len(found))
	for _, e := range found {
		if e.Changes == nil {
			e.Changes = []specs.CellChange{} // a list in JSON, never null
		}
		entries = append(entries, view.LogEntry{
			Commit: e.Commit, Author: authorText(e.Author, e.Email), Date: e.Date, Message: e.Message, Changes: e.Changes,
		})
	}
	if a.json() {
		return render.JSON(a.stdout, entries)
	}
	return view.WriteLog(a.stdout, a.style(), entries)
}

func authorText(name, email string) string {
	if email == "" {
		return name
	}
	return name + " <" + email + ">"
}

// parseSince reads a time, or a span back from now.
func parseSince(s string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d.Abs()), nil
	}
	return parseTime(s)
}
