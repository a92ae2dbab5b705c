package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/manifest"
	"github.com/mainstaydb/mainstay/specs/proposals"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/mainstaydb/mainstay/webhooks"
)

// A brought is a pull request as far as it could be brought to the fleet's repository.
// What stands in the way is in the review, and then there is no proposal.
type brought struct {
	book     *proposals.Book
	proposal proposals.Proposal
	review   *webhooks.Review // nil: it is a proposal now
	carried  carried          // finds places in the files
}

// Propose implements webhooks.Fleet.
func (b *bridge) Propose(ctx context.Context, p webhooks.Proposal) (webhooks.Review, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	done, err := b.bring(ctx, p)
	if err != nil {
		return webhooks.Review{}, err
	}
	if done.review != nil {
		return *done.review, nil
	}
	r, err := b.client.review(ctx, done.proposal, done.book, "")
	if err != nil {
		return unmerged(err, done.carried)
	}
	if err := b.client.keep(ctx, done.proposal.ID, r); err != nil {
		return webhooks.Review{}, err
	}
	review, err := b.client.reviewOf(ctx, r, done.carried)
	if err != nil {
		return review, err
	}
	review.Others, err = b.overlaps(ctx, done.book, done.proposal, r.merged)
	return review, err
}

// bring makes a pull request a branch with an open proposal.
func (b *bridge) bring(ctx context.Context, p webhooks.Proposal) (brought, error) {
	book, open, isOpen, err := b.open(ctx, p.Number)
	if err != nil {
		return brought{}, err
	}
	newID, err := b.newIDs(ctx, p)
	if err != nil {
		return brought{}, err
	}
	files := fileChange(p.Base, p.Files)
	done := brought{book: book, proposal: open}
	refuse := func(r webhooks.Review) (brought, error) {
		done.review = &r
		return done, b.withdraw(ctx, p.Number, open, isOpen, b.author(p.Author).Email)
	}
	if len(files.faults) > 0 {
		return refuse(webhooks.Review{Findings: faultFindings(files.faults)})
	}
	there, fits, err := b.there(ctx, p, files.digest)
	if err != nil {
		return brought{}, err
	}
	var faults []manifest.Fault
	if done.carried, faults, err = b.client.carry(ctx, files, newID); err != nil {
		return brought{}, err
	}
	switch {
	case len(faults) > 0:
		return refuse(webhooks.Review{Findings: faultFindings(faults)})
	case fits && isOpen:
		done.proposal, err = b.retitle(ctx, open, p)
		return done, err
	case len(done.carried.Conflicts) > 0:
		return refuse(webhooks.Review{Conflicts: carriedConflicts(done.carried)})
	case len(done.carried.Changes) == 0:
		r, err := b.client.nothing(ctx)
		if err != nil {
			return done, err
		}
		return refuse(r)
	}
	head := there
	if !fits {
		made, err := b.client.draftOrRefuse(ctx, done.carried, repo.Draft{Message: b.draftMessage(p, files.digest), Author: b.author(p.Author)})
		if err != nil {
			return done, err
		}
		if made.review != nil {
			return refuse(*made.review)
		}
		head = made.commit
		if err := b.client.place(ctx, pullBranch(p.Number), head); err != nil {
			return done, err
		}
	}
	done.proposal, err = b.enter(ctx, p, head)
	return done, err
}

// place has a branch of the hub be at a commit, here too.
func (c *client) place(ctx context.Context, branch, commit string) error {
	if err := c.Place(ctx, branch, commit); err != nil {
		return err
	}
	_, err := c.FetchHeads(ctx, branch)
	return err
}

// there is the commit that a pull request was brought to before, and whether it is of
// this very change.
func (b *bridge) there(ctx context.Context, p webhooks.Proposal, digest string) (commit string, fits bool, err error) {
	commit, err = b.client.Resolve(ctx, pullBranch(p.Number))
	if errors.Is(err, repo.ErrUnknownRef) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	info, err := b.client.Commit(ctx, commit)
	if err != nil {
		return "", false, err
	}
	return commit, strings.HasSuffix(info.Message, fmt.Sprintf("%s%s\n%s%s", headTrailer, p.Head, changeTrailer, digest)), nil
}

// nothing is the review of a change that the fleet has already.
func (c *client) nothing(ctx context.Context) (webhooks.Review, error) {
	main, err := c.Resolve(ctx, repo.MainBranch)
	if err != nil {
		return webhooks.Review{}, err
	}
	fleet, err := c.CountDeployments(ctx, main)
	return webhooks.Review{Commit: main, Base: main, Passed: true, Fleet: fleet}, err
}

// refusedRows says what is wrong with rows that the engine does not take: the checks
// find it with its place, and what they do not know is told in the engine's words.
func (c *client) refusedRows(ctx context.Context, done carried, cause error) (webhooks.Review, error) {
	around, err := c.SnapshotAround(ctx, done.on, done.Changes)
	if err != nil {
		return webhooks.Review{}, err
	}
	findings := ci.Check(around, done.Changes)
	if len(specs.Errors(findings)) == 0 {
		findings = append(findings, specs.Finding{Check: "rows", Severity: specs.Error, Message: sentence(cause)})
	}
	cells, err := c.cells(ctx, done.on, done.Changes)
	return webhooks.Review{Base: done.on, Findings: placedFindings(findings, done), Changes: cells, Touched: len(touchedIDs(done.Changes))}, err
}

// enter writes the proposal's row, or has it say where the branch is now.
func (b *bridge) enter(ctx context.Context, p webhooks.Proposal, head string) (proposals.Proposal, error) {
	author := b.author(p.Author)
	var entered proposals.Proposal
	branch := pullBranch(p.Number)
	err := b.client.save(ctx, "propose "+branch+": "+title(p), func(book *proposals.Book) ([]repo.Edit, error) {
		var known bool
		if entered, known = book.OpenOf(branch); known && entered.Head == head && entered.Title == title(p) {
			return nil, nil
		}
		if !known {
			entered = proposals.Proposal{ID: book.Next(), Branch: branch, Base: repo.MainBranch, State: proposals.Open, CreatedAt: time.Now(), Description: oneLine(p.URL)}
		}
		entered.Title, entered.Author, entered.AuthorEmail, entered.Head = title(p), author.Name, author.Email, head
		return []repo.Edit{put(proposals.TableProposals, entered.Row())}, nil
	})
	return entered, err
}

// retitle follows a title that was changed.
func (b *bridge) retitle(ctx context.Context, open proposals.Proposal, p webhooks.Proposal) (proposals.Proposal, error) {
	if open.Title == title(p) {
		return open, nil
	}
	return b.enter(ctx, p, open.Head)
}

// title fits a proposal's column.
func title(p webhooks.Proposal) string {
	t := oneLine(strings.ToValidUTF8(p.Title, "�"))
	if t == "" {
		t = pullBranch(p.Number)
	}
	if utf8.RuneCountInString(t) > mostTitle {
		t = string([]rune(t)[:mostTitle-1]) + "…"
	}
	return t
}

// reviewOf tells of a judged merge in the words of a pull request.
func (c *client) reviewOf(ctx context.Context, r *reviewed, places carried) (webhooks.Review, error) {
	fleet, err := c.CountDeployments(ctx, r.merged.Base)
	if err != nil {
		return webhooks.Review{}, err
	}
	review := webhooks.Review{
		Commit: r.merged.Head, Base: r.merged.Base, Passed: r.passed(), Findings: placedFindings(r.report.Findings, places), Changes: r.cells,
		PlanHash: r.plan.Hash, Touched: len(touchedIDs(r.merged.Changes)), Fleet: fleet,
	}
	for _, a := range r.plan.Actions {
		review.Plan = append(review.Plan, webhooks.Step{Deployment: a.Deployment, Kind: a.Kind, Disruption: a.Disruption, Summary: a.Summary})
	}
	for _, w := range r.plan.Waits {
		review.Waits = append(review.Waits, webhooks.Step{Deployment: w.Deployment, Summary: w.Reason})
	}
	return review, nil
}

// unmerged tells why two changes cannot be put together; other errors stay errors.
func unmerged(err error, places carried) (webhooks.Review, error) {
	var conflict *repo.ConflictError
	if !errors.As(err, &conflict) {
		return webhooks.Review{}, err
	}
	r := webhooks.Review{}
	for _, c := range conflict.Conflicts {
		r.Conflicts = append(r.Conflicts, placedConflict(manifest.Conflict{Table: c.Table, Key: c.Key, Column: c.Column, Base: c.Base, Ours: c.Ours, Theirs: c.Theirs}, places))
	}
	for _, v := range conflict.Violations {
		r.Findings = append(r.Findings, webhooks.Finding{Finding: specs.Finding{Check: "merge", Severity: specs.Error, Table: v.Table, Key: strings.Join(v.Rows, " and "), Message: v.Message}})
	}
	if len(r.Conflicts)+len(r.Findings) == 0 {
		r.Findings = []webhooks.Finding{{Finding: specs.Finding{Check: "merge", Severity: specs.Error, Message: sentence(conflict)}}}
	}
	return r, nil
}

func carriedConflicts(c carried) []webhooks.Conflict {
	var all []webhooks.Conflict
	for _, each := range c.Conflicts {
		all = append(all, placedConflict(each, c))
	}
	return all
}

func placedConflict(c manifest.Conflict, places carried) webhooks.Conflict {
	w := webhooks.Conflict{Table: c.Table, Key: c.Key, Column: c.Column, Base: valueText(c.Base), Ours: valueText(c.Ours), Theirs: valueText(c.Theirs)}
	if places.Carried != nil {
		if at, ok := places.Place(specs.Finding{Table: c.Table, Key: c.Key, Column: c.Column}); ok {
			w.Path, w.Line = at.File, at.Line
		}
	}
	return w
}

// valueText is a value as people are shown it; nil is one that is not there.
func valueText(v any) string {
	if v == nil {
		return "(none)"
	}
	return fmt.Sprint(v)
}

func placedFindings(findings []specs.Finding, places carried) []webhooks.Finding {
	var all []webhooks.Finding
	for _, f := range findings {
		w := webhooks.Finding{Finding: f}
		if places.Carried != nil {
			if at, ok := places.Place(f); ok {
				w.Path, w.Line = at.File, at.Line
			}
		}
		all = append(all, w)
	}
	return all
}

func faultFindings(faults []manifest.Fault) []webhooks.Finding {
	var all []webhooks.Finding
	for _, f := range faults {
		all = append(all, webhooks.Finding{Path: f.File, Line: f.Line,
			Finding: specs.Finding{Check: "yaml", Severity: specs.Error, Message: f.Message, Advice: f.Advice}})
	}
	return all
}
