package freeport_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/mainstaydb/mainstay/agent/freeport"
)

func TestTake(t *testing.T) {
	t.Parallel()
	mine := map[int]bool{}
	for range 500 { // of 5,000: by chance alone some would be the same
		port := freeport.Take(t)
		if mine[port] {
			t.Fatalf("port %d was given twice", port)
		}
		mine[port] = true
	}
	for port := range mine {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			t.Fatalf("port %d is not free: %v", port, err)
		}
		_ = l.Close()
		break
	}
}
