package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/repo"
)

// changeOn is change on a branch that is made from main where it is not there. If
// the change fails, so was the making of the branch.
func (c *client) changeOn(ctx context.Context, o sqlOptions, tell io.Writer) (*repo.Changed, []specs.Finding, error) {
	_, err := c.Resolve(ctx, o.branch)
	if !errors.Is(err, repo.ErrUnknownRef) || reserved(o.branch) {
		return c.change(ctx, o)
	}
	if reads, err := repo.ReadsOnly(ctx, o.statements); err != nil || reads {
		return c.change(ctx, o) // which says that there is no such branch
	}
	if err := c.CreateBranch(ctx, o.branch, repo.MainBranch); err != nil {
		return nil, nil, err
	}
	changed, findings, err := c.change(ctx, o)
	if err != nil || changed.Commit == "" {
		return changed, findings, errors.Join(err, c.DeleteBranch(ctx, o.branch))
	}
	fmt.Fprintf(tell, "made branch %s from main\n", o.branch)
	return changed, findings, nil
}

// change runs the statements: on a branch's newest commit where they only read,
// as a commit that is pushed where they write. On main the change is judged before
// the push as the control plane will judge it.
func (c *client) change(ctx context.Context, o sqlOptions) (*repo.Changed, []specs.Finding, error) {
	reads, err := repo.ReadsOnly(ctx, o.statements)
	if err != nil {
		return nil, nil, err
	}
	// Query takes one statement; several that read are run as a change of nothing.
	if reads && !strings.Contains(strings.TrimRight(o.statements, "; \n"), ";") {
		result, err := c.Query(ctx, o.branch, o.statements)
		if err != nil {
			return nil, nil, err
		}
		return &repo.Changed{Results: []*repo.Result{result}}, nil, nil
	}
	var findings []specs.Finding
	changed, err := c.ChangeChecked(ctx, o.branch, o.statements, o.message, func(base string, changes []specs.RowChange) error {
		var err error
		findings, err = c.judge(ctx, o.branch, base, changes)
		if err != nil || o.branch != "main" || o.force {
			return err
		}
		return refuse(findings)
	})
	return changed, findings, err
}

// judge checks a change of a branch as the control plane will when it comes to main.
func (c *client) judge(ctx context.Context, branch, base string, changes []specs.RowChange) ([]specs.Finding, error) {
	if branch == repo.ProposalsBranch {
		return nil, nil // rows of another kind
	}
	snapshot, err := c.SnapshotAround(ctx, base, changes)
	if err != nil {
		return nil, err
	}
	findings := ci.Check(snapshot, changes)
	if branch == repo.MainBranch {
		// Nobody can have approved a commit that is not made yet: where consent is
		// needed a proposal is the way.
		findings = append(findings, ci.Missing(snapshot, changes, branch, []string{c.author.Email}, nil)...)
	}
	return findings, nil
}

// refuse says no to a change with an error among its findings.
func refuse(findings []specs.Finding) error {
	var errs []error
	for _, f := range findings {
		if f.Severity == specs.Error {
			errs = append(errs, errors.New(f.String()))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return refusal{fmt.Errorf("nothing was changed, as the control plane would refuse it: %w", errors.Join(errs...))}
}
