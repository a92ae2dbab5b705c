package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/spf13/cobra"
)

func newInitCommand(a *app) *cobra.Command {
	var migrate bool
	cmd := &cobra.Command{
		Use:   "init --hub URL",
		Short: "Make the fleet's schema on an empty hub",
		Long: `Makes the tables of the branches main and status on an empty hub: the http(s):// address of
a dolt sql-server with remotesapi, a DoltHub repository, aws:// or file://. A hub that has them is
left as it is; --migrate brings the schema of an older program up to date. mainstay up makes a hub
with its schema by itself.`,
		Example: `  mainstay init --hub file:///srv/fleet
  MAINSTAY_HUB_PASSWORD=… mainstay init --hub http://hub.example.org:8000/fleet --hub-user root`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.hub == "" && !migrate {
				return usagef("name the hub: mainstay init --hub URL")
			}
			return a.init(cmd.Context(), migrate)
		},
	}
	cmd.Flags().BoolVar(&migrate, "migrate", false, "bring the schema of an older hub up to date")
	a.authorFlag(cmd)
	return cmd
}

func (a *app) init(ctx context.Context, migrate bool) error {
	author, err := a.author(ctx)
	if err != nil {
		return err
	}
	t, err := a.target()
	if err != nil {
		return err
	}
	c, err := t.open(ctx, author)
	if err != nil {
		return t.explain(err)
	}
	defer c.Close()
	if migrate {
		return a.migrate(ctx, c)
	}
	err = c.Init(ctx, "")
	if errors.Is(err, repo.ErrInitialised) {
		return refusal{fmt.Errorf("%s holds a fleet already; nothing was changed", c.target.hub)}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "made the fleet's schema on %s; next: mainstay sql --hub %[1]s -m \"first database\" \"INSERT INTO deployments (name) VALUES ('orders')\"\n", c.target.hub)
	return nil
}

func (a *app) migrate(ctx context.Context, c *client) error {
	if _, err := c.Fetch(ctx); err != nil {
		return err
	}
	err := c.CheckSchema(ctx)
	if err == nil {
		fmt.Fprintf(a.stderr, "%s has the newest schema already\n", c.target.hub)
		return nil
	}
	if !errors.Is(err, repo.ErrOlderSchema) {
		return err
	}
	if err := c.Migrate(ctx); err != nil {
		return conflict(err)
	}
	fmt.Fprintf(a.stderr, "brought the schema on %s up to date\n", c.target.hub)
	return nil
}
