package reconciler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
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
	plan.StopDatabase:     time.Minute,      // connections get half a minute to end; then the volume is unmounted, which who detaches it next relies on
	plan.UpdateAgent:      2 * time.Minute,  // the agent fetches some ten megabytes before it answers
	plan.ObtainCert:       5 * time.Minute,  // an authority looks DNS up from several places, and takes its time
	plan.PublishNames:     5 * time.Minute,  // a large fleet's changes wait for Route 53's limits
}

// effects carries out actions, one deployment beside the other.
type effects struct {
	cloud   Cloud
	agents  Agents
	names   Names
	certs   Certificates
	metrics *metrics
	log     *slog.Logger
	slots   chan struct{}
	running sync.WaitGroup
	done    chan struct{}

	mu      sync.Mutex
	results []result
}

// A result is how the actions of one deployment ended.
type result struct {
	deployment string
	key        string // of the task
	task       uint64
	err        error
	failed     plan.Action   // at which it ended, when err is set
	launched   *plan.Machine // a launch that was settled with a machine
	void       *plan.SlotID  // a launch that was settled without one
	published  []plan.AddressChange
	rough      bool // it changed machines or volumes: a listing from before says nothing
}

func newEffects(cfg Config, m *metrics) *effects {
	return &effects{cloud: cfg.Cloud, agents: cfg.Agents, names: cfg.Names, certs: cfg.Certificates, metrics: m, log: cfg.Log,
		slots: make(chan struct{}, maxEffects), done: make(chan struct{}, 1)}
}

func (e *effects) wait() { e.running.Wait() }

// A job is a deployment's actions with the key and number of their task.
type job struct {
	plan.Outcome
	key  string
	task uint64
}

// start carries out each deployment's actions in order; what several share goes
// out as one request.
func (e *effects) start(ctx context.Context, jobs []job) {
	shared := e.share(ctx, jobs)
	for _, j := range jobs {
		e.running.Go(func() { e.finish(e.work(ctx, j, shared)) })
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

// take gives away the results that wait: all, or those that need no new listing.
func (e *effects) take(all bool) (taken []result) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var left []result
	for _, res := range e.results {
		if all || !res.rough {
			taken = append(taken, res)
		} else {
			left = append(left, res)
		}
	}
	e.results = left
	return taken
}

func (e *effects) work(ctx context.Context, j job, shared shared) result {
	res := result{deployment: j.Status.ID, key: j.key, task: j.task}
	for _, a := range j.Actions {
		start := time.Now()
		res.rough = res.rough || changesCloud(a.Kind)
		err := e.act(ctx, a, shared, &res)
		e.metrics.acted(a.Kind, outcomeOf(err), time.Since(start))
		log := e.log.With("deployment", a.Deployment, "name", a.Name, "action", string(a.Kind), "machine", a.MachineID, "volume", a.VolumeID)
		if err != nil {
			res.err, res.failed = err, a
			switch {
			case ctx.Err() != nil:
			case errors.Is(err, ErrConflict): // the thing takes its time, such as a snapshot that is made first
				log.Info("action not possible yet", "summary", a.Summary, "err", err)
			default:
				log.Warn("action failed", "summary", a.Summary, "err", err)
			}
			return res
		}
		log.Info("action done", "summary", a.Summary, "generation", a.Slot.Generation)
	}
	return res
}

// changesCloud says whether only a new listing shows what an action did. A launch
// is answered with its machine.
func changesCloud(k plan.Kind) bool {
	switch k {
	case plan.StartMachine, plan.TerminateMachine, plan.AttachVolume, plan.DetachVolume, plan.GrowVolume, plan.DeleteVolume:
		return true
	}
	return false
}

// act carries out one action. Requests that are shared were begun already; waiting
// for their answer keeps nobody else from acting.
func (e *effects) act(ctx context.Context, a plan.Action, shared shared, res *result) error {
	switch a.Kind {
	case plan.LaunchMachine:
		return launched(a, shared.launches[a.Token], res)
	case plan.PublishNames:
		return published(a, shared.names, res)
	}
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, timeouts[a.Kind])
	defer cancel()
	switch a.Kind {
	case plan.StartMachine:
		return e.cloud.StartMachine(ctx, a.MachineID)
	case plan.TerminateMachine:
		return e.cloud.TerminateMachine(ctx, a.MachineID)
	case plan.AttachVolume:
		return e.cloud.AttachVolume(ctx, a.VolumeID, a.MachineID)
	case plan.DetachVolume:
		return e.cloud.DetachVolume(ctx, a.VolumeID, a.MachineID)
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
	case plan.UpdateAgent:
		return e.agents.Update(ctx, a.MachineID, a.Release)
	case plan.ObtainCert:
		return e.certs.Obtain(ctx, a.Deployment, a.Names)
	}
	return fmt.Errorf("there is no action %q", a.Kind)
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
		for _, j := range apart(out) {
			r.desk.tasks++
			j.task = r.desk.tasks
			r.desk.busy[j.key] = taskOf(j.Outcome, j.task)
			if j.key == out.Status.ID {
				delete(r.desk.active, j.key)
			}
			work = append(work, j)
		}
	}
	r.effects.start(ctx, work)
	r.metrics.queue(len(r.desk.active), len(r.desk.busy))
}

// asideKey is the task of an action that is carried out beside a deployment's others.
func asideKey(id string, k plan.Kind) string { return id + "/" + string(k) }

// deploymentOf is whose a task is.
func deploymentOf(key string) string {
	id, _, _ := strings.Cut(key, "/")
	return id
}

// apart splits a decision into what is done in order and what is done beside it: a
// name server or an authority that takes long must not hold up a failover.
func apart(out plan.Outcome) []job {
	main := out
	main.Actions = slices.Clone(out.Actions)
	var jobs []job
	for _, k := range plan.Aside() {
		beside := out
		beside.Actions = nil
		for _, a := range out.Actions {
			if a.Kind == k {
				beside.Actions = append(beside.Actions, a)
			}
		}
		if len(beside.Actions) > 0 {
			beside.Disrupting = false
			main.Actions = slices.DeleteFunc(main.Actions, func(a plan.Action) bool { return a.Kind == k })
			jobs = append(jobs, job{Outcome: beside, key: asideKey(out.Status.ID, k)})
		}
	}
	if len(main.Actions) > 0 {
		jobs = append(jobs, job{Outcome: main, key: out.Status.ID})
	}
	return jobs
}

func taskOf(out plan.Outcome, number uint64) task {
	t := task{number: number, name: out.Status.Name, rough: out.Disrupting}
	for _, a := range out.Actions {
		t.rough = t.rough || a.Disruption != plan.None
		t.update = t.update || a.Kind == plan.UpdateAgent
	}
	if a := out.Actions[0]; len(out.Actions) == 1 && a.Kind == plan.LaunchMachine {
		t.launch = &launchKey{a.Token, a.Index}
	}
	return t
}

// collect takes in results: what was launched is put on the ledger, what failed is
// tried again later, and everything is decided anew.
func (r *Reconciler) collect(results []result) {
	for _, res := range results {
		id := res.deployment
		r.noteLaunch(res)
		r.notePublished(res.published)
		if r.desk.busy[res.key].number != res.task {
			continue // a launch that was not waited for
		}
		task := r.desk.busy[res.key]
		delete(r.desk.busy, res.key)
		if !strings.HasPrefix(id, strayTask) { // nothing is decided for those
			r.desk.mark(id)
		}
		if res.err != nil {
			r.desk.wakeAt(r.desk.failed(res.key, res.failed, res.err))
		} else {
			r.desk.succeeded(res.key, task)
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
	if m := res.launched; m != nil {
		r.seeLaunched(*m)
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
