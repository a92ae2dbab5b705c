package reconciler_test

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mainstaydb/mainstay/reconciler"
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/sim"
)

// A witness sees every publication of the ledger and the world after every change,
// and remembers what must never be.
type witness struct {
	mu        sync.Mutex
	slots     map[string]plan.SlotID // by token and index, as they were published
	tokens    map[plan.SlotID]string
	givenUp   map[plan.SlotID]bool
	data      map[string]string // volume by deployment, once a database had it
	broken    []string
	told      map[string]bool
	unwanted  map[string]bool // deployments whose databases should not run
	excused   map[string]bool // deployments that people or faults stopped, until they serve again
	replacing int             // the most deployments with two machines at one moment
	stopped   int             // the most whose database was told to stop so that another machine has its volume
	published int
	strange   string               // a machine that is not ours; empty: there is none
	serves    map[string]string    // machine by deployment
	up        map[string]time.Time // since when, by machine
	serving   map[string]string    // the same, of those that have no other machine
	wavered   map[string]bool      // deployments that people did not want to run at some time
	alive     map[string]bool      // machines
	masses    []mass
	// kept says whether the volume of a deployment must be there; nil: every one must.
	kept func(deployment string) bool
}

func newWitness() *witness {
	return &witness{slots: map[string]plan.SlotID{}, tokens: map[plan.SlotID]string{}, givenUp: map[plan.SlotID]bool{}, data: map[string]string{}, told: map[string]bool{}, unwanted: map[string]bool{}, excused: map[string]bool{}, wavered: map[string]bool{}}
}

// store is a hub whose publications are witnessed.
func (w *witness) store(s reconciler.Store) reconciler.Store { return witnessed{s, w} }

type witnessed struct {
	reconciler.Store
	witness *witness
}

func (s witnessed) Publish(ctx context.Context, base string, edits []ledger.Edit, message string) (string, error) {
	commit, err := s.Store.Publish(ctx, base, edits, message)
	s.witness.publish(edits, err == nil)
	return commit, err
}

// publish takes in a publication; one that is not certain may have reached the hub
// all the same, as when the process ends meanwhile.
func (w *witness) publish(edits []ledger.Edit, certain bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if certain {
		w.published++
	}
	for _, e := range edits {
		if e.Table != "slots" || e.Delete {
			continue
		}
		key := fmt.Sprint(e.Row["token"], "/", e.Row["launch_index"])
		generation, _ := strconv.ParseInt(fmt.Sprint(e.Row["generation"]), 10, 64)
		id := plan.SlotID{Deployment: fmt.Sprint(e.Row["deployment"]), Generation: generation}
		w.slots[key] = id
		if !certain {
			continue
		}
		if had, ok := w.tokens[id]; ok && had != key {
			w.tell("slot %v was claimed as %s and as %s", id, had, key)
		}
		w.tokens[id], w.givenUp[id] = key, e.Row["state"] == string(plan.SlotVoid)
	}
}

// tell remembers what is wrong, once.
func (w *witness) tell(format string, args ...any) {
	if what := fmt.Sprintf(format, args...); !w.told[what] {
		w.told[what] = true
		w.broken = append(w.broken, what)
	}
}

// accuse is tell for what somebody else saw.
func (w *witness) accuse(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tell(format, args...)
}

func (w *witness) look(v sim.View) {
	w.mu.Lock()
	defer w.mu.Unlock()
	volume := w.volumes(v)
	filled, machines := map[plan.SlotID]string{}, map[string]int{}
	w.alive = map[string]bool{}
	for _, m := range v.Machines {
		if m.State == plan.MachineTerminated || m.ID == w.strange {
			continue
		}
		w.alive[m.ID] = true
		slot, claimed := w.slots[fmt.Sprint(m.Token, "/", m.Index)]
		switch other := filled[slot]; {
		case !claimed:
			w.tell("machine %s was launched and no claim of it was published", m.ID)
		case other != "":
			w.tell("slot %v has machines %s and %s", slot, other, m.ID)
		}
		filled[slot] = m.ID
		if !w.givenUp[slot] { // such a one came late and is ended
			machines[slot.Deployment]++
		}
	}
	replacing := 0
	for deployment, n := range machines {
		if n > 2 {
			w.tell("deployment %s has %d machines", deployment, n)
		}
		if n > 1 {
			replacing++
		}
	}
	w.replacing = max(w.replacing, replacing)
	w.stopped = max(w.stopped, w.moving(v, machines))
	w.serves = w.databases(v, volume)
	up := map[string]time.Time{}
	for _, machine := range w.serves {
		if up[machine] = w.up[machine]; up[machine].IsZero() {
			up[machine] = time.Now()
		}
	}
	w.up = up
	w.serving = maps.Clone(w.serves)
	maps.DeleteFunc(w.serving, func(deployment, _ string) bool { return machines[deployment] != 1 })
}

// A mass is deployments that one commit deleted, more than may go without an approval.
type mass struct {
	commit   string
	limit    int
	machines map[string]string // by deployment that is still gone; empty: it was not at rest
}

// goTogether notes what a commit deletes. The machines that are watched are those of
// databases that served on one machine and had nothing else in their past that a control
// plane with an old plan might still do: nobody may stop or end them.
func (w *witness) goTogether(ids []string, limit int, commit func() string) {
	w.mu.Lock()
	gone := mass{limit: limit, machines: map[string]string{}}
	for _, id := range ids {
		if w.data[id] == "" {
			continue // what never served may not be on record yet, and does not count then
		}
		if gone.machines[id] = w.serving[id]; w.wavered[id] {
			gone.machines[id] = ""
		}
	}
	w.masses = append(w.masses, gone)
	n := len(w.masses) - 1
	w.mu.Unlock()
	hash := commit()
	for _, id := range ids {
		w.want(id, false)
	}
	w.mu.Lock()
	w.masses[n].commit = hash
	w.mu.Unlock()
}

// comesBack notes that a deployment has a row again.
func (w *witness) comesBack(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.masses {
		delete(m.machines, id)
	}
}

// agree forgets the last mass that is held, and names its commit; empty: there is none.
func (w *witness) agree() (commit string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.masses) - 1; n >= 0 {
		commit, w.masses = w.masses[n].commit, w.masses[:n]
	}
	return commit
}

// destroys is told before a control plane stops a database or ends its machine. One that
// died may be ended by who does not see that yet.
func (w *witness) destroys(machine string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.alive[machine] {
		return
	}
	for _, m := range w.masses {
		for deployment, held := range m.machines {
			if held == machine && len(m.machines) > m.limit {
				w.tell("%s of deployment %s was stopped or ended: commit %s deletes %d and at most %d may go without an approval",
					machine, deployment, m.commit, len(m.machines), m.limit)
			}
		}
	}
}

// moving counts the deployments of several machines of which one obeyed a stop and none
// serves.
func (w *witness) moving(v sim.View, machines map[string]int) (n int) {
	stopped, serves := map[string]bool{}, map[string]bool{}
	for _, m := range v.Machines {
		deployment := w.slots[fmt.Sprint(m.Token, "/", m.Index)].Deployment
		a, ok := v.Agents[m.ID]
		if !ok || machines[deployment] < 2 {
			continue
		}
		if a.Order != nil && (a.Database != plan.DatabaseServing || !a.Reachable) {
			w.excused[deployment] = true // it was down before anybody stopped it
		}
		serves[deployment] = serves[deployment] || a.Database == plan.DatabaseServing && a.Reachable
		stopped[deployment] = stopped[deployment] || a.Generation > 0 && a.Order == nil
	}
	for deployment := range stopped {
		switch {
		case serves[deployment] && !w.unwanted[deployment]:
			delete(w.excused, deployment)
		case stopped[deployment] && !w.excused[deployment]:
			n++
		}
	}
	return n
}

// want notes whether people want a deployment's database to run. When it is to stop is
// theirs to choose.
func (w *witness) want(deployment string, runs bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unwanted[deployment] = !runs
	w.wavered[deployment] = w.wavered[deployment] || !runs
	w.excused[deployment] = w.excused[deployment] || !runs
}

// volumes are those attached, by machine. None that held data may be missing.
func (w *witness) volumes(v sim.View) map[string]string {
	at, exists := map[string]string{}, map[string]bool{}
	for _, vol := range v.Volumes {
		exists[vol.ID] = true
		if other := at[vol.AttachedTo]; other != "" && vol.AttachedTo != "" {
			w.tell("machine %s has the volumes %s and %s", vol.AttachedTo, other, vol.ID)
		}
		at[vol.AttachedTo] = vol.ID
	}
	for deployment, id := range w.data {
		switch {
		case exists[id]:
		case w.kept != nil && !w.kept(deployment):
			delete(w.data, deployment) // the next one begins empty
		default:
			w.tell("volume %s of deployment %s is gone", id, deployment)
		}
	}
	return at
}

// databases gives the machines that serve, by deployment.
func (w *witness) databases(v sim.View, volume map[string]string) (serving map[string]string) {
	serving = map[string]string{}
	for id, a := range v.Agents {
		if !a.Reachable || a.Database != plan.DatabaseServing || a.Order == nil {
			continue
		}
		deployment := a.Order.Deployment
		if other := serving[deployment]; other != "" {
			w.tell("databases of deployment %s serve on machines %s and %s", deployment, other, id)
		}
		serving[deployment] = id
		if had := w.data[deployment]; had != "" && had != volume[id] {
			w.tell("the database of deployment %s had volume %s and serves on %s", deployment, had, volume[id])
		}
		w.data[deployment] = volume[id]
	}
	return serving
}

// ends is told before a control plane that reaches its agent, since a moment, ends a machine.
// One whose database serves must not be, be it wanted or not: it is stopped first.
// One that came back just now may have been given up before.
func (w *witness) ends(machine string, reached time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for deployment, serves := range w.serves {
		if serves == machine && time.Since(w.up[machine]) > unseen && time.Since(reached) > unseen {
			w.tell("machine %s was ended while the database of deployment %s served on it", machine, deployment)
		}
	}
}

// unseen is how long a control plane may not know that a database serves again: it is
// told so at once, and records what it decided before, which a slow hub answers after 90 s.
const unseen = 150 * time.Second

// check fails the test for what was seen.
func (w *witness) check(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, what := range w.broken {
		t.Error(what)
	}
}

func (w *witness) publications() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.published
}

func (w *witness) mostStopped() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stopped
}

func (w *witness) mostReplacing() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.replacing
}

// owner is the deployment whose data a volume holds.
func (w *witness) owner(volume string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for deployment, id := range w.data {
		if id == volume {
			return deployment
		}
	}
	return ""
}
