package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

const (
	// tortured is how many deployments suffer on every commit; MAINSTAY_TORTURE_FLEET
	// sets it.
	tortured = 3
	// torture is for how long, on every commit; MAINSTAY_TORTURE_MINUTES sets it.
	torture = 40 * time.Second
)

// TestTorture does to a fleet what machines, disks and people do to one: processes are
// killed and stand still, disks run full and slow down, strangers take ports, and rows
// change, while the databases are written to and proposals are merged. After each fault
// the fleet heals by itself; in the end every acknowledged write and merge is there, each
// deployment has one machine, and nothing is left over.
func TestTorture(t *testing.T) {
	t.Parallel()
	fleet, d := askedTorture(t)
	s := newSuffering(t, fleet)
	ctx, stop := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	t.Cleanup(busy.Wait) // also of a test that ends early: what is busy needs it
	busy.Go(func() { s.witness.watch(ctx) })
	busy.Go(func() { s.author.merge(ctx) })
	for _, w := range s.writers {
		w.begin()
		busy.Go(func() { w.write(ctx) })
	}
	for end := time.Now().Add(d); time.Now().Before(end) && !t.Failed(); {
		s.fault()
	}
	stop()
	busy.Wait()
	s.converged()
	for _, w := range s.writers {
		w.check()
		s.alone(w.name)
	}
	s.author.check()
	s.keepsSecrets(s.author.victims[0], s.author.victims[len(s.author.victims)-1])
	s.witness.check()
	s.report()
}

// askedTorture is how many deployments are to suffer, and for how long.
func askedTorture(t *testing.T) (fleet int, d time.Duration) {
	t.Helper()
	fleet, d = tortured, torture
	if s := os.Getenv("MAINSTAY_TORTURE_FLEET"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		fleet = n
	}
	if s := os.Getenv("MAINSTAY_TORTURE_MINUTES"); s != "" {
		minutes, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		d = time.Duration(minutes * float64(time.Minute))
	}
	return fleet, d
}

// A suffering is a fleet with what was done to it.
type suffering struct {
	*fleet
	writers []*writer
	author  *author
	witness *witness
	disks   map[string]*smallDisk // by deployment; not all have one
	kinds   []kind
	ahead   []kind                     // yet to come before any comes again
	healed  map[string][]time.Duration // by kind of fault
}

// newSuffering is a fleet that serves, some of its databases on small disks.
func newSuffering(t *testing.T, size int) *suffering {
	t.Helper()
	s := &suffering{disks: map[string]*smallDisk{}, healed: map[string][]time.Duration{}}
	images := t.TempDir()     // before the cleanup, so that it is removed after it
	t.Cleanup(s.unmountDisks) // before the fleet's, so that nothing runs on them any more
	s.fleet = newFleet(t)
	for n := range size {
		w := &writer{fleet: s.fleet, name: fmt.Sprint("victim-", n)}
		s.writers = append(s.writers, w)
		s.sql(fmt.Sprintf("INSERT INTO deployments (name) VALUES ('%s')", w.name))
	}
	s.converged()
	s.mountDisks(images)
	s.author, s.witness = &author{fleet: s.fleet}, &witness{fleet: s.fleet}
	for _, w := range s.writers {
		s.author.victims = append(s.author.victims, w.name)
	}
	s.kinds = s.allKinds()
	return s
}

func (s *suffering) report() {
	writes, lost, faults, kills := int64(0), 0, 0, 0
	for _, w := range s.writers {
		writes += w.acknowledged.Load()
		lost += w.lost
	}
	for _, name := range slices.Sorted(maps.Keys(s.healed)) {
		all := s.healed[name]
		faults += len(all)
		slices.Sort(all)
		s.t.Logf("torture: %-40s %3d times, healed after %.1f s as median and %.1f s at worst", name, len(all), all[len(all)/2].Seconds(), all[len(all)-1].Seconds())
	}
	for _, k := range s.kinds {
		if k.kills {
			kills += len(s.healed[k.name])
		}
	}
	s.t.Logf("torture: %d faults, %d of them kills; %d merges while it went on, %d of them lost", faults, kills, len(s.author.merged), s.author.lost)
	s.t.Logf("torture: %d writes acknowledged, %d of them lost; in %d looks %d doubled; %d left over", writes, lost, s.witness.looks, s.witness.doubled, s.witness.leftovers)
}
