package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/mainstaydb/mainstay/cmd/mainstay/view"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/repo"
)

// stateOf reads of the branch status what concerns some deployments. It asks by
// primary keys, so its cost follows them and not the fleet.
func (c *client) stateOf(ctx context.Context, status string, ids []string) (*ledger.State, error) {
	s := recorded{client: c, commit: status, tables: map[string][]specs.Row{}}
	s.read(ctx, "entries", "deployment", ids)
	s.read(ctx, "slots", "deployment", ids)
	s.read(ctx, "gaps", "", nil)
	s.read(ctx, "means", "", nil)
	s.read(ctx, "addresses", "deployment", ids)
	s.read(ctx, "certificates", "deployment", ids)
	s.machines(ctx)
	s.volumes(ctx, ids)
	if s.err != nil {
		return nil, s.err
	}
	return ledger.Decode(s.tables)
}

// tellRefused says that main is refused, after something was put on top of it: what
// is not applied does not become so by more of it.
func (c *client) tellRefused(ctx context.Context) {
	status, err := c.Resolve(ctx, repo.StatusBranch)
	if err != nil {
		return
	}
	applied, err := c.Rows(ctx, status, "applied", "", nil)
	if err != nil || len(applied) != 1 {
		return
	}
	inForce, head := textIn(applied[0], "commit_hash"), textIn(applied[0], "head")
	if inForce != "" && inForce != head {
		fmt.Fprintf(c.warn, "mainstay: the control plane refuses main since %s and %s stays in force; unless this mends it, this is not applied either: mainstay status\n",
			view.Short(head), view.Short(inForce))
	}
}

// A recorded reads tables until one fails.
type recorded struct {
	client *client
	commit string
	tables map[string][]specs.Row
	err    error
}

// read takes the rows whose column has one of the values; no column: all rows.
func (s *recorded) read(ctx context.Context, table, column string, values []string) {
	if s.err != nil || column != "" && len(values) == 0 {
		return
	}
	var rows []specs.Row
	rows, s.err = s.client.Rows(ctx, s.commit, table, column, values)
	s.tables[table] = append(s.tables[table], rows...)
}

// machines reads those that the slots name. One that has no machine yet is found
// by its token, which needs a look at all.
func (s *recorded) machines(ctx context.Context) {
	var known, tokens []string
	for _, slot := range s.tables["slots"] {
		if id := textIn(slot, "machine_id"); id != "" {
			known = append(known, id)
		} else if token := textIn(slot, "token"); token != "" {
			tokens = append(tokens, token)
		}
	}
	s.read(ctx, "machines", "id", known)
	s.read(ctx, "machines", "token", tokens)
	var ids []string
	for _, m := range s.tables["machines"] {
		ids = append(ids, textIn(m, "id"))
	}
	s.read(ctx, "agents", "machine", ids)
}

// volumes reads those on record; a deployment without one may have one that is not
// recorded yet.
func (s *recorded) volumes(ctx context.Context, deployments []string) {
	var known []string
	for _, e := range s.tables["entries"] {
		if id := textIn(e, "volume_id"); id != "" {
			known = append(known, id)
		}
	}
	if len(known) == len(deployments) {
		s.read(ctx, "volumes", "id", known)
		return
	}
	s.read(ctx, "volumes", "deployment", deployments)
}

func textIn(row specs.Row, column string) string {
	return strings.TrimSpace(fmt.Sprint(orEmpty(row[column])))
}

func orEmpty(v any) any {
	if v == nil {
		return ""
	}
	return v
}
