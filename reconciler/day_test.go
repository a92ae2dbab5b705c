package reconciler_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/specs"
)

// dayFleet is how many deployments a day is lived through with.
const dayFleet = 200

// TestADay lives through a day of a fleet: each hour something happens, and it has
// converged before the next. It says how long the day took.
func TestADay(t *testing.T) {
	t.Parallel()
	seed, began := rand.Uint64N(1<<40), time.Now()
	r := rand.New(rand.NewPCG(seed, seed))
	simulate(t, seed, func(s *simulation) {
		s.change("limits", func(d *specs.Snapshot) { d.Limits.MaxDisrupted, d.Limits.MaxDestroyed = 20, 100 })
		s.putAll(dayFleet)
		s.plane("one")
		s.converged()
		w := &storming{simulation: s, story: story{seed: seed, fleet: dayFleet}}
		for hour := time.Hour; hour <= 24*time.Hour; hour += time.Hour {
			w.happen(step{time.Since(s.began), happenings[r.IntN(len(happenings))].name, r.Uint64()})
			time.Sleep(time.Minute)
			w.calm()
			s.everythingRuns(dayFleet)
			s.converged()
			if s.Failed() {
				s.Log(w.log)
				return
			}
			time.Sleep(time.Until(s.began.Add(hour)))
		}
	})
	t.Logf("seed %d: a day of %d deployments took %s", seed, dayFleet, time.Since(began).Round(time.Millisecond))
}

// putAll adds deployments in one commit.
func (s *simulation) putAll(fleet int) {
	s.change(fmt.Sprint("add ", fleet), func(d *specs.Snapshot) {
		for n := range fleet {
			d.PutDeployment(newRow(n))
		}
	})
}

// everythingRuns takes back what people deleted or switched off.
func (s *simulation) everythingRuns(fleet int) {
	desired := s.hub.Desired().Deployments
	for n := range fleet {
		if d := desired[rowID(n)]; d == nil || !d.Running {
			s.put(n, func(d *specs.Deployment) { d.Running = true })
		}
	}
}
