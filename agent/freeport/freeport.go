// Package freeport gives tests ports of loopback for the programs that they start.
//
// It promises that a port is one test's until that test ends, among all processes of
// this machine that ask here, and that no connection is given it meanwhile, also while
// the program is being restarted. It does not keep out who does not ask.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/mainstaydb/mainstay/agent/tcpport"
)

// The range is below what Linux gives to outgoing connections (32768 and up) and below
// what the local cloud and its hub choose from (15000 and up).
const (
	first = 10_000
	last  = 15_000
)

// Take returns a port that is the test's until it ends.
func Take(t testing.TB) int {
	t.Helper()
	for range last - first {
		port := first + rand.IntN(last-first)
		held, err := tcpport.Hold(port)
		if err != nil {
			continue
		}
		if tcpport.Free(fmt.Sprintf(":%d", port)) == nil {
			t.Cleanup(func() { _ = held.Close() })
			return port
		}
		_ = held.Close()
	}
	t.Fatalf("no port between %d and %d is free", first, last)
	return 0
}
