package reconciler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// maxEffects is how many deployments are worked on at one time. Actions wait for
// somebody else's answer; four times as many were no faster with fifty local
// machines on two cores.
const maxEffects = 16

// timeouts bound each kind of action. A timeout is no failure of the action: its
// result is not known, and the next look tells.
var timeouts = map[plan.Kind]time.Duration{
	plan.LaunchMachine:    time.Minute,      // EC2 answers RunInstances within seconds, under load within half a minute
	plan.StartMachine:     30 * time.Second, // as above; only the request, not the start
	plan.TerminateMachine: 90 * time.Second, // the local cloud lets the database close its files, which a big one takes its time for
	plan.AttachVolume:     30 * time.Second,
	plan.DetachVolume:     30 * time.Second,
	plan.GrowVolume:       30 * time.Second,
	plan.DeleteVolume:     time.Minute, // the local cloud removes files
	plan.EnrolAgent:       10 * time.Second,
	plan.DeployDatabase:   10 * time.Second, // an order is stored and answered; carrying it out is not waited for
	plan.StopDatabase:     10 * time.Second, // likewise
}

// effects carries out actions, one deployment beside the other.
type effects struct {
	cloud   Cloud
	agents  Agents
	metrics *metrics
	log     *slog.Logger
	wake    func()
	slots   chan struct{}
	running sync.WaitGroup
	done    chan struct{}

	mu      sync.Mutex
	results []result
}

// A result is how the actions of one deployment ended.
type result struct {
	deployment string
	task       uint64
	err        error
	failed     plan.Action   // at which it ended, when err is set
	launched   *plan.Machine // a launch that was settled with a machine
	void       *plan.SlotID  // a launch that was settled without one
}

func newEffects(cloud Cloud, agents Agents, m *metrics, log *slog.Logger, wake func()) *effects {
	return &effects{cloud: cloud, agents: agents, metrics: m, log: log, wake: wake,
		slots: make(chan struct{}, maxEffects), done: make(chan struct{}, 1)}
}

func (e *effects) wait() { e.running.Wait() }

// A batch is one launch request that several deployments share.
type batch struct {
	once     sync.Once
	actions  []plan.Action
	machines []plan.Machine
	err      error
}

// A job is a deployment's actions with the number of their task.
type job struct {
	plan.Outcome
	task uint64
}

// start carries out each deployment's actions in order, launches of one token in
// one request.
func (e *effects) start(ctx context.Context, jobs []job) {
	batches := map[string]*batch{}
	for _, out := range jobs {
		for _, a := range out.Actions {
			if a.Kind == plan.LaunchMachine {
				if batches[a.Token] == nil {
					batches[a.Token] = &batch{}
				}
				batches[a.Token].actions = append(batches[a.Token].actions, a)
			}
		}
	}
	for _, out := range jobs {
		e.running.Go(func() {
			e.slots <- struct{}{}
			defer func() { <-e.slots }()
			e.finish(e.work(ctx, out, batches))
		})
	}
}

func (e *effects) finish(res result) {
	e.mu.Lock()
	e.results = append(e.results, res)
	e.mu.Unlock()
	select {
	case e.done <- struct{}{}:
	default:
	}
}

func (e *effects) take() []result {
	e.mu.Lock()
	defer e.mu.Unlock()
	res := e.results
	e.results = nil
	return res
}

func (e *effects) work(ctx context.Context, out job, batches map[string]*batch) result {
	res := result{deployment: out.Status.ID, task: out.task}
	for _, a := range out.Actions {
		start := time.Now()
		err := e.act(ctx, a, batches, &res)
		e.metrics.acted(a.Kind, outcomeOf(err), time.Since(start))
		log := e.log.With("deployment", a.Deployment, "name", a.Name, "action", string(a.Kind), "machine", a.MachineID, "volume", a.VolumeID)
		if err != nil {
			res.err, res.failed = err, a
			if ctx.Err() == nil {
				log.Warn("action failed", "summary", a.Summary, "err", err)
			}
			return res
		}
		log.Info("action done", "summary", a.Summary, "generation", a.Slot.Generation)
	}
	return res
}

func (e *effects) act(ctx context.Context, a plan.Action, batches map[string]*batch, res *result) error {
	ctx, cancel := context.WithTimeout(ctx, timeouts[a.Kind])
	defer cancel()
	switch a.Kind {
	case plan.LaunchMachine:
		return e.launch(ctx, a, batches[a.Token], res)
	case plan.StartMachine:
		return e.cloud.StartMachine(ctx, a.MachineID)
	case plan.TerminateMachine:
		return e.cloud.TerminateMachine(ctx, a.MachineID)
	case plan.AttachVolume:
		return e.cloud.AttachVolume(ctx, a.VolumeID, a.MachineID)
	case plan.DetachVolume:
		return e.cloud.DetachVolume(ctx, a.VolumeID)
	case plan.GrowVolume:
		return e.cloud.GrowVolume(ctx, a.VolumeID, a.VolumeGB)
	case plan.DeleteVolume:
		return e.cloud.DeleteVolume(ctx, a.VolumeID)
	case plan.EnrolAgent:
		return e.agents.Enrol(ctx, a.MachineID)
	case plan.DeployDatabase:
		return e.agents.Deploy(ctx, a.MachineID, *a.Order)
	case plan.StopDatabase:
		return e.agents.Stop(ctx, a.MachineID, a.Generation)
	}
	return fmt.Errorf("there is no action %q", a.Kind)
}

// launch sends the batch's request once and takes this action's machine from the
// answer.
func (e *effects) launch(ctx context.Context, a plan.Action, b *batch, res *result) error {
	b.once.Do(func() {
		b.machines, b.err = e.cloud.Launch(ctx, b.actions)
		e.metrics.called(string(plan.LaunchMachine), outcomeOf(b.err))
	})
	if b.err != nil {
		return b.err
	}
	for _, m := range b.machines {
		if m.Index == a.Index && m.Token == a.Token {
			res.launched = &m
			return nil
		}
	}
	res.void = &a.Slot
	return nil
}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, ErrConflict):
		return "conflict"
	case errors.Is(err, context.DeadlineExceeded):
		return "unknown"
	}
	return "failed"
}

// dispatch starts what was admitted.
func (r *Reconciler) dispatch(ctx context.Context, outs []plan.Outcome) {
	var work []job
	for _, out := range outs {
		if len(out.Actions) == 0 {
			continue
		}
		r.desk.tasks++
		r.desk.busy[out.Status.ID] = taskOf(out, r.desk.tasks)
		delete(r.desk.active, out.Status.ID)
		work = append(work, job{out, r.desk.tasks})
	}
	r.effects.start(ctx, work)
	r.metrics.queue(len(r.desk.active), len(r.desk.busy))
}

func taskOf(out plan.Outcome, number uint64) task {
	t := task{number: number, name: out.Status.Name, rough: out.Disrupting}
	for _, a := range out.Actions {
		t.rough = t.rough || a.Disruption != plan.None
	}
	if a := out.Actions[0]; len(out.Actions) == 1 && a.Kind == plan.LaunchMachine {
		t.launch = &launchKey{a.Token, a.Index}
	}
	return t
}

// collect takes in the results: what was launched is put on the ledger, what
// failed is tried again later, and everything is decided anew.
func (r *Reconciler) collect() {
	for _, res := range r.effects.take() {
		id := res.deployment
		r.noteLaunch(res)
		if r.desk.busy[id].number != res.task {
			continue // a launch that was not waited for
		}
		delete(r.desk.busy, id)
		r.desk.mark(id)
		if res.err != nil {
			r.desk.wakeAt(r.desk.failed(id, res.err))
		} else {
			delete(r.desk.retry, id)
		}
	}
}

// noteLaunch records the answer to a launch: the slot is bound, or it is known
// that its token will never make a machine.
func (r *Reconciler) noteLaunch(res result) {
	e := r.state.Entries[res.deployment]
	if e == nil || (res.launched == nil && res.void == nil) {
		return
	}
	c := *e
	c.Slots = append([]plan.Slot(nil), e.Slots...)
	for i := range c.Slots {
		s := &c.Slots[i]
		switch {
		case res.launched != nil && s.Token == res.launched.Token && s.Index == res.launched.Index && s.State == plan.SlotClaimed:
			s.State, s.MachineID = plan.SlotBound, res.launched.ID
		case res.void != nil && s.SlotID == *res.void:
			s.State = plan.SlotVoid
		}
	}
	r.state.Entries[res.deployment] = &c
	r.book.Set(ledger.Owner{Kind: "entry", ID: res.deployment}, ledger.EntryRecords(&c))
}
