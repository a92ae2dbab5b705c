package reconciler_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/reconciler/ec2/ec2sim"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/sim"
	"github.com/mainstaydb/mainstay/specs"
)

// A simulation is a fleet, its world and its control planes in memory and in virtual
// time, so that what takes hours is tried by the thousand. Everything that decides and
// acts is the real thing, EC2's adapter too; only the hub is a simple one. Its seed fixes
// how long everything takes, and with it all that happens.
type simulation struct {
	*testing.T
	hub       *sim.Hub
	world     *sim.World
	api       *ec2sim.API
	names     *sim.Names
	authority *sim.Authority
	delays    *sim.Delays
	witness   *witness
	planes    []*simPlane
	began     time.Time

	mu     sync.Mutex
	until  map[string]time.Time         // when what a deleted deployment leaves may go, by its id
	last   map[string]*specs.Deployment // its row, to be taken back
	marks  []string                     // everything that was done, when it is traced
	traced bool
}

// simulate lives a story through.
func simulate(t *testing.T, seed uint64, story func(*simulation)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &simulation{T: t, hub: sim.NewHub(), world: sim.New("the only world"), names: sim.NewNames(domain), authority: sim.NewAuthority(),
			delays: sim.NewDelays(seed), witness: newWitness(), began: time.Now(),
			until: map[string]time.Time{}, last: map[string]*specs.Deployment{}}
		s.witness.kept = s.keeps
		s.world.SetLatency(boot)
		s.api = ec2sim.New(s.world, ec2.Buckets())
		s.api.Slow(func(who ec2sim.Caller, c ec2sim.Call) time.Duration {
			return s.delays.Of(who.Name+" "+c.Action+" "+c.About, toEC2)
		})
		machine, volume := s.world.Strange()
		s.witness.strange = machine
		s.world.Watch(s.witness.look)
		s.change("begin", func(d *specs.Snapshot) {
			for _, v := range []string{"2.0.5", "2.2.0"} {
				d.Versions[v] = specs.Version{Version: v}
			}
		})
		defer s.end()
		story(s)
		s.witness.check(t)
		s.untouched(machine, volume)
	})
}

// untouched says that what is somebody else's is as it was.
func (s *simulation) untouched(machine, volume string) {
	s.Helper()
	runs := slices.ContainsFunc(s.world.Live(), func(m plan.Machine) bool { return m.ID == machine && m.State == plan.MachineRunning })
	there := slices.ContainsFunc(s.world.Volumes(), func(v plan.Volume) bool { return v.ID == volume && v.GB == 10 && v.AttachedTo == machine })
	if !runs || !there || len(s.api.Tags(machine)) > 0 || len(s.api.Tags(volume)) > 0 {
		s.Error("somebody else's machine or volume was touched")
	}
}

// keeps says whether a deployment's volume has to be there: while it has a row, and
// after that for as long as the row said, by the clock that is furthest ahead.
func (s *simulation) keeps(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, deleted := s.until[id]
	return !deleted || time.Now().Before(until.Add(-clocksApart))
}

// trace takes down what is done, and when.
func (s *simulation) trace(who, what string) {
	if !s.traced {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.marks = append(s.marks, fmt.Sprintf("%s %s %s", time.Since(s.began), who, what))
}

func (s *simulation) end() {
	for _, p := range s.planes {
		p.stop()
	}
}

// change commits to main, and says so. It returns the commit.
func (s *simulation) change(message string, change func(*specs.Snapshot)) string {
	commit := s.hub.Change("ann@example.com", message, change)
	for _, p := range s.planes {
		p.wake()
	}
	s.settle()
	return commit
}

// settle lets everybody take in what was just done. Two changes at one instant would be
// seen together or not, as it happens.
func (s *simulation) settle() { synctest.Wait() }

// put adds a deployment, takes its deletion back or changes it.
func (s *simulation) put(n int, change func(*specs.Deployment)) {
	id := rowID(n)
	s.mu.Lock()
	delete(s.until, id)
	s.mu.Unlock()
	s.change(fmt.Sprint("change ", n), func(d *specs.Snapshot) {
		row := newRow(n)
		if old := d.Deployments[id]; old != nil {
			row = old.Clone()
		} else if old := s.last[id]; old != nil {
			row = old.Clone()
		}
		if change != nil {
			change(row)
		}
		s.witness.want(id, row.Running)
		s.witness.comesBack(id)
		d.PutDeployment(row)
	})
}

// newRow is the n-th deployment as it is added.
func newRow(n int) *specs.Deployment {
	return &specs.Deployment{ID: rowID(n), Name: fmt.Sprint("db-", n), Zone: "eu-west-1" + string("ab"[n%2]), InstanceType: "t3.small", VolumeType: "gp3", VolumeGB: 10,
		DoltVersion: "2.2.0", Certificate: []string{"fleet", "fleet", "acme"}[n%3], Running: true, RetentionDays: 1}
}

func rowID(n int) string { return fmt.Sprintf("00000000-0000-0000-0000-%012d", n) }

func (s *simulation) remove(n int) {
	id := rowID(n)
	s.witness.want(id, false)
	s.change(fmt.Sprint("delete ", n), func(d *specs.Snapshot) { s.removeRow(d, id) })
}

func (s *simulation) removeRow(d *specs.Snapshot, id string) {
	old := d.Deployments[id]
	if old == nil {
		return
	}
	s.mu.Lock()
	s.last[id] = old
	s.until[id] = time.Now().Add(time.Duration(old.RetentionDays) * 24 * time.Hour)
	s.mu.Unlock()
	gone := specs.NewSnapshot()
	gone.PutDeployment(old.Clone())
	for _, c := range specs.Diff(specs.NewSnapshot(), gone) {
		d.Apply([]specs.RowChange{{Table: c.Table, Key: c.Key, From: c.To}})
	}
}

// removeMany deletes all rows in one commit, of which at most so many may be destroyed
// without an approval.
func (s *simulation) removeMany(limit int) (rows int) {
	ids := slices.Sorted(maps.Keys(s.hub.Desired().Deployments))
	s.witness.goTogether(ids, limit, func() string {
		return s.change("delete many", func(d *specs.Snapshot) {
			d.Limits.MaxDestroyed = limit
			for _, id := range ids {
				s.removeRow(d, id)
			}
		})
	})
	return len(ids)
}

// approve has people agree to what removeMany did last, and says whether there is such.
func (s *simulation) approve() bool {
	commit := s.witness.agree()
	if commit == "" {
		return false
	}
	s.change("approve", func(d *specs.Snapshot) {
		d.Approvals[commit] = specs.Approval{CommitHash: commit, ApprovedBy: "ann@example.com", Reason: "it is meant"}
	})
	return true
}

func (s *simulation) state() *ledger.State {
	s.Helper()
	state, err := s.hub.State()
	if err != nil {
		s.Fatal(err)
	}
	return state
}

// within is the bound on how long a fleet that nothing disturbs takes to converge:
// a machine's start, the longest pause after failures, and a claim of a control plane
// that died.
const within = 30 * time.Minute

// converged waits until the fleet is as main wants it, and looks whether it is.
func (s *simulation) converged() {
	s.Helper()
	s.convergedUnless(func(string) bool { return false })
}

// convergedUnless is content when all that waits has a reason that is meant to last.
func (s *simulation) convergedUnless(lasts func(reason string) bool) {
	s.Helper()
	var state *ledger.State
	for start := time.Now(); ; time.Sleep(5 * time.Second) {
		heads, _ := s.hub.Fetch(s.Context())
		if state = s.state(); state.Converged(heads.Main) {
			break
		}
		if time.Since(start) > within {
			if onlyWaits(state, lasts) {
				return
			}
			s.witness.check(s.T)
			s.Fatalf("not converged within %s:%s", within, reasons(state))
		}
	}
	s.sound(state)
}

// onlyWaits says whether nothing but waits of a kind keep a fleet from having converged.
func onlyWaits(state *ledger.State, lasts func(string) bool) bool {
	waits := 0
	for _, c := range state.Conditions {
		if c.Deployment == "" || !c.Status || c.Type != "Waiting" && c.Type != "Held" {
			continue
		}
		if waits++; !lasts(c.Message) {
			return false
		}
	}
	return waits > 0 && len(state.Claims) == 0 && len(state.Gaps) == 0
}

// eventually waits for something of the world.
func (s *simulation) eventually(what string, met func() bool) {
	s.Helper()
	for start := time.Now(); !met(); time.Sleep(time.Second) {
		if time.Since(start) > within {
			s.Fatalf("not within %s: %s; %d volumes:%s", within, what, len(s.volumes()), reasons(s.state()))
		}
	}
}

// sound says that status does not claim what is not so.
func (s *simulation) sound(state *ledger.State) {
	s.Helper()
	want := 0
	for id, d := range s.hub.Desired().Deployments {
		order, serving := s.world.Serving(id)
		if d.Running {
			want++
		}
		switch {
		case d.Running && !serving:
			s.Errorf("status says converged, and %s does not serve:%s", d.Name, reasons(state))
		case d.Running && order.DoltVersion != d.DoltVersion:
			s.Errorf("status says converged, and %s serves Dolt %s instead of %s", d.Name, order.DoltVersion, d.DoltVersion)
		case !d.Running && serving:
			s.Errorf("status says converged, and %s serves though it should not run", d.Name)
		}
	}
	if live := s.live(); len(live) != want {
		s.Errorf("%d machines live, want %d: %+v", len(live), want, live)
	}
}

// believed is how long status may say that all is well after something went wrong that
// can be seen: a listing lags by up to a minute, is made each quarter of one, may time
// out, and then an agent is waited for.
const believed = 3 * time.Minute

// distrust watches for a status that goes on to say that the fleet has converged while
// it has not.
func (s *simulation) distrust() {
	const looks = 6
	for wrongly := 0; ; {
		select {
		case <-s.Context().Done():
			return
		case <-time.After(believed / looks):
		}
		wrong := s.wrong()
		if wrong == "" || !s.attended() || !s.claimsConverged() {
			wrongly = 0
			continue
		}
		if wrongly++; wrongly > looks {
			s.witness.accuse("status says converged, and for %s %s", believed, wrong)
		}
	}
}

// live are the fleet's machines.
func (s *simulation) live() []plan.Machine {
	return slices.DeleteFunc(s.world.Live(), func(m plan.Machine) bool { return m.ID == s.witness.strange })
}

// volumes are the fleet's.
func (s *simulation) volumes() []plan.Volume {
	return slices.DeleteFunc(s.world.Volumes(), func(v plan.Volume) bool { return v.AttachedTo == s.witness.strange })
}

func (s *simulation) claimsConverged() bool {
	state, err := s.hub.State()
	heads, _ := s.hub.Fetch(s.Context())
	return err == nil && state.Converged(heads.Main)
}

// attended says whether a control plane sees everything and can say so. Status is what
// one has said, and nobody says that there is none.
func (s *simulation) attended() bool {
	return slices.ContainsFunc(s.planes, (*simPlane).isWell)
}

// wrong is a deployment that is not as main wants it; empty: all are.
func (s *simulation) wrong() string {
	desired := s.hub.Desired().Deployments
	for _, id := range slices.Sorted(maps.Keys(desired)) {
		d := desired[id]
		order, serving := s.world.Serving(id)
		switch {
		case d.Running != serving:
			return fmt.Sprintf("%s is wanted (%v) and serves (%v)", d.Name, d.Running, serving)
		case serving && order.DoltVersion != d.DoltVersion:
			return fmt.Sprintf("%s serves Dolt %s instead of %s", d.Name, order.DoltVersion, d.DoltVersion)
		}
	}
	return ""
}

func reasons(s *ledger.State) string {
	var b strings.Builder
	for _, d := range s.Deployments {
		fmt.Fprintf(&b, "\n  %s is %s", d.Name, d.Phase)
		for _, c := range s.ConditionsOf(d.ID) {
			if c.Status {
				fmt.Fprintf(&b, "; %s: %s", c.Type, c.Message)
			}
		}
	}
	for _, c := range s.FleetConditions() {
		fmt.Fprintf(&b, "\n  the fleet: %s: %s", c.Type, c.Message)
	}
	for kind, g := range s.Gaps {
		fmt.Fprintf(&b, "\n  %s: %s", kind, g.Reason)
	}
	for id, c := range s.Claims {
		fmt.Fprintf(&b, "\n  %s is claimed by %s until %s", id, c.Holder, c.Until)
	}
	return b.String()
}
