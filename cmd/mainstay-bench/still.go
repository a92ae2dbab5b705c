package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/cmd/mainstay/controlplane"
	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/repostore"
	"github.com/mainstaydb/mainstay/specs/repo"
)

// stillLooks is after how many listings in a row with nothing to record a fleet is
// at rest: what one shows is decided and recorded before the next but one.
const stillLooks = 3

// giveBack is how long a process rests after a collection before its resident memory
// is taken: the runtime gives back what is free bit by bit. It is shorter than the
// loop waits for a listing.
const giveBack = 20 * time.Second

// stillPatience bounds the wait for rest: the first control plane of a large fleet
// records some ten thousand rows, which takes seconds, and minutes on a busy machine.
const stillPatience = 5 * time.Minute

// still runs the real loop on the real repository in a world where nothing happens,
// until it is at rest, and tells its memory on standard output.
func still(ctx context.Context, dir string) error {
	controlplane.SpareMemory()
	r, err := repo.Open(ctx, stillRepo(dir))
	if err != nil {
		return err
	}
	defer r.Close()
	ctx, end := context.WithTimeout(ctx, stillPatience)
	defer end()
	cloud := &stillCloud{file: filepath.Join(dir, "world.json"), rest: make(chan struct{})}
	loop := reconciler.New(reconciler.Config{
		Store: &stillStore{repostore.Store{Repo: r}, cloud}, Cloud: cloud, Agents: &stillAgents{cloud: cloud}, Check: ci.Check,
		Holder: "bench", Look: 100 * time.Millisecond, // times the pages of a listing, of which a large fleet has twenty
	})
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx) }()
	select {
	case <-cloud.rest:
	case err := <-ended:
		return errors.Join(err, fmt.Errorf("not at rest within %s", stillPatience))
	}
	time.Sleep(breath) // the pass that was under way ends
	f := footprint{Heap: heap()}
	time.Sleep(giveBack)
	f.Resident = resident(os.Getpid())
	if err := writeHeap(filepath.Join(dir, "heap.pprof")); err != nil {
		return err
	}
	end()
	if err := <-ended; err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

// writeHeap keeps what the memory is, for those who keep the scratch directory.
func writeHeap(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("heap").WriteTo(f, 0), f.Close())
}

// A stillWorld is what a cloud and agents tell of a fleet as wanted. It lies in a
// file and is read at each look, so that it is no part of the memory measured; what
// the loop keeps of it is.
type stillWorld struct {
	Inventory plan.Inventory
	Agents    map[string]*plan.Agent // by machine
}

func readStill(file string) (w stillWorld, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return w, err
	}
	return w, json.Unmarshal(data, &w)
}

// A stillCloud shows the same machines for ever. What would change it is not there:
// the embedded interface is nil, and a loop that acts on a fleet as wanted fails loudly.
type stillCloud struct {
	reconciler.Cloud
	file  string
	quiet atomic.Int32 // listings since something was recorded
	rest  chan struct{}
}

func (c *stillCloud) Identity(context.Context) (string, error) { return "a world at rest", nil }

func (c *stillCloud) Observe(ctx context.Context) plan.Inventory {
	if c.quiet.Add(1) == stillLooks {
		close(c.rest)
		<-ctx.Done() // a listing under way is no rest
	}
	w, err := readStill(c.file)
	if err != nil {
		return plan.Inventory{Gaps: plan.Gaps{Machines: err.Error(), Volumes: err.Error()}}
	}
	return w.Inventory
}

// A stillStore notes when something is recorded.
type stillStore struct {
	repostore.Store
	cloud *stillCloud
}

func (s *stillStore) Publish(ctx context.Context, base string, edits []ledger.Edit, message string) (string, error) {
	s.cloud.quiet.Store(0)
	return s.Store.Publish(ctx, base, edits, message)
}

// stillAgents keep a report of each machine, as those who speak with agents do.
type stillAgents struct {
	reconciler.Agents
	cloud   *stillCloud
	reports map[string]*plan.Agent
}

func (a *stillAgents) Track([]plan.Machine) {
	if a.reports != nil {
		return
	}
	if w, err := readStill(a.cloud.file); err == nil {
		a.reports = w.Agents
	}
}

func (a *stillAgents) Reports() map[string]*plan.Agent { return maps.Clone(a.reports) }

func (a *stillAgents) Changed() <-chan struct{} { return nil }
