package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/fetch"
	"github.com/mainstaydb/mainstay/agent/update"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// lastWords is how long the agent stays after it was replaced: the control plane
	// asks for its status as soon as it has the answer.
	lastWords = time.Second
	// updateLimit bounds one update. Control planes give up far earlier and ask
	// again; what was fetched meanwhile is kept.
	updateLimit = 15 * time.Minute
	// proveEvery spaces the agent's tries to reach itself: it listens already, so the
	// first nearly always does.
	proveEvery = time.Second
)

// updates replaces the agent's program, one release at a time. An update goes on
// when who ordered it gives up waiting, so that asking again finds it further.
type updates struct {
	updater *update.Updater // nil: this agent cannot replace itself
	version string
	board   *board
	log     *slog.Logger

	mu      sync.Mutex
	release update.Release
	under   chan struct{} // closed when release is done; nil: none is under way
	err     error         // how it ended
	work    sync.WaitGroup
}

func newUpdates(config Config, version string, b *board, log *slog.Logger) *updates {
	u := &updates{version: version, board: b, log: log}
	if config.Program != "" {
		u.updater = update.New(config.Program, version, config.dir)
		u.tell(u.updater.Failure())
	}
	return u
}

// tell shows a release that does not run here, and why.
func (u *updates) tell(version, reason string) {
	u.board.update(func(s *agentpb.StatusResponse) {
		if lower(s, AgentUpdateFailed); version != "" {
			raise(s, trouble{AgentUpdateFailed, "TakenBack", fmt.Sprintf(
				"version %s of the agent is not used on this machine: %s; version %s runs", version, reason, u.version)})
		}
	})
}

// Update implements agentpb.AgentServer. It answers when the new program is in
// place; the agent ends a moment later.
func (s *service) Update(ctx context.Context, req *agentpb.UpdateRequest) (*agentpb.UpdateResponse, error) {
	if req.GetVersion() == s.updates.version {
		return &agentpb.UpdateResponse{}, nil
	}
	release := update.Release{Version: req.GetVersion(), Source: fetch.Source{URL: req.GetUrl(), SHA256: req.GetSha256()}}
	if release.Version == "" {
		return nil, status.Error(codes.InvalidArgument, "the release has no version")
	}
	if err := release.Check(); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "%v", err)
	}
	done, err := s.updates.begin(s.life, release, s.end)
	if err != nil {
		return nil, status.Errorf(codes.FailedPrecondition, "%v", err)
	}
	select {
	case <-done:
		if err := s.updates.outcome(); err != nil {
			return nil, status.Errorf(codes.FailedPrecondition, "the agent cannot change over to version %s: %v", release.Version, err)
		}
		return &agentpb.UpdateResponse{}, nil
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	case <-s.life.Done():
		return nil, status.Error(codes.Unavailable, "the agent ends; order the update again")
	}
}

// begin starts an update, or finds the one that is under way.
func (u *updates) begin(ctx context.Context, r update.Release, end func()) (<-chan struct{}, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.updater == nil:
		return nil, errors.New("this agent was not told which file its program is, so it cannot replace it")
	case u.under != nil && u.release == r:
		return u.under, nil
	case u.under != nil:
		return nil, fmt.Errorf("the update to version %s is under way, wait for its end", u.release.Version)
	}
	done := make(chan struct{})
	u.release, u.under = r, done
	u.work.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, updateLimit)
		defer cancel()
		err := u.updater.Apply(ctx, r)
		u.conclude(err)
		close(done)
		if err == nil {
			time.AfterFunc(lastWords, end)
		}
	})
	return done, nil
}

func (u *updates) conclude(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = err
	if err != nil {
		u.log.Warn("the agent cannot be updated", "version", u.release.Version, "err", err)
		u.under = nil // it may be tried again
		return
	}
	u.log.Info("the agent changes over", "from", u.version, "to", u.release.Version)
}

func (u *updates) outcome() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// prove ends this program's trial once it serves: once whoever connects is shown
// this machine's certificate.
func (a *Agent) prove(ctx context.Context, address net.Addr) {
	try(ctx, a.log, "the agent does not serve yet", func() error { return a.reach(ctx, address) })
	if ctx.Err() == nil && a.config.Ready != nil {
		a.config.Ready()
	}
	if a.updates.updater != nil {
		try(ctx, a.log, "the agent's update cannot be ended", a.updates.updater.Proved)
	}
}

// try does something until it works or ctx ends, and says once why it does not.
func try(ctx context.Context, log *slog.Logger, trouble string, do func() error) {
	tick := time.NewTicker(proveEvery)
	defer tick.Stop()
	told := ""
	for ctx.Err() == nil {
		err := do()
		if err == nil {
			return
		}
		if told != err.Error() {
			told = err.Error()
			log.Warn(trouble, "err", err)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// reach connects to this agent as a control plane does, up to the point where it
// would have to show who it is.
func (a *Agent) reach(ctx context.Context, address net.Addr) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // it is on this machine; a busy one may be slow
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"},
		InsecureSkipVerify: true, //nolint:gosec // replaced by the stricter check below
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 || !a.identity.key.PublicKey.Equal(state.PeerCertificates[0].PublicKey) {
				return errors.New("another program answers on the agent's port")
			}
			return nil
		},
	}}
	conn, err := dialer.DialContext(ctx, address.Network(), address.String())
	if err != nil {
		return err
	}
	return conn.Close()
}
