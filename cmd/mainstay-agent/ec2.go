package main

import (
	"log/slog"

	"github.com/mainstaydb/mainstay/agent/imds"
	"github.com/mainstaydb/mainstay/agent/instance"
	"github.com/spf13/cobra"
)

// ec2Command is what systemd runs on an instance.
func ec2Command() *cobra.Command {
	var endpoint string
	var stand standIn
	cmd := withDir(&cobra.Command{
		Use:   "ec2 [--dir DIR]",
		Short: "Run the agent of an EC2 instance, setting the machine up at its first start",
		Long: `Run the agent of an EC2 instance in the foreground.

At its first start it asks the instance metadata service (version 2) for the
instance's id, region, private address and user data, and writes machine.json from
them. The user data is a JSON document without secrets:

  {"fleet": "prod", "fleet_ca_pem": "-----BEGIN CERTIFICATE-----\n…",
   "agent_port": 7700, "sql_port": 3306, "metrics": true,
   "versions_dir": "/opt/mainstay/dolt"}

SIGTERM ends the agent and leaves the database running, as with run.`,
		Example:     "  mainstay-agent ec2",
		Annotations: map[string]string{annotationDir: "/var/lib/mainstay"},
	}, func(cmd *cobra.Command, dir string, log *slog.Logger) error {
		config, err := instance.Config(cmd.Context(), imds.New(endpoint), dir, log)
		if err != nil {
			return err
		}
		if err := stand.take(&config); err != nil {
			return err
		}
		return serve(cmd.Context(), config, log)
	})
	cmd.Flags().StringVar(&endpoint, "imds-endpoint", imds.DefaultEndpoint, "where the instance metadata service is, for tests")
	stand.flags(cmd)
	return cmd
}
