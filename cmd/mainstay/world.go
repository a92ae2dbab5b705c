package main

import (
	"context"
	"log/slog"

	"github.com/mainstaydb/mainstay/cmd/mainstay/aws"
	"github.com/mainstaydb/mainstay/cmd/mainstay/controlplane"
	"github.com/mainstaydb/mainstay/cmd/mainstay/daemon"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
)

// openWorld opens the secret store of a configuration, and says how to open the
// world that its control plane works in.
func openWorld(ctx context.Context, c daemon.Config, log *slog.Logger) (secrets.Store, func(context.Context, *secrets.CA) (*controlplane.World, error), error) {
	if c.Cloud.Local != nil {
		p, err := findPrograms(c.VersionsDir)
		if err != nil {
			return nil, nil, err
		}
		store, err := openSecretsOf(ctx, c, log)
		return store, controlplane.Local{Dir: c.Cloud.Local.Dir, VersionsDir: p.versions, AgentBinary: p.agent, Log: log}.Open, err
	}
	account, err := aws.Open(ctx, c, log)
	if err != nil {
		return nil, nil, err
	}
	store, err := openSecretsOf(ctx, c, log)
	return store, account.World(store), err
}

// openSecretsOf opens the secret store of a configuration alone. The options are
// for a store of files; a command on AWS may do what its credentials allow.
func openSecretsOf(ctx context.Context, c daemon.Config, log *slog.Logger, options ...secrets.Option) (secrets.Store, error) {
	if c.Secrets.AWS != nil {
		account, err := aws.Open(ctx, c, log)
		if err != nil {
			return nil, err
		}
		return account.Secrets()
	}
	if c.Secrets.KeyFile != "" {
		options = append(options, secrets.KeyFile(c.Secrets.KeyFile))
	}
	return secrets.OpenDir(c.Secrets.Dir, options...)
}
