package webhooks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mainstaydb/mainstay/webhooks/markdown"
)

// merged follows a merge on GitHub: the same on the fleet's main, and then how far
// the machines are.
func (v *visit) merged(ctx context.Context) error {
	v.told = "this pull request is merged"
	if v.note.Deploy == nil {
		if done, err := v.bring(ctx); err != nil || done {
			return err
		}
	}
	return v.converge(ctx)
}

// bring merges the proposal on the fleet's main. It is done when there is nothing to
// follow.
func (v *visit) bring(ctx context.Context) (done bool, err error) {
	if v.note.State == "merged" { // there was nothing to bring
		return true, nil
	}
	if ours, err := v.isRendered(ctx); err != nil {
		return false, err
	} else if ours {
		return true, v.withdraw(ctx, v.pr.MergedBy)
	}
	if v.pr.MergeCommit == "" {
		return false, fmt.Errorf("pull request %d is merged and GitHub does not say yet to which commit", v.pr.Number)
	}
	p, err := v.proposal(ctx)
	if errors.Is(err, ErrUnfit) {
		return false, v.stranded(ctx, findingSection(oneFinding("files", err)))
	}
	if err != nil {
		return false, err
	}
	if sameFiles(p.Base, p.Files) {
		return true, v.withdraw(ctx, v.pr.MergedBy)
	}
	m, err := v.cfg.Fleet.Merge(ctx, p, v.pr.MergedBy, v.pr.MergeCommit)
	switch {
	case errors.Is(err, ErrRefused):
		return false, v.stranded(ctx, findingSection(oneFinding("fleet", err)))
	case err != nil:
		return false, fmt.Errorf("cannot merge pull request %d on the fleet's main: %w", v.pr.Number, err)
	case len(m.Conflict) > 0:
		return false, v.stranded(ctx, conflictSection(m.Conflict))
	}
	v.note.Proposed = false
	v.note.Deploy = &deploy{Ref: v.pr.MergeCommit, Commit: m.Commit, Since: time.Now()}
	return false, v.deployed(ctx, DeploymentStatus{State: "queued", Description: "On the fleet's main."})
}

// stranded tells of a merge that the fleet's main cannot take: a person has to decide,
// and the machines stay as they are.
func (v *visit) stranded(ctx context.Context, why markdown.Section) error {
	v.log.Warn("a pull request was merged on GitHub and cannot be merged on the fleet's main")
	r := simple(v.subject(), failure, "merged here, and not on the fleet",
		"The fleet stays as it was. Settle this in another pull request, or revert this one.", why)
	if err := v.comment(ctx, r.comment); err != nil {
		return err
	}
	if err := v.withdraw(ctx, v.pr.MergedBy); err != nil {
		return err
	}
	v.note.Deploy = &deploy{Ref: v.pr.MergeCommit, Since: time.Now()}
	return v.deployed(ctx, DeploymentStatus{State: "failure", Description: "The fleet's main cannot take it; see the comment on the pull request."})
}

// converge tells GitHub how far the fleet is.
func (v *visit) converge(ctx context.Context) error {
	d := v.note.Deploy
	if !d.pending() {
		return nil
	}
	c, err := v.cfg.Fleet.Convergence(ctx, d.Commit)
	if err != nil {
		return fmt.Errorf("cannot read how far the fleet is with pull request %d: %w", v.pr.Number, err)
	}
	next := statusOf(c)
	if !d.differs(next) {
		return nil
	}
	return v.deployed(ctx, next)
}

// deployed writes a status and notes it.
func (v *visit) deployed(ctx context.Context, s DeploymentStatus) error {
	d := v.note.Deploy
	s.Ref, s.URL = d.Ref, v.subject().details
	if err := v.cfg.GitHub.PutDeploymentStatus(ctx, v.cfg.Repository, s); err != nil {
		return fmt.Errorf("cannot tell how far the fleet is with pull request %d: %w", v.pr.Number, err)
	}
	d.Status = s
	return v.save()
}

// longestDescription is GitHub's limit, less what an ellipsis takes.
const longestDescription = 139

func statusOf(c Convergence) DeploymentStatus {
	switch {
	case c.Done:
		return DeploymentStatus{State: "success", Description: "Every deployment is as the commit says."}
	case c.Stalled != "":
		return DeploymentStatus{State: "failure", Description: markdown.Plain("It is stalled: "+c.Stalled, longestDescription)}
	}
	return DeploymentStatus{State: "in_progress", Description: markdown.Plain("It waits for "+c.Waiting, longestDescription)}
}

// followed is how long a commit is looked after: one that is stalled may go on when
// somebody mends what it waits for.
const followed = 7 * 24 * time.Hour

// pending says that the fleet is still on its way.
func (d *deploy) pending() bool {
	return d != nil && d.Commit != "" && d.Status.State != "success" && time.Since(d.Since) < followed
}

// differs leaves out what is waited for meanwhile: that changes often, and every
// status stays on GitHub for ever.
func (d *deploy) differs(next DeploymentStatus) bool {
	return d.Status.State != next.State || next.State == "failure" && d.Status.Description != next.Description
}
