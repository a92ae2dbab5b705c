package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/spf13/cobra"
)

type statusOptions struct {
	name  string
	at    string
	watch bool
	wait  time.Duration
}

func newStatusCommand(a *app) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show what runs, and what is waited for",
		Long: `Shows what the control plane saw and did, from the branch status of the hub: the commit
of main in force, every deployment, and in words what is waited for or refused.`,
		Example: `  mainstay status
  mainstay status orders -o json
  mainstay status --watch
  mainstay status --wait=2m
  mainstay status --at 2026-11-22T10:00:00Z`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeDeployments,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.wantOutput("table", "wide", "json"); err != nil {
				return err
			}
			if len(args) == 1 {
				o.name = args[0]
			}
			if o.watch && o.at != "" {
				return usagef("--watch shows the present and --at the past; give one of them")
			}
			if o.wait != 0 && (o.watch || o.at != "") {
				return usagef("--wait ends when the fleet is as main wants it; it goes with neither --watch nor --at")
			}
			return a.status(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "go on and show what changes")
	cmd.Flags().DurationVar(&o.wait, "wait", 0, "wait, at most so long, until the fleet is as main wants it")
	cmd.Flags().Lookup("wait").NoOptDefVal = defaultWait.String()
	cmd.Flags().StringVar(&o.at, "at", "", "the status at a commit, branch or time, such as 2026-11-22T10:00:00Z")
	return cmd
}

func (a *app) status(ctx context.Context, o statusOptions) error {
	c, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if o.watch {
		return a.watchStatus(ctx, c, o)
	}
	if o.wait != 0 {
		return a.waitStatus(ctx, c, o)
	}
	s, err := c.statusAt(ctx, o)
	if err != nil {
		return err
	}
	if o.at != "" && !a.json() {
		text := a.statusText()
		text.Now = time.Time{} // how long ago is not a question about the past
		return text.Write(a.stdout, s)
	}
	return a.writeStatus(s)
}

// statusAt reads the status that the options name, once.
func (c *client) statusAt(ctx context.Context, o statusOptions) (view.Status, error) {
	heads, err := c.FetchHeads(ctx)
	if err != nil {
		return view.Status{}, err
	}
	if o.at != "" {
		if heads.Status, heads.Main, err = c.past(ctx, o.at); err != nil {
			return view.Status{}, err
		}
	}
	if o.name != "" {
		return c.statusOfOne(ctx, heads, o.name)
	}
	desired, state, err := c.read(ctx, heads.Main, heads.Status, ledger.Shown...)
	if err != nil {
		return view.Status{}, err
	}
	return view.NewStatus(heads.Main, desired, state), nil
}

// statusOfOne reads the status of one deployment, and of the others no more than whether
// the fleet has converged hangs on: a large fleet's rows take longer than all the rest.
func (c *client) statusOfOne(ctx context.Context, heads repo.Heads, name string) (view.Status, error) {
	one, ok, err := c.statusOfRow(ctx, heads, name)
	if ok || err != nil {
		return one, err
	}
	// It has no row of that name: it is on its way out, or renamed in a commit that is not in force.
	desired, state, err := c.read(ctx, heads.Main, heads.Status, ledger.Shown...)
	if err != nil {
		return view.Status{}, err
	}
	if one, ok = view.NewStatus(heads.Main, desired, state).Only(name); !ok {
		return view.Status{}, fmt.Errorf("there is no deployment %q; mainstay status lists them", name)
	}
	return one, nil
}

// statusOfRow is statusOfOne where main has a row of that name or id.
func (c *client) statusOfRow(ctx context.Context, heads repo.Heads, name string) (s view.Status, ok bool, err error) {
	wanted, err := c.Column(ctx, heads.Main, specs.TableDeployments, "id")
	if err != nil {
		return s, false, err
	}
	desired := specs.NewSnapshot()
	for _, column := range []string{"name", "id"} {
		rows, err := c.Rows(ctx, heads.Main, specs.TableDeployments, column, []string{name})
		if err != nil {
			return s, false, err
		}
		for _, row := range rows {
			id, _ := row["id"].(string)
			desired.Load(specs.TableDeployments, id, row)
		}
		if len(rows) > 0 {
			break
		}
	}
	if len(desired.Deployments) == 0 {
		return s, false, nil
	}
	state, seen, err := c.stateAround(ctx, heads.Status, slices.Collect(maps.Keys(desired.Deployments)))
	if err != nil {
		return s, false, err
	}
	s = view.NewStatus(heads.Main, desired, state)
	for _, id := range wanted {
		if _, found := slices.BinarySearch(seen, id); !found {
			s.Converged = false
		}
	}
	s, ok = s.Only(name)
	return s, ok, nil
}

// stateAround loads of what status shows the rows of some deployments and what is small,
// and the ids of all deployments, sorted.
func (c *client) stateAround(ctx context.Context, status string, ids []string) (*ledger.State, []string, error) {
	seen, err := c.Column(ctx, status, "deployments", "id")
	if err != nil {
		return nil, nil, err
	}
	others := slices.DeleteFunc(slices.Clone(ledger.Shown), func(table string) bool { return table == "deployments" })
	tables, err := c.Tables(ctx, status, others...)
	if err != nil {
		return nil, nil, err
	}
	if tables["deployments"], err = c.Rows(ctx, status, "deployments", "id", ids); err != nil {
		return nil, nil, err
	}
	state, err := decodeState(tables)
	return state, seen, err
}

// read loads the desired state and some of the ledger's tables at two commits.
func (c *client) read(ctx context.Context, main, status string, of ...string) (*specs.Snapshot, *ledger.State, error) {
	desired, err := c.Snapshot(ctx, main)
	if err != nil {
		return nil, nil, err
	}
	tables, err := c.Tables(ctx, status, of...)
	if err != nil {
		return nil, nil, err
	}
	state, err := decodeState(tables)
	return desired, state, err
}

func decodeState(tables map[string][]specs.Row) (*ledger.State, error) {
	state, err := ledger.Decode(tables)
	if err != nil {
		return nil, fmt.Errorf("the branch status cannot be read; was it written by hand, or by a newer mainstay? %w", err)
	}
	return state, nil
}

func (a *app) writeStatus(s view.Status) error {
	if a.json() {
		return render.JSON(a.stdout, s)
	}
	return a.statusText().Write(a.stdout, s)
}

func (a *app) statusText() view.StatusText {
	return view.StatusText{Style: a.style(), Wide: a.output == "wide", Now: time.Now()}
}

// watchEvery is how often the hub is asked: often enough that a start, which
// takes about a second, is seen in its steps; a fetch with nothing new costs 10 ms.
const watchEvery = 250 * time.Millisecond

// watchStatus redraws in place on a terminal. Elsewhere it prints the status each
// time it changed. A hub that is away for a moment is told of and asked again.
func (a *app) watchStatus(ctx context.Context, c *client, o statusOptions) error {
	show := a.statusPrinter()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for seen := false; ; seen = true {
		s, err := c.statusAt(ctx, o)
		switch {
		case ctx.Err() != nil:
			return nil // Ctrl-C is how a watch ends
		case err != nil && !seen:
			return err
		}
		if err := show(s, err); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// defaultWait is enough for anything but a large database's way to another machine.
const defaultWait = 5 * time.Minute

// waitStatus prints the status once the fleet is as main wants it. A commit that is
// refused would be waited for in vain.
func (a *app) waitStatus(ctx context.Context, c *client, o statusOptions) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for deadline := time.Now().Add(o.wait); ; {
		s, err := c.statusAt(ctx, o)
		if err != nil {
			return err
		}
		refused := s.Refused()
		if s.Converged || refused || time.Now().After(deadline) {
			if err := a.writeStatus(s); err != nil || s.Converged {
				return err
			}
			if refused {
				return refusef("main is refused, so the fleet stays as it is")
			}
			return fmt.Errorf("after %s the fleet is not as main wants it yet; mainstay status says what is waited for", o.wait)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// statusPrinter shows one status after the other, or why there is none.
func (a *app) statusPrinter() func(view.Status, error) error {
	if render.IsTerminal(a.stdout) && !a.json() {
		return a.liveStatus()
	}
	var last string
	return func(s view.Status, failed error) error {
		now := fmt.Sprintf("%+v %v", s, failed)
		if now == last {
			return nil
		}
		last = now
		if failed != nil {
			fmt.Fprintf(a.stderr, "mainstay: %s\n", sentence(failed))
			return nil
		}
		return a.writeStatus(s)
	}
}

func (a *app) liveStatus() func(view.Status, error) error {
	live := render.NewLive(a.stdout)
	var last bytes.Buffer // stays on the screen while there is nothing newer
	return func(s view.Status, failed error) error {
		if failed != nil {
			return live.Draw(a.style().Bad("! "+sentence(failed)) + "\n\n" + last.String())
		}
		last.Reset()
		if err := a.statusText().Write(&last, s); err != nil {
			return err
		}
		return live.Draw(last.String())
	}
}
