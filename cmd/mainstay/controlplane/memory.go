package controlplane

import (
	"os"
	"runtime/debug"

	"github.com/mainstaydb/mainstay/specs/repo"
)

// gcPercent has the collector run when the heap has grown by half, where Go lets it
// double: at rest a control plane has little to do and much to keep.
const gcPercent = 50

// SpareMemory has the process keep little that it does not need. It counts before the
// clone is opened. GOGC and GOMEMLIMIT decide where they are set.
func SpareMemory() {
	repo.SmallCaches()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
