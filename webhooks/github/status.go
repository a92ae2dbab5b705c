package github

import (
	"context"

	sdk "github.com/google/go-github/v60/github"

	"github.com/mainstaydb/mainstay/webhooks"
)

// descriptionLength is what GitHub takes as description of a status.
const descriptionLength = 140

// putStatus shows a check run as a commit status, which a personal token may make. It
// has no place for findings; the comment has them.
func (c *Client) putStatus(ctx context.Context, r webhooks.Repository, run webhooks.CheckRun) error {
	wanted := &sdk.RepoStatus{
		State: sdk.String(stateOf(run)), Context: &run.Name,
		Description: sdk.String(oneLine(titleOf(run), descriptionLength)), TargetURL: optional(run.DetailsURL),
	}
	// The newest of each context, so one page does.
	there, _, err := c.api.Repositories.GetCombinedStatus(ctx, r.Owner, r.Name, run.HeadSHA, &sdk.ListOptions{PerPage: perPage})
	if err != nil {
		return err
	}
	for _, s := range there.Statuses {
		if s.GetContext() == run.Name && s.GetState() == wanted.GetState() && s.GetDescription() == wanted.GetDescription() && s.GetTargetURL() == wanted.GetTargetURL() {
			return nil
		}
	}
	_, _, err = c.api.Repositories.CreateStatus(repeatable(ctx), r.Owner, r.Name, run.HeadSHA, wanted)
	return err
}

// stateOf is a check run's end in the words of statuses.
func stateOf(run webhooks.CheckRun) string {
	switch {
	case run.Status != "completed":
		return "pending"
	case run.Conclusion == "success", run.Conclusion == "neutral":
		return "success"
	}
	return "failure"
}
