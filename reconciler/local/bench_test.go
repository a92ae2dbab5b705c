package local

import (
	"fmt"
	"testing"
)

// One look at 50 machines with their volumes: what every pass begins with.
func BenchmarkObserve50(b *testing.B) {
	c := testCloud(b)
	for i := range 50 {
		launch(b, c, fmt.Sprint("d", i), 1)
	}
	b.ResetTimer()
	for b.Loop() {
		if inv := c.Observe(b.Context()); len(inv.Machines) != 50 || len(inv.Volumes) != 50 {
			b.Fatalf("%d machines, %d volumes", len(inv.Machines), len(inv.Volumes))
		}
	}
}

func BenchmarkLaunch(b *testing.B) {
	c := testCloud(b)
	for i := 0; b.Loop(); i++ {
		launch(b, c, fmt.Sprint("d", i), 1)
	}
}
