package agent

import (
	"context"
	"errors"
	"time"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/disk"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// longestWait bounds a long poll, so that a connection that died without a word
// is noticed.
const longestWait = 30 * time.Second

// service answers the control plane.
type service struct {
	agentpb.UnimplementedAgentServer
	*Agent
	life context.Context //nolint:containedctx // ends when the agent does, and long polls with it
	end  func()          // ends the agent
}

// Deploy implements agentpb.AgentServer.
func (s *service) Deploy(ctx context.Context, req *agentpb.DeployRequest) (*agentpb.DeployResponse, error) {
	if !s.identity.enrolled() {
		return nil, status.Error(codes.FailedPrecondition, "this machine is not enrolled, so nobody can know whom the secrets would go to; enrol it first")
	}
	if err := checkDeploy(req); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "%v", err)
	}
	changed, err := s.accept(ctx, req)
	if err != nil {
		return nil, refusal(err)
	}
	if changed {
		order := req.GetOrder()
		s.log.Info("order accepted", "deployment", order.GetDeployment(), "name", order.GetName(),
			"generation", order.GetGeneration(), "version", order.GetDoltVersion())
		s.board.update(s.orders.describe)
		s.super.ordered()
	}
	return &agentpb.DeployResponse{}, nil
}

// accept stores an order on the volume, mounting it first where it was given back.
func (s *service) accept(ctx context.Context, req *agentpb.DeployRequest) (changed bool, err error) {
	err = s.data.take(ctx, func() error {
		s.volumes.attachNow()
		changed, err = s.orders.accept(req)
		return err
	})
	if err != nil {
		s.volumes.look() // it may have been given back again
	}
	return changed, err
}

// Stop implements agentpb.AgentServer. It answers when the database has stopped,
// and the volume may be detached.
func (s *service) Stop(ctx context.Context, req *agentpb.StopRequest) (*agentpb.StopResponse, error) {
	if err := s.forget(ctx, req.GetGeneration()); err != nil {
		return nil, refusal(err)
	}
	s.log.Info("stop accepted", "generation", req.GetGeneration())
	s.board.update(s.orders.describe)
	stopped := s.super.awaitIdle()
	s.super.ordered()
	select {
	case <-stopped:
		err := s.data.giveBack(ctx, req.GetGeneration())
		s.volumes.look()
		if err != nil {
			return nil, status.Errorf(codes.FailedPrecondition, "the database has stopped, but its volume is not free yet: %v", err)
		}
		return &agentpb.StopResponse{}, nil
	case <-ctx.Done():
		// Nobody waits any more, and the stop goes on all the same: what has stopped
		// looks as if its volume were free.
		go s.freeLater(stopped, req.GetGeneration())
		return nil, status.FromContextError(ctx.Err()).Err()
	case <-s.life.Done():
		return nil, status.Error(codes.Unavailable, "the stop is stored, and goes on when the agent is back")
	}
}

// freeLater gives the volume back once the database has stopped, however long that
// takes. It ends with the agent.
func (s *service) freeLater(stopped <-chan struct{}, generation int64) {
	select {
	case <-stopped:
	case <-s.life.Done():
		return
	}
	if err := s.data.giveBack(s.life, generation); err != nil {
		s.log.Warn("the database has stopped, but its volume is not free yet", "generation", generation, "err", err)
	}
	s.volumes.look()
}

// forget stores the stop on the volume. One that was given back already needs it
// only for a generation that it does not know.
func (s *service) forget(ctx context.Context, generation int64) error {
	store := func() error {
		s.volumes.attachNow()
		return s.orders.forget(generation)
	}
	if generation <= s.orders.newest() {
		return store()
	}
	err := s.data.take(ctx, store)
	var unusable *disk.Problem
	if errors.As(err, &unusable) {
		return store() // no database can run on it, so the stop need not be kept there
	}
	return err
}

// Status implements agentpb.AgentServer.
func (s *service) Status(ctx context.Context, req *agentpb.StatusRequest) (*agentpb.StatusResponse, error) {
	wait := min(time.Duration(req.GetWaitMs())*time.Millisecond, longestWait)
	ctx, cancel := context.WithTimeout(ctx, max(wait, 0))
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	// The end of the wait is an answer like any other: nothing happened.
	answer, _ := s.board.await(ctx, func(st *agentpb.StatusResponse) bool {
		return st.GetRevision() != req.GetAfterRevision()
	})
	return answer, nil
}

// refusal gives an error of the orders its code.
func refusal(err error) error {
	if errors.Is(err, errStore) {
		return status.Errorf(codes.Internal, "%v", err)
	}
	return status.Errorf(codes.FailedPrecondition, "%v", err)
}
