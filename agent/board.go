package agent

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// A board is what Status answers. Its revision rises with every change that is
// more than a measurement, so that a watcher is woken by news only.
type board struct {
	mu      sync.Mutex
	status  *agentpb.StatusResponse
	changed chan struct{} // closed at the next change
}

func newBoard(machineID, version string, now time.Time) *board {
	return &board{
		changed: make(chan struct{}),
		status: &agentpb.StatusResponse{
			MachineId: machineID, AgentVersion: version, AgentStartedAt: timestamppb.New(now),
			// Above every revision of the agent's former life.
			Revision: now.UnixMicro(),
			Database: &agentpb.Database{State: agentpb.Database_ABSENT},
			Volume:   &agentpb.Volume{},
		},
	}
}

// update changes the status and wakes the watchers if that was news.
func (b *board) update(change func(*agentpb.StatusResponse)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := proto.CloneOf(b.status)
	change(next)
	if proto.Equal(news(b.status), news(next)) {
		b.status = next
		return
	}
	next.Revision++
	b.status = next
	close(b.changed)
	b.changed = make(chan struct{})
}

// news is a status without its measurements.
func news(s *agentpb.StatusResponse) *agentpb.StatusResponse {
	s = proto.CloneOf(s)
	s.Volume.UsedBytes = 0
	return s
}

// read returns the status now, and what closes at its next change.
func (b *board) read() (*agentpb.StatusResponse, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return proto.CloneOf(b.status), b.changed
}

// await returns when the status satisfies holds, or with the last status when
// ctx ends.
func (b *board) await(ctx context.Context, holds func(*agentpb.StatusResponse) bool) (*agentpb.StatusResponse, error) {
	for {
		s, changed := b.read()
		if holds(s) {
			return s, nil
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-changed:
		}
	}
}

// A trouble is a condition that holds.
type trouble struct{ kind, reason, message string }

// raise sets a condition, lower takes conditions away. Those that hold are listed, in
// order of their type.
func raise(s *agentpb.StatusResponse, t trouble) {
	i, there := slices.BinarySearchFunc(s.Conditions, t.kind, byType)
	if !there {
		s.Conditions = slices.Insert(s.Conditions, i, &agentpb.Condition{Type: t.kind, Status: true, Since: timestamppb.Now()})
	}
	s.Conditions[i].Reason, s.Conditions[i].Message = t.reason, t.message
}

func lower(s *agentpb.StatusResponse, kinds ...string) {
	s.Conditions = slices.DeleteFunc(s.Conditions, func(c *agentpb.Condition) bool { return slices.Contains(kinds, c.GetType()) })
}

func byType(c *agentpb.Condition, kind string) int { return strings.Compare(c.GetType(), kind) }
