package repo

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/dolthub/dolt/go/libraries/doltcore/remotestorage"
	"github.com/dolthub/dolt/go/store/chunks"
	"github.com/dolthub/dolt/go/store/datas"
	"github.com/dolthub/dolt/go/store/hash"
	"github.com/dolthub/dolt/go/store/nbs"
	"github.com/dolthub/dolt/go/store/prolly/tree"
	"github.com/dolthub/dolt/go/store/types"
)

// A nearby answers for the hub what the clone knows: a chunk is named by the hash of
// what it holds, so the clone's is the hub's. The engine's pushes read from the hub,
// one after the other, some ten chunks that this very process wrote a moment before;
// each is a round trip.
//
// Whether the hub has a chunk it does not answer for: only the hub knows.
type nearby struct {
	remotestorage.ChunkCache                        // what came from the hub, and what the hub said it has
	clone                    *atomic.Pointer[store] // nil until it is open: the hub is spoken with to make it
}

// A store holds the chunks of a clone.
type store struct{ chunks.ChunkStore }

// What is kept of the hub itself is small: nearly all that is read twice is in the clone.
// The engine's own bounds are 32,768 chunks of about 4 KB, and a million hashes.
const (
	keptChunks = 256
	keptHashes = 32 << 10
)

func newNearby(clone *atomic.Pointer[store]) *nearby {
	return &nearby{remotestorage.NewMapChunkCacheWithCapacity(keptChunks, keptHashes), clone}
}

// GetCachedChunks implements remotestorage.ChunkCache. A chunk that cannot be read here
// is one that is not here: the hub is asked.
func (n *nearby) GetCachedChunks(hs hash.HashSet) map[hash.Hash]nbs.ToChunker {
	found, clone := n.ChunkCache.GetCachedChunks(hs), n.clone.Load()
	if clone == nil {
		return found
	}
	missing := hash.HashSet{}
	for h := range hs {
		if _, ok := found[h]; !ok {
			missing.Insert(h)
		}
	}
	if len(missing) == 0 {
		return found
	}
	var mu sync.Mutex
	_ = clone.GetMany(context.Background(), missing, func(_ context.Context, c *chunks.Chunk) {
		if c.IsEmpty() || c.IsGhost() {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		found[c.Hash()] = nbs.ChunkToCompressedChunk(*c)
	})
	return found
}

// beside is the hub's database as the engine opened it, with the clone's chunks beside it.
func beside(clone *atomic.Pointer[store], db datas.Database, vrw types.ValueReadWriter, node tree.NodeStore) *opened {
	hub, ok := datas.ChunkStoreFromDatabase(db).(*remotestorage.DoltChunkStore)
	if !ok {
		return &opened{db, vrw, node}
	}
	with := hub.WithChunkCache(newNearby(clone))
	values, nodes := types.NewValueStore(with), tree.NewNodeStore(with)
	return &opened{datas.NewTypesDatabase(values, nodes), values, nodes}
}
