package webhooks

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/webhooks/markdown"
)

// judge has an open pull request judged as it is now, and writes the result.
func (v *visit) judge(ctx context.Context) error {
	heads, err := v.cfg.Fleet.Heads(ctx) // before: what moves meanwhile is judged again
	if err != nil {
		return fmt.Errorf("cannot read where the fleet is: %w", err)
	}
	s := v.subject()
	if v.note.Check == "" {
		run := judging(v.pr, s.details)
		if err := v.cfg.GitHub.PutCheckRun(ctx, v.cfg.Repository, run); err != nil {
			return fmt.Errorf("cannot begin the check run of pull request %d: %w", v.pr.Number, err)
		}
		v.note.Check = run.ExternalID
		if err := v.save(); err != nil {
			return err
		}
	}
	result, err := v.verdict(ctx, s)
	if err != nil {
		return err
	}
	v.note.Heads = heads
	if v.wants("check") { // who asks may have deleted what was written
		v.note.Check, v.note.Comment = judgingID, ""
	}
	return v.publish(ctx, result)
}

// verdict is what is to be written about the pull request.
func (v *visit) verdict(ctx context.Context, s subject) (report, error) {
	refused, err := v.refuseFork(ctx)
	if len(refused) > 0 {
		v.log.Warn("a pull request from a fork changes what is run and is refused")
		return v.refusal(ctx, s, refused)
	}
	var p Proposal
	if err == nil {
		p, err = v.proposal(ctx)
	}
	switch {
	case errors.Is(err, ErrUnfit):
		v.log.Warn("a pull request holds what is not taken and is refused", "err", err)
		return v.refusal(ctx, s, oneFinding("files", err))
	case err != nil:
		return report{}, err
	}
	if sameFiles(p.Base, p.Files) {
		v.told = "it changes nothing of the desired state"
		r := simple(s, success, "nothing changes", "No file below `"+v.cfg.Dir+"` is changed: the fleet stays as it is.")
		if v.note.Comment == "" {
			r.comment = "" // most pull requests of a mixed repository are none of our business
		}
		return r, v.withdraw(ctx, Person{})
	}
	return v.propose(ctx, s, p)
}

func (v *visit) propose(ctx context.Context, s subject, p Proposal) (report, error) {
	if !v.note.Proposed { // noted before, so that it is closed whatever happens
		v.note.Proposed = true
		if err := v.save(); err != nil {
			return report{}, err
		}
	}
	review, err := v.cfg.Fleet.Propose(ctx, p)
	if err == nil && len(review.Conflicts) > 0 {
		review, err = v.proposeAnew(ctx, p, review)
	}
	if errors.Is(err, ErrRefused) {
		return v.refusal(ctx, s, oneFinding("fleet", err))
	}
	if err != nil {
		return report{}, fmt.Errorf("cannot judge pull request %d: %w", v.pr.Number, err)
	}
	v.review, v.note.PlanHash = &review, review.PlanHash
	s.review, s.rougher = review, v.rougher(review)
	return reportOf(s), nil
}

// rougher says whether the plan does more to people than what they were shown for
// this head, since main or the world moved. Who asks for the plan has seen it.
func (v *visit) rougher(r Review) bool {
	effects := effectsOf(r)
	if !v.note.Shown || v.wants("check") || v.wants("plan") || v.approved {
		v.note.Shown, v.note.Effects = true, effects
		return false
	}
	return slices.ContainsFunc(effects, func(e string) bool { return !slices.Contains(v.note.Effects, e) })
}

// effectsOf are what people notice of a plan.
func effectsOf(r Review) []string {
	var all []string
	for _, step := range r.Plan {
		if step.Disruption != roughness[0] && step.Disruption != "" {
			all = append(all, step.Deployment+" "+step.Disruption)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// proposeAnew looks whether a conflict is one: with what was merged meanwhile, and
// which this one was built on, there is more in common now.
func (v *visit) proposeAnew(ctx context.Context, p Proposal, r Review) (Review, error) {
	before := v.note.MergeBase
	v.note.MergeBase = ""
	base, err := v.mergeBase(ctx)
	if err != nil || base == before {
		return r, err
	}
	if p.Base, err = v.filesAt(ctx, base, v.cfg.Dir); err != nil {
		return r, err
	}
	return v.cfg.Fleet.Propose(ctx, p)
}

// refusal is the report of a pull request that nothing is done with.
func (v *visit) refusal(ctx context.Context, s subject, findings []Finding) (report, error) {
	v.told = "it is refused"
	r := simple(s, failure, "refused", "Nothing was changed anywhere.", findingSection(findings))
	r.check.Annotations = annotations(Review{Findings: findings})
	return sealed(r), v.withdraw(ctx, Person{})
}

// oneFinding says why something is refused as a whole.
func oneFinding(check string, err error) []Finding {
	return []Finding{{Finding: specs.Finding{Check: check, Severity: specs.Error, Message: err.Error()}}}
}

// workflows is where GitHub keeps what it runs of a repository.
const workflows = ".github"

// refuseFork finds what a fork may not suggest together with a change of the fleet:
// other programs to be run with our rights. We run nothing of it either way; who
// merges it might overlook it.
func (v *visit) refuseFork(ctx context.Context) ([]Finding, error) {
	if !v.pr.Fork {
		return nil, nil
	}
	base, err := v.mergeBase(ctx)
	if err != nil {
		return nil, err
	}
	before, err := v.filesAt(ctx, base, workflows)
	if err != nil {
		return nil, err
	}
	after, err := v.filesAt(ctx, v.pr.HeadSHA, workflows)
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, path := range changedPaths(before, after) {
		found = append(found, Finding{Path: path, Line: 1, Finding: specs.Finding{Check: "fork-workflow", Severity: specs.Error,
			Message: "a pull request from a fork changes what GitHub runs", Advice: "leave " + markdown.Plain(workflows, longestTitle) + " out of it, or push the branch to the repository itself"}})
	}
	return found, nil
}
