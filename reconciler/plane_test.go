package reconciler_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/ec2"
	"github.com/mainstaydb/mainstay/reconciler/ec2/ec2sim"
	"github.com/mainstaydb/mainstay/reconciler/sim"
)

// A simPlane is a control plane that is started again whenever it is killed. Its ways to
// the hub and the agents outlive its processes.
type simPlane struct {
	s      *simulation
	holder string
	clock  time.Duration // how far its clock is ahead
	deaths []int         // at which moments it is killed, one life after the other
	pauses []int         // likewise for standing still for a while
	agents *sim.Agents
	certs  *sim.Account

	mu      sync.Mutex
	gate    *gate
	loop    *reconciler.Reconciler
	over    bool
	hubGone bool
	hubSlow time.Duration // on top of what it takes
	ended   chan struct{}
}

// plane starts a control plane that is killed at moments, one in each life.
func (s *simulation) plane(holder string, deaths ...int) *simPlane {
	return s.run(&simPlane{holder: holder, deaths: deaths})
}

func (s *simulation) run(p *simPlane) *simPlane {
	p.s, p.ended = s, make(chan struct{})
	p.agents, p.certs = s.world.Agents(), s.authority.Account()
	s.planes = append(s.planes, p)
	ctx, g := p.begin()
	go p.live(ctx, g)
	s.settle()
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
	ctx, cancel := context.WithCancel(ec2sim.As(p.s.Context(), ec2sim.Caller{Name: p.holder, Clock: p.clock}))
	g := &gate{plane: p, at: -1, pauseAt: -1, cancel: cancel}
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
		Store: gatedStore{p.s.witness.store(p.s.hub), g}, Cloud: gatedCloud{cloud, g}, Agents: gatedAgents{p.agents, g},
		Names: gatedNames{p.s.names, g}, Certificates: gatedCertificates{p.certs, g}, Authority: "the only authority",
		Check: ci.Check, Missing: missing, Holder: p.holder,
		Poll: 15 * time.Second, Look: 15 * time.Second, LookLeast: 4 * time.Second, // rarer than in cmd/mainstay/aws, as most looks find nothing
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
func (p *simPlane) kill() { g, _ := p.now(); g.die() }

// killAt ends the present life at one of its moments to come.
func (p *simPlane) killAt(moment int) {
	g, _ := p.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at = moment
}

// pause has the process stand still, as a machine does that is suspended: what it was
// about to do it does when it wakes. One that stands still is not woken by it.
func (p *simPlane) pause(d time.Duration) {
	g, _ := p.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := time.Now().Add(d); until.After(g.paused) {
		g.paused = until
	}
}

// moments is how many there were in the present life.
func (p *simPlane) moments() int {
	g, _ := p.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.n
}

// loseHub has the hub be out of this control plane's reach, or slow.
func (p *simPlane) loseHub(gone bool, slow time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hubGone, p.hubSlow = gone, slow
}

var errNoHub = errors.New("no way to the hub")

// reachHub is a call's way to the hub.
func (p *simPlane) reachHub(ctx context.Context) error {
	p.mu.Lock()
	gone, slow := p.hubGone, p.hubSlow
	p.mu.Unlock()
	if gone {
		return errNoHub
	}
	return reconciler.Pause(ctx, slow)
}

// isWell says whether it runs and nothing is out of its reach.
func (p *simPlane) isWell() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	return !p.hubGone && p.hubSlow == 0 && len(p.agents.Cuts()) == 0 && !p.gate.dead && !time.Now().Before(p.gate.paused)
}

func (p *simPlane) stop() {
	p.mu.Lock()
	p.over = true
	g := p.gate
	p.mu.Unlock()
	g.wake()
	g.cancel()
	<-p.ended
}

// errKilled is what a process sees of calls after its end: nothing. It is not there to
// act on it.
var errKilled = errors.New("the process was killed")

// A gate is between a process and everything it does. Each moment before or after
// something that changes anything is one at which the process may end.
type gate struct {
	plane  *simPlane
	cancel func()

	mu      sync.Mutex
	n, at   int
	pauseAt int
	dead    bool
	paused  time.Time // until when
}

// standstill is longer than a claim holds and than any request may take: others have
// done what this process was about to do.
const standstill = 7 * time.Minute

// moment is passed while the process lives. It says whether the process stood still
// there.
func (g *gate) moment(ctx context.Context, w sim.Way, where string) (late bool, err error) {
	if err := g.travel(ctx, w, where); err != nil {
		return false, err
	}
	g.mu.Lock()
	if g.n == g.pauseAt {
		g.paused = time.Now().Add(standstill)
		g.pauseAt = -1
	}
	g.mu.Unlock()
	late = g.rest(where)
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.dead && g.n == g.at {
		g.dead = true
		g.cancel()
	}
	g.n++
	if g.dead {
		return late, errKilled
	}
	g.plane.s.trace(g.plane.holder, where)
	return late, nil
}

// travel takes the time of a way. A process that ends on it is not there to be told.
func (g *gate) travel(ctx context.Context, w sim.Way, where string) error {
	if g.isDead() {
		return errKilled
	}
	err := reconciler.Pause(ctx, g.plane.s.delays.Of(g.plane.holder+" "+where, w))
	if g.isDead() {
		return errKilled
	}
	return err
}

// rest stands still while the process does, and says whether it did. What was about to
// be done goes on one thing after the other.
func (g *gate) rest(where string) bool {
	g.mu.Lock()
	d := time.Until(g.paused)
	g.mu.Unlock()
	if d <= 0 {
		return false
	}
	time.Sleep(d + g.plane.s.delays.Of(g.plane.holder+" wakes "+where, sim.Way{Least: time.Microsecond, Most: time.Millisecond}))
	return true
}

func (g *gate) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.paused = time.Time{}
}

func (g *gate) die() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.dead {
		g.dead = true
		g.cancel()
	}
}

func (g *gate) isDead() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.dead
}

// look is a call that changes nothing.
func (g *gate) look(ctx context.Context, w sim.Way, what string) error {
	if err := g.travel(ctx, w, what); err != nil {
		return err
	}
	g.rest(what)
	if g.isDead() {
		return errKilled
	}
	g.plane.s.trace(g.plane.holder, what)
	return nil
}
