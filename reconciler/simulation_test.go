package reconciler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/reconciler/ec2/ec2sim"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/sim"
	"github.com/mainstaydb/mainstay/specs"
)

// A simulation is a fleet, its world and its control planes in memory and in virtual
// time, so that what takes hours is tried by the thousand. Everything that decides and
// acts is the real thing, EC2's adapter too; only the hub is a simple one.
type simulation struct {
	*testing.T
	hub     *sim.Hub
	world   *sim.World
	api     *ec2sim.API
	names   *sim.Names
	witness *witness
	planes  []*simPlane

	mu    sync.Mutex
	until map[string]time.Time         // when what a deleted deployment leaves may go, by its id
	last  map[string]*specs.Deployment // its row, to be taken back
}

// simulate lives a story through.
func simulate(t *testing.T, story func(*simulation)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &simulation{T: t, hub: sim.NewHub(), world: sim.New("the only world"), names: sim.NewNames(domain), witness: newWitness(),
			until: map[string]time.Time{}, last: map[string]*specs.Deployment{}}
		s.witness.kept = s.kept
		s.world.SetLatency(boot)
		s.api = ec2sim.New(s.world, ec2.Buckets())
		s.world.Watch(s.witness.look)
		s.change("begin", func(d *specs.Snapshot) {
			for _, v := range []string{"2.0.5", "2.2.0"} {
				d.Versions[v] = specs.Version{Version: v}
			}
		})
		defer s.end()
		story(s)
		s.witness.check(t)
	})
}

// kept says whether a deployment's volume has to be there: while it has a row, and
// after that for as long as the row said.
func (s *simulation) kept(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, deleted := s.until[id]
	return !deleted || time.Now().Before(until)
}

func (s *simulation) end() {
	for _, p := range s.planes {
		p.stop()
	}
}

// change commits to main, and says so.
func (s *simulation) change(message string, change func(*specs.Snapshot)) {
	s.hub.Change("ann@example.com", message, change)
	for _, p := range s.planes {
		p.wake()
	}
}

// put adds a deployment, takes its deletion back or changes it.
func (s *simulation) put(n int, change func(*specs.Deployment)) {
	id := fmt.Sprintf("00000000-0000-0000-0000-%012d", n)
	s.mu.Lock()
	delete(s.until, id)
	s.mu.Unlock()
	s.change(fmt.Sprint("change ", n), func(d *specs.Snapshot) {
		row := &specs.Deployment{ID: id, Name: fmt.Sprint("db-", n), Zone: "eu-west-1" + string("ab"[n%2]), InstanceType: "t3.small", VolumeType: "gp3", VolumeGB: 10,
			DoltVersion: "2.2.0", Certificate: "fleet", Running: true, RetentionDays: 1}
		if old := d.Deployments[id]; old != nil {
			row = old.Clone()
		} else if old := s.last[id]; old != nil {
			row = old.Clone()
		}
		if change != nil {
			change(row)
		}
		d.PutDeployment(row)
	})
}

func (s *simulation) remove(n int) {
	id := fmt.Sprintf("00000000-0000-0000-0000-%012d", n)
	s.change(fmt.Sprint("delete ", n), func(d *specs.Snapshot) {
		if old := d.Deployments[id]; old != nil {
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
	})
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
	for start := time.Now(); ; time.Sleep(time.Second) {
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
			s.Fatalf("not within %s: %s; %d volumes:%s", within, what, len(s.world.Volumes()), reasons(s.state()))
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
	if live := s.world.Live(); len(live) != want {
		s.Errorf("%d machines live, want %d: %+v", len(live), want, live)
	}
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

// A simPlane is a control plane that is started again whenever it is killed.
type simPlane struct {
	s      *simulation
	holder string
	deaths []int // at which moments it is killed, one life after the other
	pauses []int // likewise for standing still for a while

	mu    sync.Mutex
	gate  *gate
	loop  *reconciler.Reconciler
	over  bool
	ended chan struct{}
}

// plane starts a control plane that is killed at moments, one in each life.
func (s *simulation) plane(holder string, deaths ...int) *simPlane {
	return s.run(&simPlane{s: s, holder: holder, deaths: deaths})
}

func (s *simulation) run(p *simPlane) *simPlane {
	p.ended = make(chan struct{})
	s.planes = append(s.planes, p)
	ctx, g := p.begin()
	go p.live(ctx, g)
	return p
}

// live is one life after the other.
func (p *simPlane) live(ctx context.Context, g *gate) {
	defer close(p.ended)
	for {
		if err := p.loop.Run(ctx); err != nil {
			p.s.Errorf("control plane %s ended by itself: %v", p.holder, err)
		}
		p.mu.Lock()
		over := p.over
		p.mu.Unlock()
		if over || !g.isDead() {
			return
		}
		ctx, g = p.begin()
	}
}

// begin makes the process of a life, which remembers nothing of the one before.
func (p *simPlane) begin() (context.Context, *gate) {
	ctx, cancel := context.WithCancel(p.s.Context())
	g := &gate{at: -1, pauseAt: -1, cancel: cancel}
	if len(p.deaths) > 0 {
		g.at, p.deaths = p.deaths[0], p.deaths[1:]
	}
	if len(p.pauses) > 0 {
		g.pauseAt, p.pauses = p.pauses[0], p.pauses[1:]
	}
	cloud, err := ec2.New(ec2.Options{Client: p.s.api, Accounts: p.s.api, Region: "eu-west-1", Fleet: "fleet", AMI: "ami-00000001",
		Subnets: map[string]string{"eu-west-1a": "eu-west-1a", "eu-west-1b": "eu-west-1b"}})
	if err != nil {
		p.s.Error(err)
	}
	loop := reconciler.New(reconciler.Config{
		Store: gatedStore{p.s.witness.store(p.s.hub), g}, Cloud: gatedCloud{cloud, g}, Agents: gatedAgents{p.s.world.Agents(), g},
		Names: gatedNames{p.s.names, g}, Check: ci.Check, Missing: missing, Holder: p.holder,
		Poll: 5 * time.Second, Look: 6 * time.Second, LookLeast: 4 * time.Second, // as in cmd/mainstay/aws
	})
	p.mu.Lock()
	p.gate, p.loop = g, loop
	p.mu.Unlock()
	return ctx, g
}

func (p *simPlane) now() (*gate, *reconciler.Reconciler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gate, p.loop
}

func (p *simPlane) wake() { _, loop := p.now(); loop.Wake() }

// kill ends a life now.
func (p *simPlane) kill() { g, _ := p.now(); g.die("killed") }

// killAt ends the present life at one of its moments to come.
func (p *simPlane) killAt(moment int) {
	g, _ := p.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at = moment
}

// pause has the process stand still, as a machine does that is suspended: what it was
// about to do it does when it wakes.
func (p *simPlane) pause(d time.Duration) { g, _ := p.now(); g.pauseUntil(time.Now().Add(d)) }

// moments is how many there were in the present life.
func (p *simPlane) moments() int {
	g, _ := p.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.n
}

func (p *simPlane) stop() {
	p.mu.Lock()
	p.over = true
	g := p.gate
	p.mu.Unlock()
	g.pauseUntil(time.Time{})
	g.cancel()
	<-p.ended
}

// errKilled is what a process sees of calls after its end: nothing. It is not there to
// act on it.
var errKilled = errors.New("the process was killed")

// A gate is between a process and everything it does. Each moment before or after
// something that changes anything is one at which the process may end.
type gate struct {
	cancel func()

	mu      sync.Mutex
	n, at   int
	pauseAt int
	dead    bool
	where   string
	paused  time.Time // until when
}

// standstill is longer than a claim holds and than any request may take: others have
// done what this process was about to do.
const standstill = 7 * time.Minute

// moment is passed while the process lives.
func (g *gate) moment(where string) error {
	g.mu.Lock()
	if g.n == g.pauseAt {
		g.paused = time.Now().Add(standstill)
		g.pauseAt = -1
	}
	g.mu.Unlock()
	g.rest()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.dead && g.n == g.at {
		g.dead, g.where = true, where
		g.cancel()
	}
	g.n++
	if g.dead {
		return errKilled
	}
	return nil
}

func (g *gate) rest() {
	g.mu.Lock()
	until := g.paused
	g.mu.Unlock()
	time.Sleep(time.Until(until))
}

func (g *gate) pauseUntil(t time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.paused = t
}

func (g *gate) die(where string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.dead {
		g.dead, g.where = true, where
		g.cancel()
	}
}

func (g *gate) isDead() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dead
}

// look is a call that changes nothing.
func (g *gate) look() error {
	g.rest()
	if g.isDead() {
		return errKilled
	}
	return nil
}

// through carries out an effect with a moment before and one after it. A process that
// was paused does what it was about to do, however late it is.
func through[T any](ctx context.Context, g *gate, what string, effect func(context.Context) (T, error)) (T, error) {
	var none T
	came := time.Now()
	if err := g.moment("before " + what); err != nil {
		return none, err
	}
	if time.Since(came) > 0 {
		var cancel func()
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
	}
	value, err := effect(ctx)
	if dead := g.moment("after " + what); dead != nil {
		return none, dead
	}
	return value, err
}

func thrown(ctx context.Context, g *gate, what string, effect func(context.Context) error) error {
	_, err := through(ctx, g, what, func(ctx context.Context) (struct{}, error) { return struct{}{}, effect(ctx) })
	return err
}

type gatedStore struct {
	reconciler.Store
	gate *gate
}

func (s gatedStore) Fetch(ctx context.Context) (reconciler.Heads, error) {
	if err := s.gate.look(); err != nil {
		return reconciler.Heads{}, err
	}
	return s.Store.Fetch(ctx)
}

func (s gatedStore) Publish(ctx context.Context, base string, edits []ledger.Edit, message string) (string, error) {
	return through(ctx, s.gate, "publish", func(ctx context.Context) (string, error) { return s.Store.Publish(ctx, base, edits, message) })
}

type gatedCloud struct {
	*ec2.Cloud
	gate *gate
}

func (c gatedCloud) Observe(ctx context.Context) plan.Inventory {
	if err := c.gate.look(); err != nil {
		return plan.Inventory{Gaps: plan.Gaps{Machines: err.Error(), Volumes: err.Error()}}
	}
	return c.Cloud.Observe(ctx)
}

func (c gatedCloud) Launch(ctx context.Context, batch []plan.Action) ([]plan.Machine, error) {
	return through(ctx, c.gate, "launch", func(ctx context.Context) ([]plan.Machine, error) { return c.Cloud.Launch(ctx, batch) })
}

func (c gatedCloud) StartMachine(ctx context.Context, id string) error {
	return thrown(ctx, c.gate, "start", func(ctx context.Context) error { return c.Cloud.StartMachine(ctx, id) })
}

func (c gatedCloud) TerminateMachine(ctx context.Context, id string) error {
	return thrown(ctx, c.gate, "terminate", func(ctx context.Context) error { return c.Cloud.TerminateMachine(ctx, id) })
}

func (c gatedCloud) AttachVolume(ctx context.Context, volume, machine string) error {
	return thrown(ctx, c.gate, "attach", func(ctx context.Context) error { return c.Cloud.AttachVolume(ctx, volume, machine) })
}

func (c gatedCloud) DetachVolume(ctx context.Context, volume, machine string) error {
	return thrown(ctx, c.gate, "detach", func(ctx context.Context) error { return c.Cloud.DetachVolume(ctx, volume, machine) })
}

func (c gatedCloud) GrowVolume(ctx context.Context, volume string, gb int) error {
	return thrown(ctx, c.gate, "grow", func(ctx context.Context) error { return c.Cloud.GrowVolume(ctx, volume, gb) })
}

func (c gatedCloud) DeleteVolume(ctx context.Context, volume string) error {
	return thrown(ctx, c.gate, "delete", func(ctx context.Context) error { return c.Cloud.DeleteVolume(ctx, volume) })
}

type gatedAgents struct {
	reconciler.Agents
	gate *gate
}

func (a gatedAgents) Enrol(ctx context.Context, id string) error {
	return thrown(ctx, a.gate, "enrol", func(ctx context.Context) error { return a.Agents.Enrol(ctx, id) })
}

func (a gatedAgents) Deploy(ctx context.Context, id string, order plan.Order) error {
	return thrown(ctx, a.gate, "deploy", func(ctx context.Context) error { return a.Agents.Deploy(ctx, id, order) })
}

func (a gatedAgents) Stop(ctx context.Context, id string, generation int64) error {
	return thrown(ctx, a.gate, "stop", func(ctx context.Context) error { return a.Agents.Stop(ctx, id, generation) })
}

type gatedNames struct {
	*sim.Names
	gate *gate
}

func (n gatedNames) Apply(ctx context.Context, changes []plan.AddressChange) []error {
	errs, err := through(ctx, n.gate, "names", func(ctx context.Context) ([]error, error) { return n.Names.Apply(ctx, changes), nil })
	if err != nil {
		errs = make([]error, len(changes))
		for i := range errs {
			errs[i] = err
		}
	}
	return errs
}
