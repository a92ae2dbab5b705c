package github

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	sdk "github.com/google/go-github/v60/github"

	"github.com/mainstaydb/mainstay/webhooks"
)

// environment is the one that the fleet is on GitHub's page of deployments.
const environment = "mainstay"

// PutDeploymentStatus implements webhooks.GitHub: one deployment for each commit, and
// a status when it differs from the last.
func (c *Client) PutDeploymentStatus(ctx context.Context, r webhooks.Repository, s webhooks.DeploymentStatus) error {
	doing := fmt.Sprintf("show how far the fleet is with %.12s of %s", s.Ref, r)
	ctx, err := begin(ctx, r, s.Ref)
	if err != nil {
		return explain(ctx, err, doing)
	}
	end, err := c.turns.take(ctx, "deployment "+r.String()+" "+s.Ref)
	if err != nil {
		return explain(ctx, err, doing)
	}
	defer end()
	return settle(ctx, func() error { return explain(ctx, c.putDeploymentStatus(ctx, r, s), doing) })
}

func (c *Client) putDeploymentStatus(ctx context.Context, r webhooks.Repository, s webhooks.DeploymentStatus) error {
	id, err := c.deployment(ctx, r, s.Ref)
	if err != nil {
		return err
	}
	wanted := &sdk.DeploymentStatusRequest{State: &s.State, Description: sdk.String(oneLine(s.Description, descriptionLength)), LogURL: optional(s.URL)}
	there, _, err := c.api.Repositories.ListDeploymentStatuses(ctx, r.Owner, r.Name, id, &sdk.ListOptions{PerPage: perPage})
	if err != nil {
		return err
	}
	if last := newest(there); last != nil && last.GetState() == s.State && last.GetDescription() == wanted.GetDescription() && last.GetLogURL() == s.URL {
		return nil
	}
	_, _, err = c.api.Repositories.CreateDeploymentStatus(ctx, r.Owner, r.Name, id, wanted)
	return err
}

// deployment is the one of a commit, made when there is none.
func (c *Client) deployment(ctx context.Context, r webhooks.Repository, sha string) (int64, error) {
	there, _, err := c.api.Repositories.ListDeployments(ctx, r.Owner, r.Name, &sdk.DeploymentsListOptions{SHA: sha, Environment: environment, ListOptions: sdk.ListOptions{PerPage: perPage}})
	if err != nil {
		return 0, err
	}
	oldest := int64(0)
	for _, d := range there {
		if d.GetSHA() == sha && d.GetEnvironment() == environment && (oldest == 0 || d.GetID() < oldest) {
			oldest = d.GetID()
		}
	}
	if oldest != 0 {
		return oldest, nil
	}
	// It is merged already: GitHub shall not merge main into it, nor wait for checks.
	made, _, err := c.api.Repositories.CreateDeployment(ctx, r.Owner, r.Name, &sdk.DeploymentRequest{
		Ref: &sha, Environment: sdk.String(environment), AutoMerge: sdk.Bool(false), RequiredContexts: &[]string{},
		Description: sdk.String("The fleet as this commit says"),
	})
	if err == nil && made.GetID() == 0 {
		err = fmt.Errorf("GitHub's answer holds no deployment")
	}
	return made.GetID(), err
}

// newest is the status that was made last: ids rise.
func newest(all []*sdk.DeploymentStatus) *sdk.DeploymentStatus {
	var last *sdk.DeploymentStatus
	for _, s := range all {
		if last == nil || s.GetID() > last.GetID() {
			last = s
		}
	}
	return last
}

// oneLine is a text as one line of at most so many characters.
func oneLine(s string, length int) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= length {
		return s
	}
	return strings.TrimRight(first(s, length-1), " ") + "…"
}
