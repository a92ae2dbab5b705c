package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/mainstaydb/mainstay/agent"
	"github.com/mainstaydb/mainstay/agent/doltserver"
	"github.com/mainstaydb/mainstay/agent/process"
	"github.com/mainstaydb/mainstay/agent/update"
	"github.com/spf13/cobra"
)

// The commands and signals that the system's units are made of.

// guardCommand is run by the former program before each start of the present one.
func guardCommand() *cobra.Command {
	return withDir(&cobra.Command{
		Use:   "guard --dir DIR",
		Short: "Take a new agent back that does not come to serve (for the system's unit)",
		Long: `Count a start of an agent that was updated, and put the former program back when
the new one has been started several times and has never served.

The system's unit runs this from the former program, mainstay-agent.previous, before
each start of mainstay-agent beside it.`,
		Example: "  mainstay-agent.previous guard --dir /var/lib/mainstay",
	}, func(_ *cobra.Command, dir string, log *slog.Logger) error {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find the agent's program: %w", err)
		}
		guard := update.Guard{Program: strings.TrimSuffix(self, ".previous"), Dir: dir, Log: log}
		return guard.Before()
	})
}

// stopDatabaseCommand is for the end of the system: the database has a session of
// its own, so nothing else would give it time.
func stopDatabaseCommand() *cobra.Command {
	return withDir(&cobra.Command{
		Use:   "stop-database --dir DIR",
		Short: "Stop the database gracefully (for the system's shutdown)",
		Long: `Stop the database of a machine gracefully, if it runs. Stop the agent first: it
would start the database again. The order stays: the database comes back with the
agent.`,
		Example: "  mainstay-agent stop-database --dir /var/lib/mainstay",
	}, func(cmd *cobra.Command, dir string, log *slog.Logger) error {
		p, err := process.Find(agent.DatabasePIDFile(dir))
		if errors.Is(err, process.ErrNotRunning) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.Stop(cmd.Context(), doltserver.StopGrace); err != nil {
			return err
		}
		log.Info("database stopped", "pid", p.PID())
		return nil
	})
}

// notify tells systemd that the agent serves, where systemd wants to know.
func notify(log *slog.Logger) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	conn, err := net.Dial("unixgram", path)
	if err == nil {
		_, err = conn.Write([]byte("READY=1"))
		err = errors.Join(err, conn.Close())
	}
	if err != nil {
		log.Warn("the service manager cannot be told that the agent serves", "err", err)
	}
}
