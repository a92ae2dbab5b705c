package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/spf13/cobra"
)

type sqlOptions struct {
	branch     string
	message    string
	statements string
	force      bool
}

// sqlOutcome is what sql -o json prints.
type sqlOutcome struct {
	Commit   string             `json:"commit,omitempty"`
	Branch   string             `json:"branch"`
	Changes  []specs.CellChange `json:"changes"`
	Findings []specs.Finding    `json:"findings,omitempty"`
	Results  []sqlResult        `json:"results"`
}

type sqlResult struct {
	Columns []string         `json:"columns"`
	Rows    []map[string]any `json:"rows"`
}

func newSQLCommand(a *app) *cobra.Command {
	var o sqlOptions
	cmd := &cobra.Command{
		Use:   `sql ["SQL"]`,
		Short: "Run SQL on a branch of the desired state, and commit and push what it changed",
		Long: `Runs the statements on a branch of the fleet's repository. What they change becomes one
commit and is pushed; reading changes nothing. Without SQL as argument it is read from standard
input. On main the change is checked first, and refused with exit code 3 when the control plane
would refuse it.`,
		Example: `  mainstay sql "SELECT name, dolt_version FROM deployments"
  mainstay sql -m "add orders" "INSERT INTO deployments (name) VALUES ('orders')"
  mainstay sql -b bigger -m "more room" "UPDATE deployments SET volume_gb = 20 WHERE name = 'orders'"
  mainstay sql -m "debug orders" "INSERT INTO settings SELECT id, 'log_level', 'debug' FROM deployments WHERE name = 'orders'"
  mainstay sql -m "from a file" < change.sql`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			if o.statements, err = a.statements(args); err != nil {
				return err
			}
			return a.sql(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVarP(&o.branch, "branch", "b", "main", "the branch to run on; one that is not there is made from main")
	cmd.Flags().StringVarP(&o.message, "message", "m", "", "what the commit is for; the statement itself if left out")
	cmd.Flags().BoolVar(&o.force, "force", false, "push to main although a check refuses the change")
	a.authorFlag(cmd)
	a.completeFlag(cmd, "branch")
	return cmd
}

// statements are the argument, or standard input where there is none.
func (a *app) statements(args []string) (string, error) {
	if len(args) == 1 && strings.TrimSpace(args[0]) != "" {
		return args[0], nil
	}
	if len(args) == 1 || render.IsTerminal(a.stdin) {
		return "", usagef(`no SQL was given; write it as an argument, such as: mainstay sql "SELECT * FROM deployments"`)
	}
	data, err := io.ReadAll(a.stdin)
	if err != nil {
		return "", fmt.Errorf("cannot read SQL from standard input: %w", err)
	}
	if strings.TrimSpace(string(data)) == "" {
		return "", usagef("standard input has no SQL")
	}
	return string(data), nil
}

func (a *app) sql(ctx context.Context, o sqlOptions) error {
	c, err := a.openToWrite(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if o.message == "" {
		o.message = messageFrom(o.statements)
	}
	changed, findings, err := c.changeOn(ctx, o, a.stderr)
	if err != nil {
		return conflict(err)
	}
	if changed.Commit != "" {
		if o.branch == repo.MainBranch {
			c.tellRefused(ctx)
		}
		c.wake(ctx)
	}
	return a.writeChanged(ctx, c, o, changed, findings)
}

// messageFrom makes a commit's message of the statement where none was given: it
// says what was done, if not why.
func messageFrom(statements string) string {
	const most = 72 // characters: what git's tools show of a first line
	runes := []rune(strings.Join(strings.Fields(statements), " "))
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
}

// conflict makes what is refused because of others, or by a rule, exit with 3.
func conflict(err error) error {
	var dirty *repo.DirtyHubError
	if errors.As(err, &dirty) || errors.Is(err, repo.ErrLost) || errors.Is(err, repo.ErrSchemaStep) {
		return refusal{err}
	}
	return err
}

func (a *app) writeChanged(ctx context.Context, c *client, o sqlOptions, changed *repo.Changed, findings []specs.Finding) error {
	cells, err := c.cells(ctx, o.branch, changed.Changes)
	if err != nil {
		return err
	}
	if a.json() {
		return render.JSON(a.stdout, sqlOutcome{
			Commit: changed.Commit, Branch: o.branch, Changes: cells, Findings: findings, Results: results(changed.Results),
		})
	}
	for _, r := range changed.Results {
		if len(r.Columns) == 0 {
			continue
		}
		if err := render.Grid(a.stdout, r.Columns, r.Rows); err != nil {
			return err
		}
	}
	for _, f := range findings {
		fmt.Fprintln(a.stderr, render.Visible(f.String()))
	}
	if changed.Commit == "" {
		if len(results(changed.Results)) == 0 {
			fmt.Fprintln(a.stderr, "nothing changed: there is no commit to make")
		}
		return nil
	}
	style := a.style()
	fmt.Fprintf(a.stdout, "%s on %s: %s\n", style.Bold(view.Short(changed.Commit)), o.branch, render.Visible(o.message))
	for _, line := range view.ChangeLines(style, cells) {
		fmt.Fprintf(a.stdout, "  %s\n", line)
	}
	return nil
}

func results(from []*repo.Result) []sqlResult {
	out := make([]sqlResult, 0, len(from))
	for _, r := range from {
		if len(r.Columns) > 0 {
			out = append(out, sqlResult{Columns: r.Columns, Rows: render.Records(r.Columns, r.Rows)})
		}
	}
	return out
}
