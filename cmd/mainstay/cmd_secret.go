package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/mainstaydb/mainstay/cmd/mainstay/daemon"
	"github.com/mainstaydb/mainstay/cmd/mainstay/render"
	"github.com/mainstaydb/mainstay/reconciler/secrets"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/spf13/cobra"
)

func newSecretCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "secret",
		Short:   "Put secrets into a control plane's secret store",
		Example: "  mainstay secret create github/webhook --config mainstay.yaml < webhook.secret",
		Args:    unknownCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSecretCreateCommand(a))
	return cmd
}

func newSecretCreateCommand(a *app) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Store what comes on standard input under a name that is not used yet",
		Long: `Stores what comes on standard input, without a line break at its end, in the secret store that a
configuration names. A name is used once: nothing is written over, and exit code 3 says that there is
another value. Give a new one another name, and the configuration that name. The value is never
printed, and must not be on a command line.`,
		Example: `  mainstay secret create github/app-key --config mainstay.yaml < app.pem
  openssl rand -hex 32 | mainstay secret create github/webhook --config mainstay.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.wantOutput("table", "json"); err != nil {
				return err
			}
			return a.createSecret(cmd.Context(), args[0], file)
		},
	}
	cmd.Flags().StringVar(&file, "config", "mainstay.yaml", "the control plane's configuration")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	return cmd
}

// longestSecret is more than every store takes, and less than would hurt to read.
const longestSecret = 1 << 20

func (a *app) createSecret(ctx context.Context, name, file string) error {
	if err := secrets.CheckName(name); err != nil {
		return usageError{err}
	}
	c, err := daemon.Read(file, repo.CheckHub)
	if err != nil {
		return usageError{err}
	}
	if render.IsTerminal(a.stdin) {
		fmt.Fprintln(a.stderr, "reading the secret from the terminal; end it with Ctrl-D")
	}
	value, err := io.ReadAll(io.LimitReader(a.stdin, longestSecret))
	if err != nil {
		return fmt.Errorf("cannot read the secret from standard input: %w", err)
	}
	value = bytes.TrimRight(value, "\r\n")
	if err := secrets.CheckNew(name, value); err != nil {
		return usageError{err}
	}
	store, err := openSecretsOf(ctx, c, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	stands, err := store.Create(ctx, name, value)
	if err != nil {
		return err
	}
	if !bytes.Equal(stands, value) {
		return refusef("the secret %s has another value already, which stays; choose another name, and name it in the configuration", name)
	}
	if a.json() {
		return render.JSON(a.stdout, map[string]any{"name": name, "bytes": len(value)})
	}
	fmt.Fprintf(a.stderr, "stored %s (%s)\n", name, render.Count(len(value), "byte"))
	return nil
}
