package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/proposals"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/mainstaydb/mainstay/webhooks"
)

// Merge implements webhooks.Fleet. The plan may be another than the one that was
// shown: GitHub's main has the change already, and what the checks refuse stays out.
func (b *bridge) Merge(ctx context.Context, p webhooks.Proposal, by webhooks.Person, sha string) (webhooks.Merge, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if commit, err := b.mergedBefore(ctx, p.Number); err != nil || commit != "" {
		return webhooks.Merge{Commit: commit}, err
	}
	done, err := b.bring(ctx, p)
	if err != nil {
		return webhooks.Merge{}, err
	}
	if done.review != nil {
		return b.unbrought(*done.review)
	}
	merger := *b.client
	merger.author = b.author(by)
	done.proposal.Description = oneLine(p.URL) + "\n" + mergedThere + sha
	merged, last, err := merger.mergeProposal(ctx, done.proposal, done.book, prMergeOptions{acceptPlan: true, author: b.author(p.Author)})
	if err != nil {
		return b.explainMerge(err, last, done.carried)
	}
	b.wake()
	return webhooks.Merge{Commit: merged.Commit}, b.removeBranch(ctx, p.Number)
}

// mergedThere begins the line of a merge commit's message that names the merge on GitHub.
// A pull request whose proposal was merged by the command line has none: the files lack it.
const mergedThere = "Merged there as "

// mergedBefore is the commit of main that a pull request was merged with.
func (b *bridge) mergedBefore(ctx context.Context, number int) (string, error) {
	book, _, _, err := b.open(ctx, number)
	if err != nil {
		return "", err
	}
	for _, p := range book.List() {
		if p.Branch == pullBranch(number) && p.State == proposals.Merged {
			return p.MergedCommit, b.removeBranch(ctx, number)
		}
	}
	return "", nil
}

// unbrought is the end of a merged pull request that is no proposal: the fleet has it
// already, or cannot take it.
func (b *bridge) unbrought(r webhooks.Review) (webhooks.Merge, error) {
	switch {
	case len(r.Conflicts) > 0:
		return webhooks.Merge{Conflict: r.Conflicts}, nil
	case !r.Passed:
		return webhooks.Merge{}, refusedf("%s", worst(r.Findings))
	}
	return webhooks.Merge{Commit: r.Commit}, nil
}

// explainMerge tells why the fleet's main does not take a merge.
func (b *bridge) explainMerge(err error, last *reviewed, places carried) (webhooks.Merge, error) {
	var refused refusal
	if errors.As(err, &refused) && last != nil {
		return webhooks.Merge{}, refusedf("%s", worst(placedFindings(last.report.Findings, places)))
	}
	r, err := unmerged(err, places)
	if err != nil {
		return webhooks.Merge{}, err
	}
	return b.unbrought(r)
}

// worst are the findings that keep a change out, in a line.
func worst(findings []webhooks.Finding) string {
	var all []string
	for _, f := range findings {
		if f.Severity == specs.Error || f.Severity == specs.Warning && ci.NeedsAcknowledgement(f.Check) {
			all = append(all, f.String())
		}
	}
	if len(all) == 0 {
		return "the checks refuse it"
	}
	return strings.Join(all, "; ")
}

// A cell is one that a branch changes, as people know it.
type cell struct{ table, key, column string }

// overlaps are the other open proposals that change the same cells, or other cells of
// the same deployments.
func (b *bridge) overlaps(ctx context.Context, book *proposals.Book, p proposals.Proposal, merged *repo.Merged) ([]webhooks.Overlap, error) {
	names, err := b.client.names(ctx, merged.Base, merged.Changes)
	if err != nil {
		return nil, err
	}
	mine := map[cell]bool{}
	deployments := map[string]bool{}
	for _, c := range cellsOf(merged.Changes, names) {
		mine[c] = true
		deployments[c.deployment()] = true
	}
	var all []webhooks.Overlap
	for _, other := range book.List() {
		if other.ID == p.ID || other.State != proposals.Open {
			continue
		}
		cells, err := b.touches(ctx, other)
		if err != nil {
			return nil, err
		}
		if what := common(cells, mine, deployments); what != "" {
			all = append(all, webhooks.Overlap{Proposal: fmt.Sprintf("#%d %s (%s)", other.ID, other.Title, other.Branch), URL: firstWord(other.Description), What: what})
		}
	}
	return all, nil
}

// Affected implements webhooks.Fleet: those that change a deployment which main changed,
// or, as main changed something else than deployments, none.
func (b *bridge) Affected(ctx context.Context, heads string) ([]int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, _, _ := strings.Cut(heads, "/")
	now, err := b.client.FetchHeads(ctx)
	if err != nil || before == now.Main || before == "" {
		return nil, err
	}
	if _, ok, err := b.client.Steps(ctx, before, now.Main); err != nil || !ok {
		return nil, err
	}
	changes, err := b.client.Changes(ctx, before, now.Main)
	if err != nil {
		return nil, err
	}
	names, err := b.client.names(ctx, now.Main, changes)
	if err != nil {
		return nil, err
	}
	changed := map[string]bool{}
	for _, c := range cellsOf(changes, names) {
		changed[c.deployment()] = true
	}
	delete(changed, "")
	return b.touchingAny(ctx, changed)
}

// touchingAny are the pull requests whose proposals change any of some deployments.
func (b *bridge) touchingAny(ctx context.Context, deployments map[string]bool) ([]int, error) {
	book, err := b.client.book(ctx)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, p := range book.List() {
		digits, ours := strings.CutPrefix(p.Branch, branchPrefix)
		number, err := strconv.Atoi(digits)
		if p.State != proposals.Open || !ours || err != nil {
			continue
		}
		cells, err := b.touches(ctx, p)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(cells, func(c cell) bool { return deployments[c.deployment()] }) {
			numbers = append(numbers, number)
		}
	}
	return numbers, nil
}

// touches are the cells that a proposal's branch changes, as its row has it. One that is
// in no branch any more changes nothing.
func (b *bridge) touches(ctx context.Context, p proposals.Proposal) ([]cell, error) {
	head := p.Head
	if cells, ok := b.touching[head]; ok {
		return cells, nil
	}
	main, err := b.client.Resolve(ctx, repo.MainBranch)
	if err != nil {
		return nil, err
	}
	if _, err := b.client.Commit(ctx, head); errors.Is(err, repo.ErrUnknownRef) {
		return nil, nil
	}
	fork, err := b.client.MergeBase(ctx, main, head)
	if err != nil {
		return nil, err
	}
	changes, err := b.client.Changes(ctx, fork, head)
	if err != nil {
		return nil, err
	}
	names, err := b.client.names(ctx, fork, changes)
	if err != nil {
		return nil, err
	}
	if len(b.touching) >= mostTouching {
		clear(b.touching)
	}
	b.touching[head] = cellsOf(changes, names)
	return b.touching[head], nil
}

// mostTouching bounds what is remembered of branches: more than are open at one time.
const mostTouching = 5000

func cellsOf(changes []specs.RowChange, names func(string) string) []cell {
	var all []cell
	for _, change := range changes {
		for _, c := range specs.Cells(change, names) {
			all = append(all, cell{c.Table, c.Key, c.Column})
		}
	}
	return all
}

// deployment is the one that a cell belongs to; empty: none.
func (c cell) deployment() string {
	switch c.table {
	case specs.TableDeployments:
		return c.key
	case specs.TableSettings:
		name, _, _ := strings.Cut(c.key, "/")
		return name
	}
	return ""
}

// mostCommon bounds what is listed of two proposals' common cells.
const mostCommon = 5

// common says what two proposals both change; empty: nothing.
func common(theirs []cell, mine map[cell]bool, deployments map[string]bool) string {
	var same, near []string
	for _, c := range theirs {
		switch d := c.deployment(); {
		case mine[c]:
			same = append(same, c.key+"."+c.column)
		case d != "" && deployments[d]:
			near = append(near, d)
		}
	}
	switch {
	case len(same) > mostCommon:
		return fmt.Sprintf("the same values: %s and %d more", strings.Join(same[:mostCommon], ", "), len(same)-mostCommon)
	case len(same) > 0:
		return "the same values: " + strings.Join(same, ", ")
	case len(near) > 0:
		return "other values of " + strings.Join(firstOf(near, mostCommon), ", ")
	}
	return ""
}

func firstOf(all []string, n int) []string {
	seen := map[string]bool{}
	var some []string
	for _, s := range all {
		if !seen[s] && len(some) < n {
			seen[s] = true
			some = append(some, s)
		}
	}
	return some
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(word)
}
