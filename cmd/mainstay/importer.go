package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/manifest"
	"github.com/mainstaydb/mainstay/specs/repo"
)

// An importer brings files and one branch together.
type importer struct {
	app     *app
	client  *client
	options importOptions
	files   []*manifest.File

	against string // the branch whose rows the files are compared with
	merged  *manifest.Merged
	made    bool               // the branch was made by us
	shown   []specs.CellChange // the difference that was
	ids     map[string]string  // of new deployments, by name
	doc     importDoc
}

// errMoved: the branch moved between the comparison and the commit.
var errMoved = errors.New("the branch moved")

// comparisons bounds how often files are compared anew because others pushed.
const comparisons = 50

func (im *importer) run(ctx context.Context) error {
	for range comparisons {
		base, err := im.compare(ctx)
		if err != nil || len(im.merged.Changes) == 0 || im.options.dryRun {
			return err
		}
		err = im.commit(ctx, base)
		if !errors.Is(err, errMoved) {
			return im.undo(ctx, err)
		}
		if _, err := im.client.Fetch(ctx); err != nil {
			return err
		}
	}
	return im.undo(ctx, refusef("others push to %s all the time; try again: %w", im.options.branch, repo.ErrLost))
}

// base is the commit that the files are compared with.
func (im *importer) base(ctx context.Context) (string, error) {
	commit, err := im.client.Resolve(ctx, im.options.branch)
	im.against = im.options.branch
	if errors.Is(err, repo.ErrUnknownRef) {
		im.against = repo.MainBranch
		return im.client.Resolve(ctx, im.against)
	}
	return commit, err
}

// compare finds out what has to change, judges it, and shows it.
func (im *importer) compare(ctx context.Context) (base string, err error) {
	if base, err = im.base(ctx); err != nil {
		return "", err
	}
	tables, err := im.client.Tables(ctx, base, manifest.TableNames()...)
	if err != nil {
		return "", err
	}
	merged, faults := manifest.Merge(tables, im.files, manifest.Options{Prune: im.options.prune, NewID: im.newID})
	if err := faulty(faults); err != nil {
		return "", err
	}
	im.merged = merged
	findings, err := im.client.judge(ctx, im.options.branch, base, merged.Changes)
	if err != nil {
		return "", err
	}
	im.doc = importDoc{Branch: im.options.branch, Findings: im.placed(findings), Unnamed: merged.Unnamed}
	if im.doc.Changes, err = im.client.cells(ctx, base, merged.Changes); err != nil {
		return "", err
	}
	im.show()
	if im.options.branch == repo.MainBranch {
		return base, im.refuse()
	}
	return base, nil
}

// placed gives findings their places in the files.
func (im *importer) placed(findings []specs.Finding) []placedFinding {
	placed := []placedFinding{}
	for _, f := range findings {
		p := placedFinding{Finding: f}
		if place, ok := im.merged.Place(f); ok {
			p.Place = &place
		}
		placed = append(placed, p)
	}
	return placed
}

// refuse says no when an error is among the findings. They were shown.
func (im *importer) refuse() error {
	n := 0
	for _, f := range im.doc.Findings {
		if f.Severity == specs.Error {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	if im.app.json() {
		if err := render.JSON(im.app.stdout, im.doc); err != nil {
			return err
		}
	}
	return refusef("nothing was changed, as a check refuses what the files say: %s above; mend %s and try again",
		render.Count(n, "error"), pronoun(n))
}

// commit makes the changes, if the branch is still where it was compared.
func (im *importer) commit(ctx context.Context, base string) error {
	if err := im.makeBranch(ctx, base); err != nil {
		return err
	}
	// One transaction: by itself each statement would write the working set.
	statements := "SET @@autocommit = 0;\n" + manifest.Statements(im.merged.Changes)
	changed, err := im.client.ChangeChecked(ctx, im.options.branch, statements, im.options.message,
		func(now string, _ []specs.RowChange) error {
			if now != base {
				return errMoved
			}
			return nil
		})
	var statement *repo.StatementError
	if errors.As(err, &statement) {
		// The findings say with file and line what Dolt says with a statement.
		if refused := im.refuse(); refused != nil {
			return refused
		}
	}
	if err != nil {
		return err
	}
	im.doc.Commit = changed.Commit
	return nil
}

// makeBranch makes the branch where it is not there yet.
func (im *importer) makeBranch(ctx context.Context, base string) error {
	_, err := im.client.Resolve(ctx, im.options.branch)
	if !errors.Is(err, repo.ErrUnknownRef) {
		return err
	}
	if err := im.client.CreateBranch(ctx, im.options.branch, base); err != nil {
		return err
	}
	im.made = true
	_, err = im.client.Fetch(ctx)
	return err
}

// undo takes back a branch that was made for a change which was then not made.
func (im *importer) undo(ctx context.Context, err error) error {
	if err == nil || !im.made {
		return err
	}
	return errors.Join(err, im.client.DeleteBranch(ctx, im.options.branch))
}

// newID gives a new deployment the same id when the comparison is made anew, so
// that what was shown is what is committed.
func (im *importer) newID(name string) string {
	if im.ids == nil {
		im.ids = map[string]string{}
	}
	if im.ids[name] == "" {
		im.ids[name] = uuid.NewString()
	}
	return im.ids[name]
}

// show prints the difference before anything is committed; again only when it has
// become another one.
func (im *importer) show() {
	if im.app.json() || im.shown != nil && slices.Equal(im.shown, im.doc.Changes) {
		return
	}
	im.shown = im.doc.Changes
	for _, line := range view.ChangeLines(im.app.style(), im.doc.Changes) {
		fmt.Fprintln(im.app.stdout, line)
	}
	for _, f := range im.doc.Findings {
		fmt.Fprintln(im.app.stderr, render.Visible(f.String()))
	}
}

// report says what came of it.
func (im *importer) report() error {
	if im.app.json() {
		return render.JSON(im.app.stdout, im.doc)
	}
	w := im.app.stderr
	for _, table := range manifest.TableNames() {
		if n := im.doc.Unnamed[table]; n > 0 {
			fmt.Fprintf(w, "note: no file names %s of %s; --prune would delete %s\n", render.Count(n, "row"), table, pronoun(n))
		}
	}
	switch {
	case len(im.doc.Changes) == 0:
		fmt.Fprintf(w, "nothing to change: the rows on %s are as the files say\n", im.against)
	case im.doc.Commit == "":
		fmt.Fprintln(w, "nothing was committed, as --dry-run asks")
	default:
		_, err := fmt.Fprintf(im.app.stdout, "%s on %s: %s\n", im.app.style().Bold(view.Short(im.doc.Commit)), im.options.branch, render.Visible(im.options.message))
		return err
	}
	return nil
}

func pronoun(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}
