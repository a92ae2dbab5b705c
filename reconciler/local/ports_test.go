package local

import (
	"strconv"
	"testing"
)

// TestPortsOfOthers: a port that one cloud has chosen is no other's, also while nobody
// listens there, and is again when it was given up.
func TestPortsOfOthers(t *testing.T) {
	t.Parallel()
	one, two := testCloud(t), testCloud(t)
	const port = lastPort // just beyond what clouds choose from: nobody meddles
	for range 2 {
		if !one.hold(port) {
			t.Error("a port that nobody had is not its own")
		}
	}
	if two.hold(port) {
		t.Error("two clouds have one port")
	}
	one.letGo(strconv.Itoa(port))
	defer two.letGo(strconv.Itoa(port))
	if !two.hold(port) {
		t.Error("a port that was given up is still taken")
	}
}
