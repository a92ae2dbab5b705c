package main

import (
	"context"
	"fmt"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/specs/manifest"
	"github.com/spf13/cobra"
)

type exportOptions struct {
	dir   string
	at    string
	check bool
	prune bool
}

// exportDoc is what export -o json prints. Paths are as the command was given
// the directory.
type exportDoc struct {
	Commit    string        `json:"commit"`
	Directory string        `json:"directory"`
	Written   []string      `json:"written"`
	Renamed   []renamedFile `json:"renamed"`
	Gone      []string      `json:"gone"`    // files of deployments that are not there
	Removed   []string      `json:"removed"` // those of them that --prune removed
	Unchanged int           `json:"unchanged"`
	Checked   bool          `json:"checked"` // nothing was written, as --check asks
}

type renamedFile struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// differs says whether the directory is not as the rows are.
func (d exportDoc) differs() bool { return len(d.Written)+len(d.Renamed)+len(d.Gone) > 0 }

func newExportCommand(a *app) *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "Write the desired state as YAML files",
		Long: `Writes deployments/NAME.yaml for each deployment and fleet.yaml for what belongs to the whole
fleet. In files that are there comments, order and formatting are kept, and only values that differ
are changed. The file of a deployment that was renamed is renamed. Files of deployments that are
gone are listed, and removed with --prune alone. With --check nothing is written, and the exit code
is 3 when something would be.`,
		Example: `  mainstay export fleet/
  mainstay export fleet/ --at 2026-11-22T10:00:00Z
  mainstay export fleet/ --check
  mainstay export fleet/ --prune`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			o.dir = args[0]
			return a.tellFaults(a.exportFiles(cmd.Context(), o))
		},
	}
	cmd.Flags().StringVar(&o.at, "at", "main", "what to write: a branch, commit or time")
	cmd.Flags().BoolVar(&o.check, "check", false, "write nothing, and exit with 3 if something would be written")
	cmd.Flags().BoolVar(&o.prune, "prune", false, "remove files of deployments that are gone")
	a.completeFlag(cmd, "at")
	return cmd
}

func (a *app) exportFiles(ctx context.Context, o exportOptions) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	commit, err := c.resolve(ctx, o.at)
	if err != nil {
		return err
	}
	tables, err := c.Tables(ctx, commit, manifest.TableNames()...)
	if err != nil {
		return err
	}
	e := &exporter{options: o, doc: exportDoc{
		Commit: commit, Directory: o.dir, Written: []string{}, Renamed: []renamedFile{}, Gone: []string{}, Removed: []string{}, Checked: o.check,
	}}
	if err := e.read(); err != nil {
		return err
	}
	if err := e.plan(tables); err != nil {
		return err
	}
	if !o.check {
		if err := e.write(); err != nil {
			return err
		}
	}
	if err := a.reportExport(e.doc); err != nil {
		return err
	}
	if o.check && e.doc.differs() {
		return refusef("%s is not as the rows are; write it with: mainstay export %[1]s", o.dir)
	}
	return nil
}

func (a *app) reportExport(doc exportDoc) error {
	if a.json() {
		return render.JSON(a.stdout, doc)
	}
	style := a.style()
	wrote, renamed := "wrote", "renamed"
	if doc.Checked {
		wrote, renamed = "would write", "would rename"
	}
	for _, path := range doc.Written {
		fmt.Fprintf(a.stdout, "%s %s\n", style.Good(wrote), path)
	}
	for _, r := range doc.Renamed {
		fmt.Fprintf(a.stdout, "%s %s to %s\n", style.Busy(renamed), r.From, r.To)
	}
	for _, path := range doc.Removed {
		fmt.Fprintf(a.stdout, "%s %s\n", style.Bad("removed"), path)
	}
	if len(doc.Removed) == 0 {
		for _, path := range doc.Gone {
			fmt.Fprintf(a.stdout, "%s %s: there is no such deployment any more; --prune removes the file\n", style.Bad("gone"), path)
		}
	}
	if doc.Unchanged > 0 {
		fmt.Fprintf(a.stderr, "%s already as the rows are\n", render.Count(doc.Unchanged, "file"))
	}
	return nil
}
