package reconciler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/specs"
)

// A Config says what the loop works with.
type Config struct {
	Store  Store
	Cloud  Cloud
	Agents Agents
	// Names keeps the fleet's domain; nil: machines and databases have addresses alone.
	Names Names
	// Certificates gets those of the public authority whose directory Authority is;
	// nil: there is none.
	Certificates Certificates
	Authority    string
	// Agent is the agent that machines should run; zero: whichever they have.
	Agent plan.AgentRelease
	Grace Grace
	// Check returns what is wrong with changes to the desired state base; an error
	// among it keeps the commit from being applied.
	Check func(base *specs.Snapshot, changes []specs.RowChange) []specs.Finding
	// Missing returns which approvals a commit's own changes lack. nil: none is ever
	// needed.
	Missing func(base *specs.Snapshot, changes []specs.RowChange, authors, approvals []string) []specs.Finding
	// Holder names this control plane in claims. It must be the same after a
	// restart and differ between any two that share a hub.
	Holder   string
	Log      *slog.Logger
	Registry *prometheus.Registry
	// Poll is how often the hub is asked for new commits; zero: DefaultPoll.
	Poll time.Duration
	// Look is how often the cloud is listed; zero: DefaultLook. LookLeast is the least
	// time between two listings; zero: as little as they take. Both grow with the fleet.
	Look      time.Duration
	LookLeast time.Duration
}

const (
	// DefaultPoll is a second: a fetch with nothing new costs about 10 ms over
	// http, so this is 1 % of a core, and a lost wake-up costs a second.
	DefaultPoll = time.Second
	// DefaultLook is a second: listing the local cloud costs a few milliseconds.
	DefaultLook = time.Second
	// claimFor is how long a claim holds: long enough for the slowest action that
	// does not renew it, short enough that a dead control plane's work is taken
	// over within a minute.
	claimFor = time.Minute
	// recordDelay gathers what happens within a moment into one commit. It is below
	// what a person notices in `status --watch`.
	recordDelay = 150 * time.Millisecond
)

// A Reconciler is one control plane's loop. Make it with New; Run it once.
type Reconciler struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	wake    chan struct{}
	effects *effects
	fleet   conditions
	health  health
	means   plan.Means

	// What follows belongs to the goroutine in Run.
	book      *ledger.Book
	state     *ledger.State // as published, with our own changes since
	status    string        // commit of the branch status that state is based on
	desired   desired
	world     world
	desk      desk
	polled    time.Time
	look      look
	identity  string    // of the cloud, as it told last; empty: it never did
	tracked   string    // commit whose wishes for certificates are known to the authority's adapter
	told      bool      // the means are on the ledger
	blind     bool      // it is on the ledger that this process does not see the cloud
	newborn   bool      // the ledger began with this process, and nothing was listed since
	labelled  time.Time // when labels were looked at last
	labelling atomic.Bool
	staged    time.Time // since when something waits to be recorded; zero: nothing does
}

// New makes a loop; nothing happens before Run.
func New(cfg Config) *Reconciler {
	if cfg.Poll == 0 {
		cfg.Poll = DefaultPoll
	}
	if cfg.Look == 0 {
		cfg.Look = DefaultLook
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Registry == nil {
		cfg.Registry = prometheus.NewRegistry()
	}
	r := &Reconciler{
		cfg: cfg, log: cfg.Log, metrics: newMetrics(cfg.Registry), wake: make(chan struct{}, 1),
		world: newWorld(), desk: newDesk(),
	}
	r.means = plan.Means{Authority: cfg.Authority, Agent: cfg.Agent}
	if cfg.Names != nil {
		r.means.Domain = cfg.Names.Domain()
	}
	r.look = look{found: make(chan sight, 1), pace: r.lookPace}
	r.effects = newEffects(cfg, r.metrics)
	return r
}

// Wake asks for a pass soon. It never blocks; many calls are one.
func (r *Reconciler) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// changer is what a Cloud may also do: tell when something changed, so that it
// need not be listed to find out.
type changer interface{ Changed() <-chan struct{} }

// Run loops until ctx ends, and then waits for the actions under way. It fails
// only when going on would be wrong: in another cloud than the fleet's.
func (r *Reconciler) Run(ctx context.Context) error {
	n := r.newsOf()
	defer r.effects.wait()
	r.health.began()
	for {
		start := time.Now()
		next, err := r.pass(ctx)
		if err != nil {
			return err
		}
		rest(ctx, time.Since(start))
		if !r.await(ctx, next, n) {
			return nil
		}
	}
}

// news are the channels that others own.
type news struct{ cloud, agents, certificates <-chan struct{} }

func (r *Reconciler) newsOf() news {
	n := news{agents: r.cfg.Agents.Changed()}
	if c, ok := r.cfg.Cloud.(changer); ok {
		n.cloud = c.Changed()
	}
	if r.cfg.Certificates != nil {
		n.certificates = r.cfg.Certificates.Changed()
	}
	return n
}

// await waits until something happened or is due, and takes in all that has happened,
// so that what comes together is one pass's work, in whatever order it came. It says
// whether there is to be another pass.
func (r *Reconciler) await(ctx context.Context, next time.Duration, n news) bool {
	timer := time.NewTimer(next)
	defer timer.Stop()
	r.hear(ctx, timer.C, n)
	_ = Pause(ctx, gatherFor)
	for ctx.Err() == nil && r.hasNews(n) {
		r.hear(ctx, timer.C, n)
	}
	return ctx.Err() == nil
}

// hear takes in one thing that happened, or waits for it.
func (r *Reconciler) hear(ctx context.Context, due <-chan time.Time, n news) {
	select {
	case <-ctx.Done():
	case <-due:
	case <-r.wake:
		r.polled = time.Time{}
	case <-r.effects.done:
		r.look.asked = true
	case s := <-r.look.found:
		r.look.arrived = &s
	case s := <-r.world.names.found:
		r.world.names.arrived = &s
	case <-n.certificates:
	case <-n.agents:
	case <-n.cloud:
		r.look.asked = true
	}
}

// gatherFor is long enough for what ends at one moment to be told, as the actions that
// wait for one request, and nothing beside what a pass takes.
const gatherFor = time.Microsecond

func (r *Reconciler) hasNews(n news) bool {
	return len(r.wake)+len(r.effects.done)+len(r.look.found)+len(r.world.names.found)+len(n.cloud)+len(n.agents)+len(n.certificates) > 0
}

// longestRest bounds what a pass that was slow for a reason of its own, such as a
// push, makes the next one wait: a new commit should not notice it.
const longestRest = 10 * time.Millisecond

// rest leaves the processor to others for half as long as a pass took: when a
// hundred agents report within a second, what they say is gathered into fewer
// passes, and one that is over at once delays nothing.
func rest(ctx context.Context, took time.Duration) {
	_ = Pause(ctx, min(took/2, longestRest)) // that it ends is seen right after
}

// pass looks, decides, claims and acts once. It returns how long nothing needs to
// be done unless something changes.
func (r *Reconciler) pass(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	defer func() { r.metrics.passed(time.Since(start)) }()
	if err := r.refresh(ctx, start); err != nil {
		if errors.Is(err, errWrongWorld) || ctx.Err() != nil {
			return 0, wrongWorld(err)
		}
		return r.hubFailed(err), nil
	}
	now := time.Now() // the hub may have taken its time: what is seen and decided is held against the present
	if r.world.restage {
		r.restage(now)
	}
	r.lookAround(ctx, now)
	r.lookNames(ctx, now)
	r.collect(r.effects.take(false))
	r.seeAgents(r.cfg.Agents.Reports())
	r.trackCertificates()
	r.seeCertificates()
	r.world.restage = false
	if !r.world.seen {
		return r.nextPass(), nil // nothing is decided before the world was looked at once
	}
	r.decide(now)
	outs := r.admitted(now)
	r.stage(outs, now)
	switch err := r.publish(ctx, outs, now); {
	case errors.Is(err, ErrLost):
		r.metrics.lost.Inc()
		r.log.Debug("another control plane pushed first; planning again")
		r.forgetStatus()
		return 0, nil
	case err != nil:
		r.forgetStatus()
		return r.hubFailed(err), nil
	}
	r.dispatch(ctx, outs)
	r.clearStrays(ctx, now)
	r.writeLabels(ctx, now)
	r.health.passed(now)
	r.noteConvergence()
	return r.nextPass(), nil
}

// hubRetry is how long the loop waits after the hub failed: the databases serve
// on without it, and a hub that restarts takes a fraction of a second.
const hubRetry = 250 * time.Millisecond

// identityRetry is longer: a cloud that does not say whose account it is wants a
// person to look at the credentials, and every question counts against its limits.
const identityRetry = 5 * time.Second

// identityTimeout is for one short question. The pass waits for its answer, and one
// that never comes must not keep it from all else.
const identityTimeout = 10 * time.Second

func (r *Reconciler) hubFailed(err error) time.Duration {
	if errors.Is(err, errNoWorld) {
		if r.health.failed(err) {
			r.log.Warn("it is not known whose cloud this is; nothing is done until it is", "err", err)
		}
		return identityRetry
	}
	r.metrics.hubErrors.Inc()
	if r.health.failed(err) {
		r.log.Warn("the hub cannot be used; what runs is left running and nothing is changed until it answers", "err", err)
	}
	return hubRetry
}

var (
	errWrongWorld = errors.New("wrong cloud")
	errNoWorld    = errors.New("unknown cloud")
)

func wrongWorld(err error) error {
	if errors.Is(err, errWrongWorld) {
		return err
	}
	return nil
}

// checkWorld compares the cloud with the one on the ledger, if there is one: in
// another one every machine would seem to be gone.
func (r *Reconciler) checkWorld(ctx context.Context, recorded string) (string, error) {
	asking, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	id, err := r.cfg.Cloud.Identity(asking)
	if err != nil && r.identity == "" {
		return "", fmt.Errorf("%w: asking the cloud who it is: %w", errNoWorld, err)
	}
	if err != nil {
		id = r.identity // it told before; what it refuses now is in the gaps
	}
	r.identity = id
	if recorded != "" && recorded != id {
		return "", fmt.Errorf("%w: this hub's fleet lives in %q and this control plane works in %q; "+
			"point it at the fleet's cloud, or give this cloud a hub of its own", errWrongWorld, recorded, id)
	}
	return id, nil
}

// nextPass is the time until something is due.
func (r *Reconciler) nextPass() time.Duration {
	now := time.Now()
	due := r.polled.Add(r.cfg.Poll)
	for _, t := range []time.Time{r.lookDue(), r.namesDue(), r.desk.nextDue(), r.recordDue()} {
		if !t.IsZero() && t.Before(due) {
			due = t
		}
	}
	return max(0, due.Sub(now))
}

func (r *Reconciler) recordDue() time.Time {
	if r.staged.IsZero() {
		return time.Time{}
	}
	return r.staged.Add(recordDelay)
}

// SetFleetCondition states or, with an empty reason, takes back a fact about the
// fleet as a whole, to be shown by status.
func (r *Reconciler) SetFleetCondition(typ, reason, message string) {
	if r.fleet.set(plan.Condition{Type: typ, Status: true, Reason: reason, Message: message}) {
		r.Wake()
	}
}

// conditions are facts about the fleet, set from any goroutine.
type conditions struct {
	mu     sync.Mutex
	byType map[string]plan.Condition
}

func (c *conditions) set(cond plan.Condition) (changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, had := c.byType[cond.Type]
	switch {
	case cond.Reason == "":
		delete(c.byType, cond.Type)
		return had
	case had && old == cond:
		return false
	case c.byType == nil:
		c.byType = map[string]plan.Condition{}
	}
	c.byType[cond.Type] = cond
	return true
}

func (c *conditions) list() []plan.Condition {
	c.mu.Lock()
	defer c.mu.Unlock()
	cs := make([]plan.Condition, 0, len(c.byType))
	for _, cond := range c.byType {
		cs = append(cs, cond)
	}
	return cs
}
