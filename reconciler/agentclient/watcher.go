package agentclient

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/mainstaydb/mainstay/agent/agentpb"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

const (
	// pollMin and pollMax bound how long an agent may hold back an answer in which
	// nothing is new. Every poll is a heartbeat: long enough that 50 idle machines
	// cost two or three calls a second, shorter than the 30 s that the agent
	// allows. Spread, so that they do not come together.
	pollMin = 15 * time.Second
	pollMax = 25 * time.Second
	// pollSlack is what an answer may take beyond that: then the machine is gone
	// without a word, as after a power cut.
	pollSlack = 5 * time.Second

	// retryFirst is short because a fresh machine's agent is there within some ten
	// milliseconds, and somebody waits for it.
	retryFirst = 5 * time.Millisecond
	// enrolledElsewhere is how soon it is noticed that another control plane enrolled
	// an agent. When this one does, it looks at once.
	enrolledElsewhere = time.Second
	// retryMax bounds how late a machine that comes back is noticed by its own
	// watcher; a new address or a kick is acted on at once.
	retryMax = 5 * time.Second
)

// A target is where an agent should be, and on which machine.
type target struct {
	address string
	state   plan.MachineState
	machine plan.Machine // as listed last
}

func targetOf(m plan.Machine) target { return target{m.AgentAddress, m.State, m} }

// same is true when there is nothing new to try.
func (t target) same(o target) bool { return t.address == o.address && t.state == o.state }

// A watcher keeps the report on one machine.
type watcher struct {
	client *Client
	id     string
	host   string
	cancel context.CancelFunc // nil: not started
	kicks  chan struct{}      // something changed: try again now

	mu      sync.Mutex
	target  target
	channel *channel // to the enrolled agent; nil: none
	breakup context.CancelFunc
	fresh   *channel // to an agent that waits to be enrolled; nil: none
}

func newWatcher(c *Client, m plan.Machine) *watcher {
	return &watcher{client: c, id: m.ID, host: m.Host, target: targetOf(m), kicks: make(chan struct{}, 1), breakup: func() {}}
}

// stop ends the watching, without waiting for it.
func (w *watcher) stop() {
	if w.cancel != nil {
		w.cancel()
	}
}

// setTarget takes note of a machine's new state or address.
func (w *watcher) setTarget(t target) {
	w.mu.Lock()
	same := w.target.same(t)
	moved := w.target.address != t.address
	w.target = t
	if moved {
		w.breakup() // whatever answers at the old address is not it
		w.drop()
	}
	w.mu.Unlock()
	if !same {
		w.kick()
	}
}

func (w *watcher) kick() {
	select {
	case w.kicks <- struct{}{}:
	default:
	}
}

func (w *watcher) current() target {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.target
}

// run watches until ctx ends.
func (w *watcher) run(ctx context.Context) {
	defer func() {
		if ch := w.takeFresh(); ch != nil {
			ch.Close()
		}
	}()
	retry := newRetry()
	said := ""
	for ctx.Err() == nil {
		err := w.session(ctx, retry)
		if ctx.Err() != nil {
			return
		}
		if text := sentence(err); text != said {
			w.client.log.Debug("no session with an agent", "machine", w.id, "err", text)
			said = text
		}
		w.client.report(w, absence(err))
		w.sleep(ctx, err, retry)
	}
}

func newRetry() *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(retryFirst), backoff.WithMaxInterval(retryMax),
		backoff.WithMaxElapsedTime(0), // a machine is given up by the plan, never here
	)
}

// sleep waits for the next try, or until there is a reason to try now. Where
// there is nobody to ask, trying again needs such a reason.
func (w *watcher) sleep(ctx context.Context, err error, retry *backoff.ExponentialBackOff) {
	var again <-chan time.Time
	if !errors.Is(err, errNoAddress) && !errors.Is(err, errNotRunning) {
		pause := retry.NextBackOff()
		if errors.Is(err, errNotEnrolled) {
			pause = max(pause, enrolledElsewhere)
		}
		timer := time.NewTimer(pause)
		defer timer.Stop()
		again = timer.C
	}
	select {
	case <-ctx.Done():
	case <-w.kicks:
		retry.Reset()
	case <-again:
	}
}

// absence is the report when there is no session.
func absence(err error) plan.Agent {
	if errors.Is(err, errNotEnrolled) {
		return plan.Agent{Reachable: true}
	}
	return plan.Agent{Error: sentence(err), Enrolled: errors.Is(err, errExpired)}
}

var (
	errNoAddress  = errors.New("the agent has not said yet where it listens")
	errNotRunning = errors.New("the machine does not run")
)

// session connects to the agent and follows its reports until that fails.
func (w *watcher) session(ctx context.Context, retry *backoff.ExponentialBackOff) error {
	t := w.current()
	switch {
	case t.address == "" && t.state == plan.MachineRunning:
		return errNoAddress
	case t.address == "":
		return errNotRunning
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ch, verdict, err := w.client.dialToHeal(ctx, w.id, t.address)
	switch {
	case err != nil:
		return err
	case verdict == errExpired:
		return w.revive(ctx, ch)
	case verdict == errNotEnrolled:
		w.leave(ch, t.address)
		return verdict
	}
	defer ch.Close()
	if !w.open(ch, t.address, cancel) {
		return errLost // moved meanwhile: try again
	}
	defer w.close()
	return w.follow(ctx, ch, retry)
}

func (w *watcher) open(ch *channel, address string, breakup context.CancelFunc) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.target.address != address {
		return false
	}
	w.drop() // another control plane enrolled it; the agent would wait for a word on it when it ends
	w.channel, w.breakup = ch, breakup
	return true
}

// leave keeps a channel to an agent that waits to be enrolled for whoever enrols
// it: a handshake is most of what an enrolment costs.
func (w *watcher) leave(ch *channel, address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop()
	if w.target.address == address {
		w.fresh = ch
		return
	}
	ch.Close()
}

// takeFresh gives away what was left, if anything was.
func (w *watcher) takeFresh() *channel {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch := w.fresh
	w.fresh = nil
	return ch
}

// drop closes what was left. The caller has the lock.
func (w *watcher) drop() {
	if w.fresh != nil {
		w.fresh.Close()
		w.fresh = nil
	}
}

func (w *watcher) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.channel, w.breakup = nil, func() {}
}

// follow polls for news.
func (w *watcher) follow(ctx context.Context, ch *channel, retry *backoff.ExponentialBackOff) error {
	agent := agentpb.NewAgentClient(ch)
	var revision int64
	wait := time.Duration(0) // the first answer is wanted now
	for {
		status, err := poll(ctx, agent, revision, wait)
		if err != nil {
			return err
		}
		retry.Reset()
		w.client.report(w, reportOf(status))
		w.renew(ctx, ch, status)
		revision, wait = status.GetRevision(), pollMin+rand.N(pollMax-pollMin)
	}
}

func poll(ctx context.Context, agent agentpb.AgentClient, revision int64, wait time.Duration) (*agentpb.StatusResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+pollSlack)
	defer cancel()
	return agent.Status(ctx, &agentpb.StatusRequest{AfterRevision: revision, WaitMs: int32(wait.Milliseconds())})
}
