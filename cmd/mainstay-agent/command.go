package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"

	"github.com/mainstaydb/mainstay/agent"
	"github.com/mainstaydb/mainstay/agent/machine"
	"github.com/mainstaydb/mainstay/agent/update"
	"github.com/spf13/cobra"
)

// A usageError is a mistake on the command line.
type usageError struct{ error }

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "mainstay-agent",
		Short: "Run one Dolt database on this machine, as the control plane orders",
		Long: `mainstay-agent runs one Dolt database on this machine, as the control plane orders.

The machine's directory holds machine.json, written by whoever made the machine.
The agent answers only a control plane with a certificate of the fleet's CA.`,
		Example: `  mainstay-agent run --dir /var/lib/mainstay
  mainstay-agent ec2
  mainstay-agent machine --dir .mainstay/local/machines/m-0123`,
		Version: version(), SilenceErrors: true, SilenceUsage: true,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(runCommand(), ec2Command(), machineCommand(), guardCommand(), stopDatabaseCommand())
	return root
}

func runCommand() *cobra.Command {
	return withDir(&cobra.Command{
		Use:   "run --dir DIR",
		Short: "Run the agent; its end leaves the database running",
		Long: `Run the agent in the foreground.

SIGTERM ends the agent and leaves the database running: the next agent finds it
again. To stop the database too, stop the machine (or the system's unit).`,
		Example: "  mainstay-agent run --dir /var/lib/mainstay",
	}, func(cmd *cobra.Command, dir string, log *slog.Logger) error {
		config, err := agent.LoadConfig(dir)
		if err != nil {
			return err
		}
		return serve(cmd.Context(), config, log)
	})
}

func serve(ctx context.Context, config agent.Config, log *slog.Logger) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the agent's program: %w", err)
	}
	config.Program, config.Ready = self, func() { notify(log) }
	a, err := agent.New(config, version(), log)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { ship(ctx, a, config, log) })
	defer cancel() // runs before the wait
	return a.Run(ctx)
}

func machineCommand() *cobra.Command {
	return withDir(&cobra.Command{
		Use:   "machine --dir DIR",
		Short: "Keep the agent running, as the system's service manager would",
		Long: `Keep the agent of a machine running, as systemd does on a server. This is how the
local cloud runs a machine.

SIGTERM stops the machine: the agent ends, then the database, gracefully.`,
		Example: "  mainstay-agent machine --dir .mainstay/local/machines/m-0123",
	}, func(cmd *cobra.Command, dir string, log *slog.Logger) error {
		// Said here already: an agent that cannot read it would only be started
		// again and again.
		if _, err := agent.LoadConfig(dir); err != nil {
			return err
		}
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find the agent's program: %w", err)
		}
		return machine.New(machine.Config{
			Dir: dir, Agent: []string{self, "run", "--dir", dir}, Databases: []string{agent.DatabasePIDFile(dir)},
			Trial: &update.Guard{Program: self, Dir: dir, Log: log},
		}, log).Run(cmd.Context())
	})
}

// annotationDir names the directory that a command has when none is given.
const annotationDir = "dir"

// withDir gives a command the flags that all have.
func withDir(cmd *cobra.Command, do func(*cobra.Command, string, *slog.Logger) error) *cobra.Command {
	var dir, level string
	cmd.Flags().StringVar(&dir, "dir", cmd.Annotations[annotationDir], "the machine's directory")
	cmd.Flags().StringVar(&level, "log-level", "info", "least level to log: debug, info, warn or error")
	cmd.Args = noArguments
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if dir == "" {
			return usageError{errors.New("--dir is missing: name the machine's directory")}
		}
		var least slog.Level
		if err := least.UnmarshalText([]byte(level)); err != nil {
			return usageError{fmt.Errorf("--log-level %q is not one of debug, info, warn, error", level)}
		}
		path, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		return do(cmd, path, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: least})))
	}
	return cmd
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%q is not a command of %s", args[0], cmd.CommandPath())}
	}
	return nil
}

// buildVersion is set by the linker (-X main.buildVersion=…) and by nothing else.
var buildVersion string

// version is what the build says of itself.
func version() string {
	if buildVersion != "" {
		return buildVersion
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}
