// Package agent makes one machine run one database, as the control plane orders.
//
// It promises: only the control plane is answered (mutual TLS, a certificate of
// the fleet's CA in the control plane's name); an order is stored on the volume
// before it is acknowledged and carried out afterwards, again after a reboot and
// without the control plane; an order older than one seen is refused; the
// database is restarted only when the order asks for it or when it died; the end
// of the agent, of whatever kind, leaves the database as it is.
//
// It does not stop the database when it is stopped itself: that is for whoever
// stops the machine (package agent/machine, or systemd).
package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

// An Agent is the agent of one machine.
type Agent struct {
	config   Config
	log      *slog.Logger
	identity *identity
	orders   *orders
	board    *board
	volumes  *volumes
	data     *data
	updates  *updates
	programs *programs
	super    *supervisor
}

// New reads what the machine knows of itself and makes its key at the first
// start. Version is the agent's own.
func New(config Config, version string, log *slog.Logger) (*Agent, error) {
	if config.TokenFile == "" && config.Documents == nil {
		return nil, errors.New("machine.json names no token_file, and nothing else vouches for this machine: it could never be enrolled; write the machine anew")
	}
	log = log.With("machine", config.MachineID)
	for _, dir := range []string{config.runDir(), config.logDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("prepare the machine's directory: %w", err)
		}
	}
	id, err := loadIdentity(config)
	if err != nil {
		return nil, err
	}
	a := &Agent{config: config, log: log, identity: id, orders: &orders{machine: config.MachineID}}
	a.board = newBoard(config.MachineID, version, time.Now())
	a.board.update(func(s *agentpb.StatusResponse) { s.CertificateExpiresAt = id.expires() })
	a.programs = newPrograms(config, a.board, log)
	a.super = newSupervisor(config, a.orders, a.board, a.programs, log)
	a.programs.changed = a.super.poke
	a.updates = newUpdates(config, version, a.board, log)
	if a.data, err = newData(config, a.orders, log); err != nil {
		return nil, err
	}
	a.board.update(a.orders.describe) // of a volume that was given back
	a.volumes = &volumes{
		config: config, orders: a.orders, board: a.board, data: a.data, log: log,
		changed: a.super.poke, relieved: a.super.relieve, outdated: a.super.renew,
	}
	return a, nil
}

// Run serves until ctx ends. It leaves the database running.
func (a *Agent) Run(ctx context.Context) error {
	lock, err := lockAgent(a.config)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.data.run(ctx) })
	a.data.settle(ctx)
	a.volumes.look()
	// The first answer to a control plane should tell of the database that is
	// found again, not that nothing is known yet.
	a.super.firstStep(ctx)
	listener, err := a.listen(ctx)
	if err != nil {
		cancel()
		return errors.Join(err, group.Wait())
	}
	a.log.Info("agent serves", "address", listener.Addr().String(), "enrolled", a.identity.enrolled())
	server, calls := a.server(ctx, cancel), newLine(listener)
	group.Go(func() error { return server.Serve(calls) })
	group.Go(func() error {
		a.prove(ctx, listener.Addr())
		return nil
	})
	group.Go(func() error { return a.super.run(ctx) })
	group.Go(func() error { return a.programs.run(ctx) })
	group.Go(func() error { return a.volumes.run(ctx) })
	group.Go(func() error {
		<-ctx.Done()
		stopServer(server, calls)
		return nil
	})
	err = group.Wait()
	a.updates.work.Wait()
	return err
}

func (a *Agent) server(ctx context.Context, end func()) *grpc.Server {
	server := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(a.identity.serverTLS())),
		// A control plane pings to notice a machine that vanished; one ping in five
		// seconds is no flood.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	)
	agentpb.RegisterEnrolmentServer(server, &enrolment{identity: a.identity, board: a.board, log: a.log})
	agentpb.RegisterAgentServer(server, &service{Agent: a, life: ctx, end: end})
	return server
}

// listen opens the agent's port and says in the address file which it is. With
// port 0 the last one is tried first, so that a restart of the agent is a short
// silence to the control plane and not a move.
func (a *Agent) listen(ctx context.Context) (net.Listener, error) {
	address := a.config.Listen
	var lc net.ListenConfig
	var listener net.Listener
	var err error
	if last := a.lastAddress(); last != "" {
		listener, err = lc.Listen(ctx, "tcp", last)
	}
	if listener == nil {
		listener, err = lc.Listen(ctx, "tcp", address)
	}
	if err != nil {
		return nil, fmt.Errorf("the agent cannot listen on %s, stop what listens there or change listen in machine.json: %w", address, err)
	}
	line := listener.Addr().String() + "\n"
	if err := replaceFile(a.config.AddressFile, []byte(line)); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("tell the agent's address: %w", err)
	}
	return listener, nil
}

// replaceFile lets readers see the old content or the new. It is not synced: after
// a power cut the agent is gone, and the next one writes it again.
func replaceFile(path string, data []byte) error {
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (a *Agent) lastAddress() string {
	host, port, err := net.SplitHostPort(a.config.Listen)
	if err != nil || port != "0" {
		return ""
	}
	data, err := os.ReadFile(a.config.AddressFile)
	if err != nil {
		return ""
	}
	last := strings.TrimSpace(string(data))
	if lastHost, _, err := net.SplitHostPort(last); err != nil || lastHost != host {
		return ""
	}
	return last
}

// firstLine keeps messages to one line.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// notThere tells a missing file from other troubles.
func notThere(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// absolute resolves a path of machine.json.
func absolute(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
