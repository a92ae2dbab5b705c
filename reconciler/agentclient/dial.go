package agentclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// dialTimeout is for the connection and the handshake: both take milliseconds
// within a network, and a machine that is busy starting up may need a second.
const dialTimeout = 5 * time.Second

// dial connects, checks the agent and returns a channel over that connection.
// The handshake is ours and not gRPC's because its verdict is needed as an error
// and not as text, and because gRPC would connect again by its own rules: here
// one channel is one connection, and when it is lost the channel is of no use.
func dial(ctx context.Context, address string, config *tls.Config) (*channel, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dialer := tls.Dialer{Config: config}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	// TLS promises that there is one; tls.Dialer, that the connection is of its own.
	peer := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
	hand := &handover{conn: conn}
	client, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithContextDialer(hand.over),
		// The connection handed over is TLS already.
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		// TLS has buffers of its own, and an agent says little: gRPC's, 64 KB for each
		// machine, would be most of what a large fleet takes of memory.
		grpc.WithReadBufferSize(0), grpc.WithWriteBufferSize(0),
		grpc.WithIdleTimeout(0), // an idle channel would drop the one connection it has
	)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("open a channel to %s: %w", address, err)
	}
	return &channel{ClientConn: client, conn: conn, peer: peer}, nil
}

// A channel is a gRPC channel over one connection.
type channel struct {
	*grpc.ClientConn
	conn net.Conn
	peer *x509.Certificate // that the agent showed
}

// Close closes the connection too, which gRPC does not know before the first call.
func (c *channel) Close() {
	c.ClientConn.Close()
	c.conn.Close()
}

// A handover gives a connection away once.
type handover struct {
	mu   sync.Mutex
	conn net.Conn
}

var errLost = errors.New("the connection was lost")

func (h *handover) over(context.Context, string) (net.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	conn := h.conn
	h.conn = nil
	if conn == nil {
		return nil, errLost
	}
	return conn, nil
}
