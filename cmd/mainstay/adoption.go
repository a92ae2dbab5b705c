package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/adopt"
	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/specs/manifest"
	"github.com/mainstaydb/mainstay/specs/proposals"
	"github.com/mainstaydb/mainstay/specs/repo"
)

// adoptionDoc is what import ec2 -o json prints.
type adoptionDoc struct {
	Branch   string          `json:"branch"`
	Commit   string          `json:"commit"`   // empty: nothing was committed
	Proposal int             `json:"proposal"` // 0: nothing was proposed
	Machines []adopt.Machine `json:"machines"`
	Check    *view.Check     `json:"check,omitempty"` // of the proposal
}

// An adoption brings machines that people run and one branch together.
type adoption struct {
	app     *app
	client  *client
	cloud   adopt.Cloud
	region  string
	options importEC2Options
	doc     adoptionDoc
}

func (ad *adoption) run(ctx context.Context) error {
	if err := ad.look(ctx); err != nil {
		return err
	}
	ready := adopt.In(ad.doc.Machines, adopt.Ready)
	if ad.options.dryRun || len(ready)+len(adopt.In(ad.doc.Machines, adopt.Proposed)) == 0 {
		return ad.report()
	}
	if len(ready) > 0 && !ad.app.json() {
		fmt.Fprintf(ad.app.stderr, "giving %s the fleet's tags, and waiting until EC2 lists them so\n", render.Count(len(ready), "volume"))
	}
	if err := adopt.Claim(ctx, ad.cloud, ready); err != nil {
		return err
	}
	if err := ad.commit(ctx, ready); err != nil {
		return fmt.Errorf("the volumes are the fleet's and their rows are not there yet; the same command goes on from here: %w", err)
	}
	if err := ad.propose(ctx, adopt.In(ad.doc.Machines, adopt.Proposed)); err != nil {
		return fmt.Errorf("the rows are on the branch %s and not proposed; the same command goes on from here: %w", ad.options.branch, err)
	}
	return ad.report()
}

// base is where the rows are compared and go: the branch, or main before it is made.
func (ad *adoption) base(ctx context.Context) (commit string, fresh bool, err error) {
	commit, err = ad.client.Resolve(ctx, ad.options.branch)
	if errors.Is(err, repo.ErrUnknownRef) {
		commit, err = ad.client.Resolve(ctx, repo.MainBranch)
		return commit, true, err
	}
	return commit, false, err
}

// look finds out which machines have a row, on main, on the branch or on another one
// that is proposed, and what the others lack.
func (ad *adoption) look(ctx context.Context) error {
	book, err := ad.client.book(ctx)
	if err != nil {
		return err
	}
	if err := ad.find(ctx, repo.MainBranch, adopt.Known); err != nil {
		return err
	}
	for _, p := range book.List() {
		if p.State != proposals.Open || p.Branch == ad.options.branch {
			continue
		}
		if err := ad.find(ctx, p.Branch, adopt.Known); err != nil && !errors.Is(err, repo.ErrUnknownRef) {
			return err
		}
	}
	base, fresh, err := ad.base(ctx)
	if err != nil {
		return err
	}
	if !fresh {
		if err := ad.find(ctx, ad.options.branch, adopt.Proposed); err != nil {
			return err
		}
	}
	snapshot, err := ad.client.SnapshotAround(ctx, base, adopt.Changes(ad.doc.Machines))
	if err != nil {
		return err
	}
	adopt.Judge(snapshot, ad.doc.Machines)
	return nil
}

func (ad *adoption) find(ctx context.Context, branch string, state adopt.State) error {
	commit, err := ad.client.Resolve(ctx, branch)
	if err != nil {
		return err
	}
	snapshot, err := ad.client.SnapshotAround(ctx, commit, adopt.Changes(ad.doc.Machines))
	if err != nil {
		return err
	}
	adopt.Find(snapshot, ad.doc.Machines, state, branch)
	return nil
}

// commit puts the rows on the branch.
func (ad *adoption) commit(ctx context.Context, ready []adopt.Machine) error {
	if len(ready) == 0 {
		return nil
	}
	base, fresh, err := ad.base(ctx)
	if err != nil {
		return err
	}
	if fresh {
		if err := ad.client.CreateBranch(ctx, ad.options.branch, base); err != nil {
			return err
		}
	}
	// One transaction: by itself each statement would write the working set.
	statements := "SET @@autocommit = 0;\n" + manifest.Statements(adopt.Changes(ready))
	changed, err := ad.client.Change(ctx, ad.options.branch, statements, ad.title(ready))
	if err != nil {
		if fresh {
			err = errors.Join(err, ad.client.DeleteBranch(ctx, ad.options.branch))
		}
		return err
	}
	ad.doc.Commit = changed.Commit
	for i := range ad.doc.Machines {
		if m := &ad.doc.Machines[i]; m.State == adopt.Ready {
			m.State = adopt.Proposed
		}
	}
	return nil
}

func (ad *adoption) title(ready []adopt.Machine) string {
	title := "adopt " + ready[0].Name
	if n := len(ready) - 1; n > 0 {
		title += " and " + render.Count(n, "other machine")
	}
	return title
}

// propose proposes the branch, unless that is proposed already, and checks it.
func (ad *adoption) propose(ctx context.Context, ready []adopt.Machine) error {
	c := ad.client
	if _, err := c.Fetch(ctx); err != nil {
		return err
	}
	book, err := c.book(ctx)
	if err != nil {
		return err
	}
	p, open := book.OpenOf(ad.options.branch)
	if !open {
		if p, err = c.propose(ctx, prCreateOptions{branch: ad.options.branch, title: ad.title(ready), body: body(ready)}); err != nil {
			return err
		}
		if book, err = c.book(ctx); err != nil {
			return err
		}
	}
	ad.doc.Proposal = p.ID
	if err := ad.recorded(ctx, ready); err != nil {
		return err
	}
	return ad.check(ctx, p, book)
}

const (
	// recordedWithin is for a control plane to list the volumes, which it does every
	// six seconds, and to record them. Where none runs it is not worth more.
	recordedWithin = 20 * time.Second
	// recordEvery is one look at the hub.
	recordEvery = time.Second
)

// recorded waits until the branch status, which plans are foretold from, has the
// volumes. Without it all holds, only the plan shown would tell of new ones.
func (ad *adoption) recorded(ctx context.Context, machines []adopt.Machine) error {
	var ids []string
	for _, m := range machines {
		ids = append(ids, m.VolumeID)
	}
	for end := time.Now().Add(recordedWithin); ; {
		heads, err := ad.client.Fetch(ctx)
		if err != nil {
			return err
		}
		applied, err := ad.client.Rows(ctx, heads.Status, "applied", "", nil)
		if err != nil {
			return err
		}
		rows, err := ad.client.Rows(ctx, heads.Status, "volumes", "id", ids)
		if err != nil || len(rows) == len(ids) || len(applied) == 0 || time.Now().After(end) {
			return err // no control plane has ever been there, or it is slow
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(recordEvery):
		}
	}
}

// check judges the proposal, and keeps the verdict with it.
func (ad *adoption) check(ctx context.Context, p proposals.Proposal, book *proposals.Book) error {
	r, err := ad.client.review(ctx, p, book, "")
	if err != nil {
		return err
	}
	doc := checkDoc(p, r)
	ad.doc.Check = &doc
	return ad.client.keep(ctx, p.ID, r)
}

// body is what reviewers should know.
func body(ready []adopt.Machine) string {
	text := "Machines that are run by hand are taken over with their volumes, which carry the fleet's tags already. After the merge a person " +
		"detaches each volume from its old machine: docs/adoption.md.\n"
	for _, m := range ready {
		text += fmt.Sprintf("%s: machine %s, volume %s\n", m.Name, m.MachineID, m.VolumeID)
	}
	return text
}

// report says what there is, what was done, and what is next.
func (ad *adoption) report() error {
	a := ad.app
	if a.json() {
		return render.JSON(a.stdout, ad.doc)
	}
	if len(ad.doc.Machines) == 0 {
		fmt.Fprintln(a.stderr, "no machine carries the tag mainstay:adopt and belongs to no fleet; docs/adoption.md says how to mark those to be taken over")
		return nil
	}
	if err := adopt.Write(a.stdout, a.style(), ad.doc.Machines); err != nil {
		return err
	}
	proposed, ready := adopt.In(ad.doc.Machines, adopt.Proposed), adopt.In(ad.doc.Machines, adopt.Ready)
	switch {
	case ad.doc.Proposal == 0 && len(ready) == 0:
		fmt.Fprintln(a.stderr, "there is nothing to propose")
		return nil
	case ad.doc.Proposal == 0:
		fmt.Fprintf(a.stderr, "nothing was changed, as --dry-run asks; without it %s would be proposed\n", render.Count(len(ready), "row"))
		return nil
	}
	fmt.Fprintf(a.stdout, "\n%s proposes %s for main\n", a.style().Bold(fmt.Sprintf("#%d", ad.doc.Proposal)), ad.options.branch)
	if err := view.WriteCheck(a.stdout, a.style(), *ad.doc.Check); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "\n%s", adopt.Next(fmt.Sprint(ad.doc.Proposal), ad.region, proposed))
	return err
}
