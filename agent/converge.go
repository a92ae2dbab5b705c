package agent

import (
	"context"
	"errors"
	"time"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/agent/doltserver"
	"github.com/mainstaydb/mainstay/agent/fetch"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// begin starts the database, if its program is there. Until it is, the version
// that the data was last opened by does as well.
func (s *supervisor) begin(server *doltserver.Server, want doltserver.Want, source fetch.Source) time.Duration {
	_, missing := server.Program(want.Version)
	if missing == nil {
		s.programs.settled()
		return s.start(server, want)
	}
	former, known := server.Former(want)
	if !known && source.URL == "" {
		s.refuse(missing)
		return time.Until(s.nextTry)
	}
	s.programs.ready(want.Version, source)
	if known {
		return s.start(server, former)
	}
	s.show(s.programs.state())
	return healthEvery // it pokes when there is news
}

// change goes over to a new want. One of another version stops the running
// database only when the new program is there and has proved itself.
func (s *supervisor) change(ctx context.Context, server *doltserver.Server, want doltserver.Want, source fetch.Source) time.Duration {
	if want.Version != s.current.Version && !s.programs.ready(want.Version, source) {
		return s.check(ctx, server, server.Presented(want))
	}
	return s.stop(ctx, "ordered")
}

// start starts the database.
func (s *supervisor) start(server *doltserver.Server, want doltserver.Want) time.Duration {
	r, err := server.Start(want)
	if err != nil {
		s.refuse(err)
		return time.Until(s.nextTry)
	}
	if s.died {
		s.died = false
		s.board.update(func(st *agentpb.StatusResponse) { st.Database.Restarts++ })
	}
	s.board.update(func(st *agentpb.StatusResponse) { lower(st, startTroubles...) })
	s.watch(r)
	return startingEvery(0)
}

// refuse shows why the database could not even be started.
func (s *supervisor) refuse(err error) {
	if s.nextTry.IsZero() {
		s.nextTry = time.Now() // nothing ran: a second try at once would be in vain
	}
	var p *doltserver.Problem
	taken := errors.As(err, &p) && p.Type == doltserver.PortTaken
	if st, _ := s.board.read(); !taken || holding(st, doltserver.PortTaken) == nil { // else it is said already
		s.log.Warn("database cannot be started", "err", err)
	}
	s.board.update(func(st *agentpb.StatusResponse) {
		lower(st, startTroubles...)
		if p != nil {
			raise(st, trouble{p.Type, p.Reason, p.Message})
		}
	})
	s.fail(err.Error())
	if taken {
		s.nextTry = time.Now().Add(portLook)
	}
}

// stop ends the database gracefully. What is wanted starts it again.
func (s *supervisor) stop(ctx context.Context, reason string) time.Duration {
	s.show(agentpb.Database_STOPPING, "")
	s.log.Info("database stops", "pid", s.current.PID(), "reason", reason)
	if err := s.current.Stop(ctx, doltserver.StopGrace); err != nil {
		if ctx.Err() == nil {
			s.log.Error("database cannot be stopped", "err", err)
		}
		return firstPause
	}
	s.current, s.died = nil, false
	s.forgive()
	return 0
}

// idle shows that there is no database, as ordered.
func (s *supervisor) idle() {
	s.show(agentpb.Database_ABSENT, "")
	s.board.update(func(st *agentpb.StatusResponse) {
		lower(st, append([]string{AdministratorRefused, Unresponsive}, startTroubles...)...)
	})
	s.programs.settled()
}

// check asks the database whether it serves.
func (s *supervisor) check(ctx context.Context, server *doltserver.Server, want doltserver.Want) time.Duration {
	// Who listens where a dead database did may be a stranger who never answers.
	question, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.alive, cancel)()
	err := server.Check(question, want)
	if ctx.Err() != nil {
		return 0
	}
	if err == nil || errors.Is(err, doltserver.ErrAccessDenied) {
		s.answered(err)
		if err := server.RotateLog(); err != nil {
			s.log.Warn("the database's log cannot be rotated", "err", err)
		}
		return healthEvery
	}
	if !s.current.Alive() {
		return 0
	}
	if s.serving.IsZero() {
		// How long a start may take cannot be bounded: Dolt may have a long journal
		// to read. It is shown as starting for as long as it runs.
		return startingEvery(time.Since(s.asked))
	}
	s.missed(err)
	return time.Second
}

// startingEvery spaces the questions to a database that comes up: an answer is
// noticed within an eighth of the time it took, and fifty databases that start
// together are not kept from it by questions.
func startingEvery(elapsed time.Duration) time.Duration {
	return min(max(elapsed/8, 5*time.Millisecond), time.Second)
}

func (s *supervisor) answered(denied error) {
	s.misses = 0
	if s.serving.IsZero() {
		s.serving = time.Now()
		s.log.Info("database serves", "pid", s.current.PID(), "after", s.serving.Sub(s.asked).Round(time.Millisecond))
	}
	s.show(agentpb.Database_SERVING, "")
	s.board.update(func(st *agentpb.StatusResponse) {
		lower(st, append([]string{Unresponsive, AdministratorRefused}, startTroubles...)...)
		if c := holding(st, DiskFull); c != nil && c.GetReason() == "NoSpaceLeft" {
			lower(st, DiskFull)
		}
		if denied != nil {
			raise(st, trouble{AdministratorRefused, "AccessDenied", denied.Error()})
		}
	})
}

// missed notes a question that a database that served did not answer.
func (s *supervisor) missed(err error) {
	if s.misses++; s.misses < missesUntilFailed {
		return
	}
	detail := "the database runs and does not answer: " + firstLine(err.Error())
	s.show(agentpb.Database_FAILED, detail)
	s.board.update(func(st *agentpb.StatusResponse) {
		raise(st, trouble{Unresponsive, "NoAnswer", detail + "; look at its load, and restart it only if that shows nothing"})
	})
}

// show puts the database's state on the board.
func (s *supervisor) show(state agentpb.Database_State, detail string) {
	s.board.update(func(st *agentpb.StatusResponse) {
		next := &agentpb.Database{
			State: state, Detail: detail, Restarts: st.GetDatabase().GetRestarts(),
			Host: s.config.SQLHost, Port: int32(s.config.SQLPort), //nolint:gosec // checked to be a port
		}
		if s.current != nil && s.current.Alive() {
			next.Pid = int32(s.current.PID()) //nolint:gosec // pid_max is below 2^22
			next.Version, next.StartedAt, next.Role = s.current.Version, timestamppb.New(s.current.StartedAt()), "primary"
		}
		st.Database = next
	})
}
