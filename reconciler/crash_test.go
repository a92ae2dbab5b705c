package reconciler_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/mainstaydb/mainstay/specs"
)

// life takes a fleet through all that is done to deployments.
func life(s *simulation) {
	for n := range 3 {
		s.put(n, nil)
	}
	s.converged()
	s.put(0, func(d *specs.Deployment) { d.InstanceType = "t3.large" }) // another machine, the same volume
	s.put(1, func(d *specs.Deployment) { d.VolumeGB = 20 })
	s.converged()
	s.put(0, func(d *specs.Deployment) { d.Running = false })
	s.put(2, func(d *specs.Deployment) { d.DoltVersion = "2.0.5" })
	s.converged()
	s.put(0, func(d *specs.Deployment) { d.Running = true })
	s.remove(1)
	s.converged()
	s.put(1, nil) // while its volume is kept
	s.put(3, nil)
	s.converged()
	s.put(2, func(d *specs.Deployment) { d.RetentionDays = 0 })
	s.remove(2)
	s.eventually("its volume is deleted", func() bool { return len(s.volumes()) == 3 })
	s.converged()
}

// lives counts the moments of a calm life, and lives one with every moment that is
// asked for: all with MAINSTAY_SIM_ALL=1, one with MAINSTAY_SIM_MOMENT, else a sample.
func lives(t *testing.T, sample int, begin func(s *simulation, at int)) {
	t.Helper()
	moments, seed := 0, rand.Uint64()
	if s := os.Getenv("MAINSTAY_SIM_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	simulate(t, seed, func(s *simulation) {
		begin(s, -1)
		life(s)
		moments = s.planes[0].moments()
	})
	from, step := 0, max(1, moments/sample)
	if os.Getenv("MAINSTAY_SIM_ALL") != "" {
		step = 1
	}
	from = rand.IntN(step)
	if one, err := strconv.Atoi(os.Getenv("MAINSTAY_SIM_MOMENT")); err == nil {
		from, step = one, moments
	}
	t.Logf("seed %d, %d moments, from %d every %d", seed, moments, from, step)
	for at := from; at < moments; at += step {
		t.Run(fmt.Sprint("moment=", at), func(t *testing.T) {
			simulate(t, seed, func(s *simulation) {
				begin(s, at)
				life(s)
			})
		})
	}
}

// crashSample is about how many moments are tried on every commit; a life takes some
// 15 ms.
const crashSample = 60

// TestKilledAtEveryStep kills the control plane before and after everything it does,
// found by counting and not by a list, and starts it again. Every life ends well, and
// what must never be never is.
func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	lives(t, crashSample, func(s *simulation, at int) { s.plane("one", at) })
}

// TestKilledBesideAnother: likewise, and another control plane runs on.
func TestKilledBesideAnother(t *testing.T) {
	t.Parallel()
	lives(t, crashSample, func(s *simulation, at int) {
		s.plane("one", at)
		s.plane("two")
	})
}

// TestKilledBesideTwo: likewise beside two others, whose clocks are ahead.
func TestKilledBesideTwo(t *testing.T) {
	t.Parallel()
	lives(t, crashSample, func(s *simulation, at int) {
		s.plane("one", at)
		s.run(&simPlane{holder: "two", clock: clocksApart})
		s.run(&simPlane{holder: "three", clock: clocksApart / 3})
	})
}

// TestOldPlanInHand: a control plane stands still in the middle of a step for longer
// than its claims hold, while another does its work, and then does what it was about to.
func TestOldPlanInHand(t *testing.T) {
	t.Parallel()
	lives(t, crashSample, func(s *simulation, at int) {
		s.run(&simPlane{holder: "one", pauses: []int{at}})
		s.run(&simPlane{holder: "two", clock: clocksApart})
	})
}

// TestKilledTwice kills it at a moment of its first life and at one of its second. All
// pairs with MAINSTAY_SIM_ALL=1, which takes some minutes, else a sample.
func TestKilledTwice(t *testing.T) {
	t.Parallel()
	moments, seed := 0, rand.Uint64()
	simulate(t, seed, func(s *simulation) {
		p := s.plane("one")
		life(s)
		moments = p.moments()
	})
	all := os.Getenv("MAINSTAY_SIM_ALL") != ""
	var tried atomic.Int64
	t.Run("first", func(t *testing.T) {
		for first := range moments {
			t.Run(fmt.Sprintf("moment=%d", first), func(t *testing.T) {
				t.Parallel()
				for second := range moments - first {
					if !all && rand.IntN(moments*moments/2) >= pairSample {
						continue
					}
					tried.Add(1)
					if !t.Run(fmt.Sprintf("moments=%d,%d", first, second), func(t *testing.T) {
						simulate(t, seed, func(s *simulation) {
							s.plane("one", first, second)
							life(s)
						})
					}) {
						return
					}
				}
			})
		}
	})
	t.Logf("seed %d, %d pairs of %d moments", seed, tried.Load(), moments)
}

// pairSample is about how many pairs are tried on every commit.
const pairSample = 100
