package agent

import (
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
)

// A line is the agent's listener, which can hang up: the server, when it ends, waits for
// connections on which nothing was ever said, and its own patience with them is minutes.
type line struct {
	net.Listener
	mu     sync.Mutex
	open   map[*talk]struct{}
	closed bool
}

func newLine(l net.Listener) *line { return &line{Listener: l, open: map[*talk]struct{}{}} }

// A talk is one connection on a line.
type talk struct {
	net.Conn
	line *line
}

// Accept implements net.Listener.
func (l *line) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	t := &talk{conn, l}
	l.open[t] = struct{}{}
	return t, nil
}

// Close implements net.Conn.
func (t *talk) Close() error {
	t.line.mu.Lock()
	delete(t.line.open, t)
	t.line.mu.Unlock()
	return t.Conn.Close()
}

// hangUp closes every connection, for good.
func (l *line) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for t := range l.open {
		_ = t.Conn.Close()
	}
}

// endOfCalls is for calls under way when the agent ends: long polls end by themselves
// with it, and no other call takes long. It is below what the machine gives the agent to
// end in (machine.agentGrace).
const endOfCalls = 2 * time.Second

// stopServer lets calls under way end.
func stopServer(server *grpc.Server, l *line) {
	timer := time.AfterFunc(endOfCalls, func() {
		l.hangUp()
		server.Stop()
	})
	defer timer.Stop()
	server.GracefulStop()
}
