package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/spf13/cobra"
)

func newInitCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init --hub URL",
		Short: "Make the fleet's schema on an empty hub",
		Long: `Makes the tables of the branches main and status on an empty hub: the http(s):// address of
a dolt sql-server with remotesapi, a DoltHub repository, aws:// or file://. A hub that has them is
left as it is. mainstay up does this by itself.`,
		Example: `  mainstay init --hub file:///srv/fleet
  MAINSTAY_HUB_PASSWORD=… mainstay init --hub http://hub.example.org:8000/fleet --hub-user root`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.hub == "" {
				return usagef("name the hub: mainstay init --hub URL")
			}
			return a.init(cmd.Context())
		},
	}
	a.authorFlag(cmd)
	return cmd
}

func (a *app) init(ctx context.Context) error {
	c, err := a.openToWrite(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	err = c.Init(ctx, "")
	if errors.Is(err, repo.ErrInitialised) {
		return refusal{fmt.Errorf("%s holds a fleet already; nothing was changed (%w)", a.hub, err)}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "made the fleet's schema on %s; next: mainstay sql --hub %s -m \"first database\" \"INSERT INTO deployments (name) VALUES ('orders')\"\n", a.hub, a.hub)
	return nil
}
