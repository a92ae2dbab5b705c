package tcpport_test

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/mainstaydb/mainstay/agent/tcpport"
)

func TestFree(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := tcpport.Free(l.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("somebody listens: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := tcpport.Free("127.0.0.1:0"); err != nil {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	const port = 1 // nobody else's: neither tests nor clouds choose it
	first, err := tcpport.Hold(port)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tcpport.Hold(port); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("two have one port: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := tcpport.Hold(port)
	if err != nil {
		t.Fatalf("it was given up: %v", err)
	}
	_ = again.Close()
}
