package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/spf13/cobra"
)

func newPlanCommand(a *app) *cobra.Command {
	var branch string
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what merging a branch would do to the world, now",
		Long: `Shows the actions that would follow if the branch were merged into main now, with what each
costs those who use the database: none, restart, replace (another machine, same volume) or destroy.
Without -b it shows what is left to do for main. Nothing is changed. A branch that a check would
refuse is shown with the reasons, and the exit code is 3.`,
		Example: `  mainstay plan
  mainstay plan -b bigger-orders
  mainstay plan -b bigger-orders -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			return a.plan(cmd.Context(), branch)
		},
	}
	cmd.Flags().StringVarP(&branch, "branch", "b", "main", "the branch to look ahead for")
	a.completeFlag(cmd, "branch")
	return cmd
}

func (a *app) plan(ctx context.Context, branch string) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	doc, err := c.plan(ctx, branch)
	if err != nil {
		return conflict(err)
	}
	if a.json() {
		err = render.JSON(a.stdout, doc)
	} else {
		err = view.WritePlan(a.stdout, a.style(), doc)
	}
	if err == nil && doc.Refused() {
		err = refusef("%s would be refused and change nothing", branch)
	}
	return err
}

func (c *client) plan(ctx context.Context, branch string) (view.Plan, error) {
	if branch == repo.MainBranch {
		return c.planMain(ctx)
	}
	merged, err := c.TryMerge(ctx, repo.MergeOptions{Branch: branch, Into: repo.MainBranch})
	if err != nil {
		return view.Plan{}, err
	}
	if merged.Commit == "" { // it is in main already
		return c.planMain(ctx)
	}
	base, err := c.SnapshotAround(ctx, merged.Base, merged.Changes)
	if err != nil {
		return view.Plan{}, err
	}
	findings := ci.Check(base, merged.Changes)
	if (view.Plan{Findings: findings}).Refused() {
		doc := view.Plan{Commit: merged.Commit, Findings: findings}
		doc.SetPreview(plan.Preview{})
		return doc, nil
	}
	doc, err := c.preview(ctx, base, merged)
	doc.Findings = findings
	return doc, err
}

// planMain is what is left to do for main.
func (c *client) planMain(ctx context.Context) (view.Plan, error) {
	main, err := c.Resolve(ctx, repo.MainBranch)
	if err != nil {
		return view.Plan{}, err
	}
	status, err := c.Resolve(ctx, repo.StatusBranch)
	if err != nil {
		return view.Plan{}, err
	}
	desired, state, err := c.read(ctx, main, status, ledger.Tables...)
	if err != nil {
		return view.Plan{}, err
	}
	doc := view.Plan{Commit: main}
	if doc.ObservedAt, err = c.observedAt(ctx, status); err != nil {
		return view.Plan{}, err
	}
	doc.SetPreview(plan.Forecast(state.Scene(time.Now(), desired)))
	return doc, nil
}

// deleted marks the entries whose rows would be gone, as the control plane would.
func deleted(now, desired *specs.Snapshot, entries map[string]*plan.Entry, commit string) []plan.Entry {
	var gone []plan.Entry
	at := time.Now()
	for id, row := range now.Deployments {
		entry := entries[id]
		if desired.Deployments[id] != nil || entry == nil {
			continue
		}
		e := *entry
		e.DeletedAt, e.DeletedIn = at, commit
		e.DeleteAfter = at.AddDate(0, 0, row.RetentionDays)
		gone = append(gone, e)
	}
	return gone
}

// observedAt is when the status that the plan is made from was written.
func (c *client) observedAt(ctx context.Context, status string) (time.Time, error) {
	text, err := c.cell(ctx, status, "SELECT date FROM dolt_log LIMIT 1")
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse("2006-01-02 15:04:05.999999", text)
	if err != nil {
		return time.Time{}, fmt.Errorf("the time of commit %s cannot be read: %w", status, err)
	}
	return at, nil
}
