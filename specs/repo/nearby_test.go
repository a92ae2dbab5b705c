package repo

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/dolthub/dolt/go/store/chunks"
	"github.com/dolthub/dolt/go/store/hash"
)

func TestNearbyAnswersWhatTheCloneHas(t *testing.T) {
	t.Parallel()
	here, elsewhere := chunks.NewChunk([]byte("here")), chunks.NewChunk([]byte("elsewhere"))
	view := (&chunks.MemoryStorage{}).NewViewWithDefaultFormat()
	none := func(chunks.Chunk) chunks.InsertAddrsCb {
		return func(context.Context, hash.HashSet, chunks.PendingRefExists) error { return nil }
	}
	if err := view.Put(t.Context(), here, none); err != nil {
		t.Fatal(err)
	}
	var clone atomic.Pointer[store]
	n := newNearby(&clone)
	asked := hash.NewHashSet(here.Hash(), elsewhere.Hash())

	if found := n.GetCachedChunks(asked); len(found) != 0 {
		t.Errorf("before there is a clone, %d chunks are found", len(found))
	}
	clone.Store(&store{view})
	found := n.GetCachedChunks(asked)
	if len(found) != 1 {
		t.Fatalf("%d chunks are found, want the one that the clone has", len(found))
	}
	got, err := found[here.Hash()].ToChunk()
	if err != nil || string(got.Data()) != "here" {
		t.Errorf("the chunk holds %q, %v", got.Data(), err)
	}
	if absent := n.GetCachedHas(asked); len(absent) != 2 {
		t.Errorf("it answers for the hub which chunks that has: of 2 it asks for %d", len(absent))
	}
}
