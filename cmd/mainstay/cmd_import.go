package main

import (
	"context"
	"os"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/manifest"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/spf13/cobra"
)

type importOptions struct {
	paths   []string // as they were typed
	branch  string
	message string
	prune   bool
	dryRun  bool
}

// importDoc is what import -o json prints.
type importDoc struct {
	Commit   string             `json:"commit"` // empty: nothing was committed
	Branch   string             `json:"branch"`
	Changes  []specs.CellChange `json:"changes"`
	Findings []placedFinding    `json:"findings"`
	Unnamed  map[string]int     `json:"unnamed"` // rows that stay although no file names them, by table
}

// A placedFinding is a finding with where a file says what it is about.
type placedFinding struct {
	specs.Finding
	Place *manifest.Place `json:"place,omitempty"`
}

func (f placedFinding) String() string {
	if f.Place == nil {
		return f.Finding.String()
	}
	return f.Place.String() + ": " + f.Finding.String()
}

func newImportCommand(a *app) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import DIR|FILE...",
		Short: "Make rows of YAML files, and commit and push what changed",
		Long: `Makes the rows of the desired state be as YAML files say, in one commit on a branch that is
pushed. Of a directory it reads fleet.yaml and all YAML below deployments/. What a file leaves out
stays as it is. The difference is shown before it is committed. Rows that no file names stay;
with --prune they are deleted. On main the change is checked first, and refused with exit code 3
when the control plane would refuse it. A branch that is not there yet begins at main.
Machines that are run by hand on EC2 are taken over by mainstay import ec2.`,
		Example: `  mainstay import fleet/
  mainstay import fleet/ --dry-run
  mainstay import -b bigger -m "more room" fleet/deployments/orders.yaml
  mainstay import fleet/ --prune -m "only what the files name"`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			o.paths = args
			return a.tellFaults(a.importFiles(cmd.Context(), o))
		},
	}
	cmd.Flags().StringVarP(&o.branch, "branch", "b", "main", "the branch to commit on; made from main if it is not there")
	cmd.Flags().StringVarP(&o.message, "message", "m", "", "what the commit is for; the names of the files if left out")
	cmd.Flags().BoolVar(&o.prune, "prune", false, "delete rows that no file names")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "show the difference and commit nothing")
	a.authorFlag(cmd)
	a.completeFlag(cmd, "branch")
	cmd.AddCommand(newImportEC2Command(a))
	return cmd
}

func (a *app) importFiles(ctx context.Context, o importOptions) error {
	files, err := o.read()
	if err != nil {
		return err
	}
	if o.message == "" {
		o.message = messageFrom("import " + strings.Join(o.paths, " "))
	}
	c, err := a.openToWrite(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	im := &importer{app: a, client: c, options: o, files: files}
	if err := im.run(ctx); err != nil {
		return conflict(err)
	}
	if im.doc.Commit != "" {
		c.wake(ctx)
	}
	return im.report()
}

// read reads all files that the arguments mean.
func (o importOptions) read() ([]*manifest.File, error) {
	if o.branch == repo.StatusBranch {
		return nil, usagef("the branch status is written by the control planes alone; choose main or a branch of it")
	}
	var paths []string
	whole := false // a directory was named
	seen := map[string]bool{}
	for _, arg := range o.paths {
		more, err := manifestPaths(arg)
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(arg); err == nil && info.IsDir() {
			whole = true
		}
		for _, path := range more {
			if !seen[path] {
				seen[path] = true
				paths = append(paths, path)
			}
		}
	}
	switch {
	case len(paths) == 0:
		return nil, usagef("there are no YAML files in %s; mainstay export writes some", strings.Join(o.paths, " "))
	case o.prune && !whole:
		return nil, usagef("--prune deletes what no file names, and single files name little; give the directory that holds all of them")
	}
	read, err := readManifests(paths)
	if err != nil {
		return nil, err
	}
	files := make([]*manifest.File, len(read))
	for i, f := range read {
		files[i] = f.File
	}
	return files, nil
}
