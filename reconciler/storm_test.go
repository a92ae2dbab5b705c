package reconciler_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/reconciler/plan"
	"github.com/mainstaydb/mainstay/reconciler/sim"
	"github.com/mainstaydb/mainstay/specs"
)

// endure plays a story.
func endure(s *simulation, told story) {
	w := &storming{simulation: s, story: told}
	defer func() {
		if s.Failed() {
			s.Logf("the story of seed %d:\n%s", told.seed, strings.Join(w.log, "\n"))
		}
	}()
	s.change("limits", func(d *specs.Snapshot) { d.Limits.MaxDisrupted, d.Limits.MaxDestroyed = mostDisrupted, 100 })
	for n := range told.fleet {
		s.put(n, nil)
	}
	for n, ahead := range told.clocks {
		s.run(&simPlane{holder: fmt.Sprint("plane-", n), clock: ahead})
	}
	go s.distrust()
	for _, one := range told.steps {
		time.Sleep(time.Until(s.began.Add(one.at)))
		w.happen(one)
		if s.Failed() {
			return
		}
	}
	w.calm()
	for n := range told.fleet {
		s.put(n, func(d *specs.Deployment) { d.Running = true })
	}
	w.log = append(w.log, fmt.Sprintf("%-8s # calm, and everything is wanted", time.Since(s.began)))
	s.convergedUnless(leftToPeople)
	if n := s.witness.mostStopped(); n > mostDisrupted {
		s.Errorf("%d databases were stopped at one time to move their volumes, and the limit is %d", n, mostDisrupted)
	}
	if n := s.authority.Alike(); n > sim.MostAlike {
		s.Errorf("%d certificates were asked for the same names, and authorities give %d", n, sim.MostAlike)
	}
}

// mostDisrupted is the fleet's limit of deployments that are disrupted at one time.
const mostDisrupted = 2

// mostDestroyed is the limit of what a commit may destroy, once all rows are deleted.
const mostDestroyed = 2

// leftToPeople are the reasons of waits that are meant to last, each of which says what
// a person should look for.
func leftToPeople(reason string) bool {
	return strings.Contains(reason, "look for what they have in common") // three machines in six hours
}

// A storming is a fleet that a story befalls.
type storming struct {
	*simulation
	story   story
	log     []string
	retired int
}

// A happening is one kind of thing that may happen. It returns what it did, for people;
// empty: there was nothing it could happen to.
type happening struct {
	name string
	do   func(w *storming, r *rand.Rand) string
}

// calm ends what lasts. It is a step's too.
const calm = "calm"

var happenings = slices.Concat(inTheCloud(), toPlanes, byHand, byPeople)

func (w *storming) happen(one step) {
	did := "what lasted is over"
	if one.what == calm {
		w.calm()
	} else {
		h := happenings[slices.IndexFunc(happenings, func(h happening) bool { return h.name == one.what })]
		did = h.do(w, rand.New(rand.NewPCG(one.n, one.n)))
	}
	w.log = append(w.log, fmt.Sprintf("%-34s # %s", one, did))
}

func (w *storming) calm() {
	clearUp(w.api)
	w.names.Refuse(nil)
	w.names.SetGap("")
	w.authority.Refuse("")
	for _, p := range w.planes {
		p.loseHub(false, 0)
	}
	w.settle()
	w.world.Mend()
	w.settle()
	for _, m := range w.live() {
		w.world.Reach(m.ID, true)
		w.settle()
		w.world.Fill(m.ID, false)
		w.settle()
	}
	for _, p := range w.planes {
		for _, m := range p.agents.Cuts() {
			p.agents.Cut(m, false)
			w.settle()
		}
	}
}

// inTheCloud are the weathers, and what else others do for us.
func inTheCloud() (all []happening) {
	for _, kind := range weathers {
		all = append(all, happening{kind.name, func(w *storming, r *rand.Rand) string {
			kind.begin(w.api, r)
			return "until it is calm"
		}})
	}
	return append(all,
		happening{"names-refused", func(w *storming, _ *rand.Rand) string {
			w.names.Refuse(errWeather)
			return "names cannot be changed until it is calm"
		}},
		happening{"names-partial", func(w *storming, _ *rand.Rand) string {
			w.names.SetGap("page 2: throttled")
			return "names cannot be listed whole until it is calm"
		}},
		happening{"authority-refuses", func(w *storming, _ *rand.Rand) string {
			w.authority.Refuse("too many certificates")
			return "no certificate is given until it is calm"
		}})
}

var errWeather = fmt.Errorf("the weather is bad")

// onPlane is a happening to one control plane.
func onPlane(name string, do func(w *storming, p *simPlane, r *rand.Rand) string) happening {
	return happening{name, func(w *storming, r *rand.Rand) string {
		p := w.planes[r.IntN(len(w.planes))]
		return p.holder + do(w, p, r)
	}}
}

var toPlanes = []happening{
	onPlane("plane-killed", func(_ *storming, p *simPlane, _ *rand.Rand) string {
		p.kill()
		return ""
	}),
	onPlane("plane-killed-soon", func(_ *storming, p *simPlane, r *rand.Rand) string {
		in := r.IntN(6)
		p.killAt(p.moments() + in)
		return fmt.Sprintf(" after %d more of its moments", in)
	}),
	onPlane("plane-stands-still", func(_ *storming, p *simPlane, r *rand.Rand) string {
		d := time.Duration(10+r.IntN(600)) * time.Second
		p.pause(d)
		return fmt.Sprint(" for ", d)
	}),
	onPlane("hub-gone", func(_ *storming, p *simPlane, _ *rand.Rand) string {
		p.loseHub(true, 0)
		return " until it is calm"
	}),
	onPlane("hub-slow", func(_ *storming, p *simPlane, r *rand.Rand) string {
		d := time.Duration(1+r.IntN(90)) * time.Second
		p.loseHub(false, d)
		return fmt.Sprintf(" waits %s for each answer until it is calm", d)
	}),
	onPlane("agents-cut-off", func(w *storming, p *simPlane, r *rand.Rand) string {
		var cut []string
		for _, m := range w.live() {
			if r.IntN(2) == 0 {
				p.agents.Cut(m.ID, true)
				w.settle()
				cut = append(cut, m.ID)
			}
		}
		return fmt.Sprintf(" from %v until it is calm", cut)
	}),
}

// onMachine is a happening to one machine that lives.
func onMachine(name string, do func(w *storming, m plan.Machine, r *rand.Rand) string) happening {
	return happening{name, func(w *storming, r *rand.Rand) string {
		live := w.live()
		if len(live) == 0 {
			return "there is none"
		}
		m := live[r.IntN(len(live))]
		return m.ID + do(w, m, r)
	}}
}

// mostRetired is how many machines have a trouble in a story that the control plane
// replaces them for: the third in six hours is left to a person, with the reason.
const mostRetired = 2

// ails gives a machine such a trouble.
func (w *storming) ails(trouble func()) string {
	if w.retired == mostRetired {
		return ": not one more"
	}
	w.retired++
	trouble()
	return ""
}

// byHand is what machines do by themselves and people do in a console.
var byHand = []happening{
	onMachine("machine-dies", func(w *storming, m plan.Machine, _ *rand.Rand) string {
		w.world.Kill(m.ID)
		return ""
	}),
	onMachine("machine-retired", func(w *storming, m plan.Machine, _ *rand.Rand) string {
		return w.ails(func() { w.api.Retire(m.ID, time.Now().Add(time.Hour)) })
	}),
	onMachine("machine-impaired", func(w *storming, m plan.Machine, _ *rand.Rand) string {
		return w.ails(func() { w.api.Impair(m.ID, time.Now()) })
	}),
	onMachine("volume-impaired", func(w *storming, m plan.Machine, _ *rand.Rand) string {
		return w.ails(func() { w.api.ImpairVolume(m.ID, time.Now()) })
	}),
	onMachine("machine-stopped", func(w *storming, m plan.Machine, _ *rand.Rand) string {
		if m.State != plan.MachineRunning {
			return " does not run"
		}
		w.world.Stop(m.ID)
		return ""
	}),
	onMachine("machine-started", func(w *storming, m plan.Machine, _ *rand.Rand) string {
		if m.State != plan.MachineStopped {
			return " is not stopped"
		}
		w.world.Restart(m.ID)
		return ""
	}),
	onMachine("volume-taken-off", func(w *storming, m plan.Machine, _ *rand.Rand) string {
		volumes := w.volumes()
		i := slices.IndexFunc(volumes, func(v plan.Volume) bool { return v.AttachedTo == m.ID })
		if i < 0 || w.witness.owner(volumes[i].ID) == "" { // before it is on record it is nobody's
			return " has none"
		}
		w.world.Detach(volumes[i].ID)
		return ": " + volumes[i].ID
	}),
	onMachine("agent-away", func(w *storming, m plan.Machine, _ *rand.Rand) string {
		w.world.Reach(m.ID, false)
		return " until it is calm"
	}),
	onMachine("agent-restarts", func(w *storming, m plan.Machine, r *rand.Rand) string {
		d := time.Duration(1+r.IntN(60)) * time.Second
		w.world.Reboot(m.ID, d)
		return fmt.Sprintf(" and is away for %s", d)
	}),
	onMachine("database-fails", func(w *storming, m plan.Machine, _ *rand.Rand) string {
		w.world.Fail(m.ID, "it was killed for its memory")
		return ""
	}),
	onMachine("volume-full", func(w *storming, m plan.Machine, _ *rand.Rand) string {
		w.world.Fill(m.ID, true)
		return " until it is calm"
	}),
}

// instanceTypes are those that people choose among.
var instanceTypes = []string{"t3.small", "t3.large", "t3.xlarge"}

// onRow is a change of one row.
func onRow(name string, change func(d *specs.Deployment, r *rand.Rand) string) happening {
	return happening{name, func(w *storming, r *rand.Rand) string {
		n, did := r.IntN(w.story.fleet), ""
		w.put(n, func(d *specs.Deployment) { did = change(d, r) })
		return fmt.Sprintf("db-%d %s", n, did)
	}}
}

// byPeople are changes of rows.
var byPeople = []happening{
	onRow("type-changed", func(d *specs.Deployment, r *rand.Rand) string {
		d.InstanceType = instanceTypes[r.IntN(len(instanceTypes))]
		return "to " + d.InstanceType
	}),
	onRow("switched", func(d *specs.Deployment, _ *rand.Rand) string {
		d.Running = !d.Running
		return fmt.Sprintf("running: %v", d.Running)
	}),
	onRow("volume-larger", func(d *specs.Deployment, _ *rand.Rand) string {
		d.VolumeGB++
		return fmt.Sprintf("to %d GiB", d.VolumeGB)
	}),
	onRow("dolt-changed", func(d *specs.Deployment, r *rand.Rand) string {
		d.DoltVersion = []string{"2.0.5", "2.2.0"}[r.IntN(2)]
		return "to " + d.DoltVersion
	}),
	onRow("wanted", func(*specs.Deployment, *rand.Rand) string { return "" }),
	{"deleted", func(w *storming, r *rand.Rand) string {
		n := r.IntN(w.story.fleet)
		w.remove(n)
		return fmt.Sprintf("db-%d", n)
	}},
	{"all-deleted", func(w *storming, _ *rand.Rand) string {
		return fmt.Sprintf("%d rows in one commit", w.removeMany(mostDestroyed))
	}},
	{"deletion-approved", func(w *storming, _ *rand.Rand) string {
		if !w.approve() {
			return "there is none that waits for it"
		}
		return "the last of all rows"
	}},
	{"all-types-changed", func(w *storming, r *rand.Rand) string {
		to := instanceTypes[r.IntN(len(instanceTypes))]
		w.change("all types", func(d *specs.Snapshot) {
			for _, row := range d.Deployments {
				moved := row.Clone()
				moved.InstanceType = to
				d.PutDeployment(moved)
			}
		})
		return "to " + to
	}},
}
