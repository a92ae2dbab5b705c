package repo

import (
	"math"
	"runtime/debug"

	"github.com/dolthub/dolt/go/libraries/doltcore/memlimit"
	"github.com/dolthub/dolt/go/store/prolly/tree"
)

// smallEngine is the limit on memory that the engine is shown when it divides a part
// of it among its caches. It leaves 16 MB for pages, the least that the engine takes,
// in place of 256 MB.
const smallEngine = 64 << 20

// SmallCaches has the engine keep few pages in memory: for a process that runs for
// months, reads a row seldom twice, and would keep every page that it ever wrote. It
// counts before the first Open. Whoever sets GOMEMLIMIT decides instead.
func SmallCaches() {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	debug.SetMemoryLimit(smallEngine)
	memlimit.Init() // once: what it divides then holds for the process
	debug.SetMemoryLimit(math.MaxInt64)
}

// Forget lets go of the pages that the engine keeps, of all clones that are open:
// after reading much that will not be read again.
func (r *Repo) Forget() { tree.NewNodeStore(nil).PurgeCaches() }
