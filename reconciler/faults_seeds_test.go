package reconciler_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// storm is how long faults come and go, and fleetSize how many deployments suffer.
const (
	storm     = 2 * time.Hour
	fleetSize = 12
)

// TestFaultSeeds lets random faults come over a fleet that people change meanwhile.
// MAINSTAY_TEST_SEEDS says how many seeds are tried, and MAINSTAY_TEST_SEED tries one
// again.
func TestFaultSeeds(t *testing.T) {
	from, n := uint64(1), uint64(1)
	if s := os.Getenv("MAINSTAY_TEST_SEEDS"); s != "" {
		n, _ = strconv.ParseUint(s, 10, 64)
	}
	if s := os.Getenv("MAINSTAY_TEST_SEED"); s != "" {
		from, _ = strconv.ParseUint(s, 10, 64)
		n = 1
	}
	for seed := from; seed < from+n; seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			c := newFaults(t)
			c.cfg.Poll, c.cfg.Look = 10*time.Minute, 20*time.Second // sql wakes the loop, and so does what it did
			c.play(func(c *cloudBench) {
				defer c.witness.check(c.T)
				s := &stormy{cloudBench: c, random: rand.New(rand.NewPCG(seed, seed))}
				s.begin()
				for start := time.Now(); time.Since(start) < storm; {
					runtime.GC() // the engine opens a hub's files at each fetch and closes them when it is collected
					s.fault()
					s.change()
					time.Sleep(time.Duration(1+s.random.IntN(6)) * time.Minute)
					if s.random.IntN(2) == 0 {
						clearUp(s.api)
						time.Sleep(time.Duration(s.random.IntN(6)) * time.Minute)
					}
				}
				clearUp(s.api)
				s.wantEnd()
				c.Logf("%v, %d publications, calls %v", s.log, c.witness.publications(), c.api.Calls())
				if c.Failed() {
					c.Errorf("MAINSTAY_TEST_SEED=%d shows it again", seed)
				}
			})
		})
	}
}

// stormy is a fleet under random faults.
type stormy struct {
	*cloudBench
	random *rand.Rand
	log    []string
}

func (s *stormy) begin() {
	var names []string
	for i := range fleetSize {
		names = append(names, fmt.Sprintf("('db-%d', 'eu-west-1%c')", i, 'a'+i%2))
	}
	s.sql("INSERT INTO deployments (name, zone) VALUES " + strings.Join(names, ", "))
	s.sql("INSERT INTO limits VALUES ('max_disrupted', 3)")
}

func (s *stormy) note(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

// fault begins one of the faults that have a test of their own.
func (s *stormy) fault() {
	switch kind := s.random.IntN(len(weathers) + 3); kind {
	case len(weathers):
		if m, ok := s.anyMachine(); ok {
			s.note("kill %s", m.ID)
			s.world.Kill(m.ID)
		}
	case len(weathers) + 1:
		if m, ok := s.anyMachine(); ok {
			s.note("retire %s", m.ID)
			s.api.Retire(m.ID, time.Now().Add(time.Hour))
		}
	case len(weathers) + 2:
		s.note("restart with another image")
		s.restart(fmt.Sprintf("ami-%08d", s.random.IntN(100)))
	default:
		s.note("%s", weathers[kind].name)
		weathers[kind].begin(s.api, s.random)
	}
	s.byHand()
}

// byHand does what people do in a console.
func (s *stormy) byHand() {
	m, ok := s.anyMachine()
	if !ok || m.State != plan.MachineRunning {
		return
	}
	switch s.random.IntN(4) {
	case 0:
		s.note("stop %s", m.ID)
		s.world.Stop(m.ID)
	case 1:
		for _, v := range s.world.Volumes() {
			if v.AttachedTo == m.ID && s.witness.owner(v.ID) != "" { // before it is on record it is nobody's
				s.note("detach %s", v.ID)
				s.world.Detach(v.ID)
				break
			}
		}
	}
}

func (s *stormy) anyMachine() (plan.Machine, bool) {
	live := s.world.Live()
	if len(live) == 0 {
		return plan.Machine{}, false
	}
	return live[s.random.IntN(len(live))], true
}

// change is what people do to rows.
func (s *stormy) change() {
	r := s.random
	name := fmt.Sprintf("'db-%d'", r.IntN(fleetSize))
	switch r.IntN(5) {
	case 0:
		s.sql(fmt.Sprintf("UPDATE deployments SET instance_type = 't3.%s' WHERE name = %s", []string{"small", "large", "xlarge"}[r.IntN(3)], name))
	case 1:
		s.sql("UPDATE deployments SET running = NOT running WHERE name = " + name)
	case 2:
		s.sql("UPDATE deployments SET volume_gb = volume_gb + 1 WHERE name = " + name)
	case 3:
		commit := s.sqlCommit("DELETE FROM deployments WHERE name = " + name)
		time.Sleep(time.Duration(r.IntN(10)) * time.Minute)
		s.revert(commit)
		s.loop.Wake()
	case 4:
		s.sql(fmt.Sprintf("UPDATE deployments SET instance_type = 't3.%s'", []string{"small", "large"}[r.IntN(2)]))
	}
}

func (s *stormy) sqlCommit(statement string) string {
	commit := s.bench.sql(statement)
	s.loop.Wake()
	return commit
}

// wantEnd says that the fleet converges to one machine and one volume each.
func (s *stormy) wantEnd() {
	s.sql("UPDATE deployments SET running = true")
	s.recovered(30 * time.Minute)
	state := s.converged()
	s.wantOneMachineEach(state)
	if n := len(s.world.Live()); n != fleetSize {
		s.Errorf("%d machines for %d deployments", n, fleetSize)
	}
	for _, v := range s.world.Volumes() {
		if owner := s.witness.owner(v.ID); owner == "" && v.AttachedTo != "" {
			s.Errorf("volume %s is attached to %s and is no database's", v.ID, v.AttachedTo)
		}
	}
}
