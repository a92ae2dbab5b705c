package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/proposals"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/mainstaydb/mainstay/webhooks"
	"github.com/spf13/cobra"
)

func newCICommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "ci",
		Short:   "Judge a change of YAML files in a CI system",
		Example: "  mainstay ci run --files specs --base origin/main --hub https://hub.example.com/fleet",
		Args:    unknownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCIRunCommand(a))
	return cmd
}

type ciOptions struct {
	files   string
	base    string
	baseDir string
	summary string
	ack     []string
}

// ciDoc is what ci run -o json prints.
type ciDoc struct {
	Passed    bool               `json:"passed"`
	Base      string             `json:"base"` // commit of main
	Accept    []string           `json:"accept"`
	Findings  []ciFinding        `json:"findings"`
	Conflicts []ciConflict       `json:"conflicts"`
	Diff      []specs.CellChange `json:"diff"`
	Plan      *view.Plan         `json:"plan,omitempty"` // none: it did not come to one
}

type ciFinding struct {
	specs.Finding
	Path string `json:"path,omitempty"`
	Line int    `json:"line,omitempty"`
}

type ciConflict struct {
	Table  string `json:"table"`
	Key    string `json:"key"`
	Column string `json:"column"`
	Base   string `json:"base"`
	Ours   string `json:"ours"`
	Theirs string `json:"theirs"`
	Path   string `json:"path,omitempty"`
	Line   int    `json:"line,omitempty"`
}

func newCIRunCommand(a *app) *cobra.Command {
	o := ciOptions{}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Check and plan what a change of YAML files would do to the fleet; exit code 3 if it may not be merged",
		Long: `Judges the change between the files as they are here and as they were where the change was cut from,
on a trial merge with the hub's main: the checks, the difference in rows, the plan and conflicts with
what main changed since. Nothing is written to the hub, so its user need not be able to write. It is for
teams without the webhook server, in any CI system. The Markdown goes to --summary, by itself to GitHub's
job summary; in GitHub Actions findings are shown at the lines of the files. Approvals are not asked
for here: the fleet's own rules ask for them when the change is merged.`,
		Example: `  mainstay ci run --files specs --base origin/main
  mainstay ci run --files specs --base-dir ../before/specs -o json
  mainstay ci run --ack outlier --summary review.md`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			if o.base != "" && o.baseDir != "" {
				return usagef("--base and --base-dir both say what the files were; give one of them")
			}
			if err := checkAcks(o.ack); err != nil {
				return err
			}
			return a.tellFaults(a.ciRun(cmd.Context(), o))
		},
	}
	cmd.Flags().StringVar(&o.files, "files", "specs", "the directory of the files; all YAML below it is read")
	cmd.Flags().StringVar(&o.base, "base", a.ciBase(), "what the change is into, as git knows it; its newest commit that is here too counts")
	cmd.Flags().StringVar(&o.baseDir, "base-dir", "", "a directory with the files as they were, in place of --base")
	cmd.Flags().StringVar(&o.summary, "summary", a.getenv("GITHUB_STEP_SUMMARY"), "a file that the review is added to as Markdown; GITHUB_STEP_SUMMARY")
	cmd.Flags().StringSliceVar(&o.ack, "ack", nil, "checks whose warnings are accepted, such as outlier,blast-radius")
	_ = cmd.MarkFlagDirname("files")
	_ = cmd.MarkFlagDirname("base-dir")
	return cmd
}

// ciBase is the branch that a CI system says the change is into.
func (a *app) ciBase() string {
	for _, name := range []string{"GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "BITBUCKET_PR_DESTINATION_BRANCH"} {
		if branch := a.getenv(name); branch != "" {
			return "origin/" + branch
		}
	}
	return ""
}

func (a *app) ciRun(ctx context.Context, o ciOptions) error {
	before, after, err := o.read(ctx)
	if err != nil {
		return err
	}
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	r, doc, err := c.judgeFiles(ctx, fileChange(before, after), o.ack)
	if err != nil {
		return err
	}
	if err := a.writeCI(o, r, doc); err != nil {
		return err
	}
	if !doc.Passed {
		return refusef("the change may not be merged as it is")
	}
	return nil
}

// judgeFiles is the review of a change of files, made in the clone alone.
func (c *client) judgeFiles(ctx context.Context, f filed, ack []string) (webhooks.Review, ciDoc, error) {
	if len(f.faults) > 0 {
		return judgedFiles(webhooks.Review{Findings: faultFindings(f.faults)}, nil)
	}
	done, faults, err := c.carry(ctx, f, newRandomID)
	switch {
	case err != nil:
		return webhooks.Review{}, ciDoc{}, err
	case len(faults) > 0:
		return judgedFiles(webhooks.Review{Findings: faultFindings(faults)}, nil)
	case len(done.Conflicts) > 0:
		return judgedFiles(webhooks.Review{Conflicts: carriedConflicts(done)}, nil)
	case len(done.Changes) == 0:
		r, err := c.nothing(ctx)
		if err != nil {
			return r, ciDoc{}, err
		}
		return judgedFiles(r, nil)
	}
	head, err := c.draftOrRefuse(ctx, done, repo.Draft{Message: "a change of files"})
	if err != nil || head.review != nil {
		if err != nil {
			return webhooks.Review{}, ciDoc{}, err
		}
		return judgedFiles(*head.review, nil)
	}
	return c.judgeDraft(ctx, done, head.commit, ack)
}

func (c *client) judgeDraft(ctx context.Context, done carried, head string, ack []string) (webhooks.Review, ciDoc, error) {
	merged, err := c.TryMerge(ctx, repo.MergeOptions{Branch: "files", Head: head, Into: repo.MainBranch, Tests: true})
	if err != nil {
		r, err := unmerged(err, done)
		if err != nil {
			return r, ciDoc{}, err
		}
		return judgedFiles(r, nil)
	}
	p := proposals.Proposal{Branch: "files", Base: repo.MainBranch, AuthorEmail: c.author.Email}
	judged, err := c.judgeMerge(ctx, p, proposals.NewBook(), merged, ack)
	if err != nil {
		return webhooks.Review{}, ciDoc{}, err
	}
	// Who approves has not seen it yet.
	judged.report.Findings = ci.WithoutApprovals(judged.report.Findings)
	r, err := c.reviewOf(ctx, judged, done)
	if err != nil {
		return r, ciDoc{}, err
	}
	r, doc, err := judgedFiles(r, &judged.plan)
	for _, f := range judged.report.Unacknowledged() {
		doc.Accept = append(doc.Accept, f.Check)
	}
	return r, doc, err
}

func judgedFiles(r webhooks.Review, plan *view.Plan) (webhooks.Review, ciDoc, error) {
	doc := ciDoc{Passed: r.Passed, Base: r.Base, Accept: []string{}, Findings: []ciFinding{}, Conflicts: []ciConflict{}, Diff: r.Changes, Plan: plan}
	for _, f := range r.Findings {
		doc.Findings = append(doc.Findings, ciFinding{f.Finding, f.Path, f.Line})
	}
	for _, c := range r.Conflicts {
		doc.Conflicts = append(doc.Conflicts, ciConflict(c))
	}
	if doc.Diff == nil {
		doc.Diff = []specs.CellChange{}
	}
	return r, doc, nil
}

// writeCI writes the review to all who read it: a person or program, the job's summary,
// and GitHub Actions.
func (a *app) writeCI(o ciOptions, r webhooks.Review, doc ciDoc) error {
	if o.summary != "" {
		if err := appendFile(o.summary, webhooks.Summary(r)+"\n"); err != nil {
			return fmt.Errorf("the summary cannot be written; choose another file with --summary: %w", err)
		}
	}
	if a.getenv("GITHUB_ACTIONS") == "true" {
		fmt.Fprint(a.stderr, webhooks.Commands(r))
	}
	if a.json() {
		return render.JSON(a.stdout, doc)
	}
	return a.writeCIText(r, doc)
}

func (a *app) writeCIText(r webhooks.Review, doc ciDoc) error {
	style := a.style()
	for _, line := range view.ChangeLines(style, r.Changes) {
		fmt.Fprintf(a.stdout, "  %s\n", line)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(a.stdout, "%s %s%s\n", view.Mark(style, f.Severity), placeText(f.Path, f.Line), render.Visible(fmt.Sprintf("%s [%s]", f.String(), f.Check)))
	}
	for _, c := range r.Conflicts {
		fmt.Fprintf(a.stdout, "%s %s%s\n", view.Mark(style, specs.Error), placeText(c.Path, c.Line), render.Visible(fmt.Sprintf(
			"%s %s.%s was %s; here it becomes %s, and main has %s by now [conflict]", c.Table, c.Key, c.Column, c.Base, c.Theirs, c.Ours)))
	}
	if len(doc.Accept) > 0 {
		fmt.Fprintf(a.stdout, "to accept what is warned of: --ack %s\n", strings.Join(doc.Accept, ","))
	}
	switch {
	case doc.Plan == nil && doc.Passed:
		fmt.Fprintln(a.stderr, "nothing to change: the rows on main are as the files say")
		return nil
	case doc.Plan == nil:
		return nil
	}
	fmt.Fprintln(a.stdout, "\nwhat merging would do now:")
	shown := *doc.Plan
	shown.Findings = nil // told above
	return view.WritePlan(a.stdout, style, shown)
}

// placeText begins a line with a place, as compilers do.
func placeText(path string, line int) string {
	if path == "" {
		return ""
	}
	return render.Visible(fmt.Sprintf("%s:%d: ", path, max(1, line)))
}

func appendFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
