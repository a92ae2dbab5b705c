// Package sim is a world in memory: a cloud, the agents on its machines, names and
// an authority for certificates, for trying the loop against faults that real ones
// show too seldom.
//
// It promises to behave as EC2 is documented to where that matters for safety: a
// used launch token makes nothing, volumes outlive machines, a volume is on one
// machine at a time; and to keep count of everything that happened, so that a
// test can ask for what must never have happened.
//
// It does not run databases: what a database does is never pretended here, only
// that an agent says it serves.
package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A World holds machines, volumes and agents. Its methods that implement
// reconciler.Cloud are its cloud; Agents gives its agents. Any number of control
// planes may share it.
type World struct {
	identity string
	changed  []chan struct{}

	mu       sync.Mutex
	latency  Latency
	machines []plan.Machine
	byID     map[string]int // place in machines
	launches int            // machines so far
	made     int            // volumes so far
	awaited  int            // changes that were put off so far
	volumes  []plan.Volume
	agents   map[string]plan.Agent
	gaps     plan.Gaps
	lost     int            // answers still to be lost
	refused  int            // requests still to be refused
	actions  map[string]int // how often each distinct effect was carried out
	watching func(View)
}

// New makes an empty world.
func New(identity string) *World {
	return &World{identity: identity, agents: map[string]plan.Agent{}, actions: map[string]int{}, byID: map[string]int{}}
}

// A Latency is how long after its launch a machine runs, and its agent answers.
type Latency struct{ Running, Agent time.Duration }

// SetLatency is for machines to come. A new world has none.
func (w *World) SetLatency(l Latency) { w.set(func() { w.latency = l }) }

// apart keeps what many machines do that were launched at one moment from happening at
// one instant, which in virtual time has no order.
const apart = 13 * time.Microsecond

// after changes the world now or later. The caller has the lock.
func (w *World) after(d time.Duration, change func()) {
	if d == 0 {
		change()
		return
	}
	w.awaited++
	time.AfterFunc(d+time.Duration(w.awaited)*apart, func() { w.set(change) })
}

// ErrTimeout is what a caller gets whose answer is lost: the effect happened.
var ErrTimeout = fmt.Errorf("the answer was lost: %w", context.DeadlineExceeded)

// ErrRefused is what a caller gets whose request is refused: nothing happened.
var ErrRefused = errors.New("the request was refused")

// LoseAnswers lets the next n effects happen and their answers be lost.
func (w *World) LoseAnswers(n int) { w.set(func() { w.lost = n }) }

// Refuse lets the next n requests fail without an effect.
func (w *World) Refuse(n int) { w.set(func() { w.refused = n }) }

// SetGaps says what cannot be listed from now on.
func (w *World) SetGaps(g plan.Gaps) { w.set(func() { w.gaps = g }) }

// Stop makes a machine stop by itself, with its database.
func (w *World) Stop(id string) {
	w.set(func() {
		w.machine(id).State = plan.MachineStopped
		a := w.agents[id]
		a.Reachable, a.Database = false, plan.DatabaseAbsent
		w.agents[id] = a
	})
}

// Restart has a machine that stopped start again by itself or by hand: its agent
// comes back with the order it had.
func (w *World) Restart(id string) {
	w.set(func() { w.restart(id) })
}

// Detach takes a volume off its machine by force, as somebody would in a console:
// its database has nothing to write to any more.
func (w *World) Detach(id string) {
	w.set(func() {
		v := w.volume(id)
		if a, ok := w.agents[v.AttachedTo]; ok {
			a.VolumeAttached, a.Database, a.DatabaseDetail = false, plan.DatabaseFailed, "its volume is gone"
			w.agents[v.AttachedTo] = a
		}
		v.AttachedTo = ""
	})
}

// A View is the whole world at one moment. It is read and not kept.
type View struct {
	Machines []plan.Machine
	Volumes  []plan.Volume
	Agents   map[string]plan.Agent
}

// Watch has look called after every change, for what must hold at every moment. It
// must not call the world.
func (w *World) Watch(look func(View)) { w.set(func() { w.watching = look }) }

// Kill ends a machine for good, as somebody would in a console.
func (w *World) Kill(id string) { w.set(func() { w.terminate(id) }) }

// Fail makes the database on a machine fail until it gets another order.
func (w *World) Fail(id, detail string) {
	w.set(func() {
		a := w.agents[id]
		a.Database, a.DatabaseDetail = plan.DatabaseFailed, detail
		w.agents[id] = a
	})
}

// Fill has the agent on a machine report that its volume is full, or no longer.
func (w *World) Fill(id string, full bool) {
	w.set(func() {
		a, ok := w.agents[id]
		if !ok {
			return
		}
		a.Conditions = nil
		if full {
			a.Conditions = []plan.Condition{{Type: "DiskFull", Status: true, Reason: "NoSpace", Message: "10 of 10 GiB are used"}}
		}
		w.agents[id] = a
	})
}

// Reboot has a machine's agent be away and come back with the order it had, as when it
// is started again.
func (w *World) Reboot(id string, away time.Duration) {
	w.Reach(id, false)
	time.AfterFunc(away, func() { w.Reach(id, true) })
}

// Reach lets the agent on a machine be reached or not; its database goes on as it was.
func (w *World) Reach(id string, reachable bool) {
	w.set(func() {
		if a, ok := w.agents[id]; ok && w.machine(id).State == plan.MachineRunning {
			a.Reachable = reachable
			w.agents[id] = a
		}
	})
}

// Mend lets the databases that failed come back, as their agents try again.
func (w *World) Mend() {
	w.set(func() {
		for id, a := range w.agents {
			if a.Database == plan.DatabaseFailed {
				w.agents[id] = comeBack(a)
			}
		}
	})
}

// Live lists the machines that are not terminated.
func (w *World) Live() []plan.Machine {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.machines), func(m plan.Machine) bool { return m.State == plan.MachineTerminated })
}

// Volumes lists the volumes.
func (w *World) Volumes() []plan.Volume {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.volumes)
}

// HandOver adds a volume that people made and marked as a deployment's, while it is
// still at a machine of theirs.
func (w *World) HandOver(deployment string, gb int, at string) (id string) {
	w.set(func() {
		w.made++
		id = fmt.Sprintf("vol-%08x", w.made)
		w.volumes = append(w.volumes, plan.Volume{ID: id, Deployment: deployment, GB: gb, AttachedTo: at, ByHand: true})
	})
	return id
}

// Strange adds a machine of somebody else's, which runs with a volume, to what is in
// the account.
func (w *World) Strange() (machine, volume string) {
	machine, volume = "i-ffffffff", "vol-ffffffff"
	w.set(func() {
		w.machines = append(w.machines, plan.Machine{ID: machine, State: plan.MachineRunning, InstanceType: "t3.small", Zone: "eu-west-1a"})
		w.byID[machine] = len(w.machines) - 1
		w.volumes = append(w.volumes, plan.Volume{ID: volume, GB: 10, AttachedTo: machine})
	})
	return machine, volume
}

// Done tells how often each distinct effect was asked for and carried out, such
// as "deploy m-1 generation 1".
func (w *World) Done() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := map[string]int{}
	for k, v := range w.actions {
		c[k] = v
	}
	return c
}

// Serving tells whether a deployment's database serves, with which order.
func (w *World) Serving(deployment string) (plan.Order, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.agents {
		if a.Reachable && a.Database == plan.DatabaseServing && a.Order != nil && a.Order.Deployment == deployment {
			return *a.Order, true
		}
	}
	return plan.Order{}, false
}

// ServingAll counts the databases that serve on machines of a type; empty: of any.
func (w *World) ServingAll(instanceType string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.machines {
		if a := w.agents[m.ID]; m.State == plan.MachineRunning && a.Database == plan.DatabaseServing && (instanceType == "" || m.InstanceType == instanceType) {
			n++
		}
	}
	return n
}

func (w *World) set(change func()) {
	w.mu.Lock()
	change()
	if w.watching != nil {
		w.watching(View{w.machines, w.volumes, w.agents})
	}
	chans := slices.Clone(w.changed)
	w.mu.Unlock()
	for _, c := range chans {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// effect carries out a change unless it is refused, and may lose the answer.
func (w *World) effect(ctx context.Context, name string, change func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var err error
	w.set(func() {
		if w.refused > 0 {
			w.refused--
			err = ErrRefused
			return
		}
		if err = change(); err != nil {
			return
		}
		w.actions[name]++
		if w.lost > 0 {
			w.lost--
			err = ErrTimeout
		}
	})
	return err
}

func (w *World) machine(id string) *plan.Machine {
	if i, ok := w.byID[id]; ok {
		return &w.machines[i]
	}
	return nil
}

func (w *World) volume(id string) *plan.Volume {
	for i := range w.volumes {
		if w.volumes[i].ID == id {
			return &w.volumes[i]
		}
	}
	return nil
}

func (w *World) terminate(id string) {
	w.machine(id).State = plan.MachineTerminated
	delete(w.agents, id)
	for i := range w.volumes {
		if w.volumes[i].AttachedTo == id {
			w.volumes[i].AttachedTo = ""
		}
	}
}

var _ reconciler.Cloud = (*World)(nil)

// since is the moment all agents answer since: a report must not differ from one
// look to the next.
var since = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
