package github

import (
	"context"
	"fmt"
	"net/http"
	"time"

	sdk "github.com/google/go-github/v60/github"

	"github.com/mainstaydb/mainstay/webhooks"
)

// PutCheckRun implements webhooks.GitHub. While annotations are still to be sent, the
// run is in progress: it has its conclusion only when it is whole, so nobody merges
// by half of it. With a personal token it is a commit status.
func (c *Client) PutCheckRun(ctx context.Context, r webhooks.Repository, run webhooks.CheckRun) error {
	doing := fmt.Sprintf("show the check %q on %.12s of %s", run.Name, run.HeadSHA, r)
	ctx, err := begin(ctx, r, run.HeadSHA)
	if err != nil {
		return explain(ctx, err, doing)
	}
	end, err := c.turns.take(ctx, "check "+run.Name+" "+run.HeadSHA)
	if err != nil {
		return explain(ctx, err, doing)
	}
	defer end()
	put := c.putCheckRun
	if !c.app {
		put = c.putStatus
	}
	return settle(ctx, func() error { return explain(ctx, put(ctx, r, run), doing) })
}

func (c *Client) putCheckRun(ctx context.Context, r webhooks.Repository, run webhooks.CheckRun) error {
	there, err := c.checkRun(ctx, r, run)
	if err != nil || isWritten(there, run) {
		return err
	}
	missing, stale, err := c.annotations(ctx, r, there, run)
	if err != nil {
		return err
	}
	output := outputOf(run, stale)
	for {
		batch := missing[:min(len(missing), annotationsPerCall)]
		missing = missing[len(batch):]
		output.Annotations = batch
		if there, err = c.writeCheckRun(ctx, r, run, there, output, len(missing) == 0); err != nil || len(missing) == 0 {
			return err
		}
	}
}

// checkRun is the one that is there; nil: there is none. Only its own App can change
// it, and another's of the same name is left alone: GitHub shows us which are ours by
// the id of the App that made them.
func (c *Client) checkRun(ctx context.Context, r webhooks.Repository, run webhooks.CheckRun) (*sdk.CheckRun, error) {
	self, err := c.self(ctx)
	if err != nil {
		return nil, err
	}
	found, _, err := c.api.Checks.ListCheckRunsForRef(ctx, r.Owner, r.Name, run.HeadSHA, &sdk.ListCheckRunsOptions{
		CheckName: &run.Name, Filter: sdk.String("all"), AppID: &self.app, ListOptions: sdk.ListOptions{PerPage: perPage},
	})
	if err != nil {
		return nil, err
	}
	// Should there be two, since GitHub did not show one at once, the newest counts.
	var newest *sdk.CheckRun
	for _, each := range found.CheckRuns {
		if each.GetName() != run.Name || each.GetHeadSHA() != run.HeadSHA || each.App != nil && each.App.GetID() != self.app {
			continue
		}
		if newest == nil || each.GetID() > newest.GetID() {
			newest = each
		}
	}
	return newest, nil
}

// isWritten says that a run is there and whole, as made from the same.
func isWritten(there *sdk.CheckRun, run webhooks.CheckRun) bool {
	return there != nil && run.ExternalID != "" && there.GetExternalID() == run.ExternalID &&
		there.GetStatus() == run.Status && there.GetConclusion() == run.Conclusion
}

// writeCheckRun makes or changes the run. Only the last call says what it was made
// from and how it ended. Making it is not repeated, and neither is a change that adds
// annotations: both are looked at first.
func (c *Client) writeCheckRun(ctx context.Context, r webhooks.Repository, run webhooks.CheckRun, there *sdk.CheckRun, output *sdk.CheckRunOutput, last bool) (*sdk.CheckRun, error) {
	change := sdk.UpdateCheckRunOptions{Name: run.Name, Status: sdk.String("in_progress"), Output: output, DetailsURL: optional(run.DetailsURL)}
	if last {
		change.Status, change.ExternalID = &run.Status, optional(run.ExternalID)
		if run.Status == "completed" {
			change.Conclusion, change.CompletedAt = &run.Conclusion, &sdk.Timestamp{Time: time.Now().UTC().Truncate(time.Second)}
		}
	}
	if there == nil {
		made, _, err := c.api.Checks.CreateCheckRun(ctx, r.Owner, r.Name, sdk.CreateCheckRunOptions{
			Name: run.Name, HeadSHA: run.HeadSHA, DetailsURL: change.DetailsURL, ExternalID: change.ExternalID,
			Status: change.Status, Conclusion: change.Conclusion, CompletedAt: change.CompletedAt, Output: output,
		})
		return made, err
	}
	if len(output.Annotations) == 0 {
		ctx = repeatable(ctx)
	}
	changed, _, err := c.api.Checks.UpdateCheckRun(ctx, r.Owner, r.Name, there.GetID(), change)
	if statusOf(err) == http.StatusNotFound {
		return nil, &Error{Kind: Unreachable, Err: fmt.Errorf("the check run %d is not there any more: %w", there.GetID(), err)}
	}
	return changed, err
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
