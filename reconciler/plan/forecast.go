package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mainstaydb/mainstay/specs"
)

// A Scene is the whole fleet at one moment: what Forecast begins from.
type Scene struct {
	Now      time.Time
	Desired  *specs.Snapshot // as it would be
	Deleted  []Entry         // of rows that would be gone, marked as deleted
	Entries  map[string]*Entry
	Machines []Machine
	Volumes  []Volume
	Agents   map[string]Agent
	Gaps     Gaps
	Means    Means
	// Addresses are those of the fleet's domain, and Certificates the public
	// authority's by deployment.
	Addresses    []Address
	Certificates map[string]Certificate
}

// A Preview is what would follow.
type Preview struct {
	Actions []Action // in the order they would come, by deployment
	Waits   []Wait   // that would be left in the end
}

// hashDigits are enough to tell plans apart and few enough to be read out.
const hashDigits = 12

// Hash is equal for two previews that have the same effect: for each deployment the
// same disruptions in the same order, machines made, volumes grown and deleted. How
// far another change has got, which machine it is and how it is said do not count.
func (p Preview) Hash() string {
	h := sha256.New()
	byID := slices.Clone(p.Actions)
	slices.SortStableFunc(byID, func(a, b Action) int { return strings.Compare(a.Deployment, b.Deployment) })
	for _, a := range byID {
		if a.Disruption != None || a.Kind == LaunchMachine || a.Kind == GrowVolume || a.Kind == DeleteVolume {
			fmt.Fprintf(h, "%s %s %s\n", a.Deployment, a.Kind, a.Disruption)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:hashDigits]
}

// maxSteps bounds one deployment's forecast: the longest way, a replacement, has
// seven steps. One that needs more does not end, which is a fault of this package.
const maxSteps = 32

// Forecast tells which actions would take the scene to its desired state if each
// went well, by deciding again and again and supposing that what was decided was
// done. It uses the very decisions that the loop will use.
func Forecast(s Scene) Preview { return ForecastInputs(s.Inputs()) }

// ForecastInputs is Forecast for those deployments alone.
func ForecastInputs(ins []Input) Preview {
	var p Preview
	for _, in := range ins {
		as, ws := forecastOne(in)
		p.Actions = append(p.Actions, as...)
		p.Waits = append(p.Waits, ws...)
	}
	SortActions(p.Actions)
	return p
}

// Inputs splits the scene by deployment, in the order of their ids.
func (s Scene) Inputs() []Input {
	ins := map[string]*Input{}
	for id, row := range s.Desired.Deployments {
		ins[id] = s.input()
		ins[id].Row, ins[id].Version = row, s.Desired.Versions[row.DoltVersion]
	}
	bySlot := map[string]*Input{}
	for id, e := range s.entries() {
		if ins[id] == nil {
			ins[id] = s.input()
		}
		ins[id].Entry = e
		for _, slot := range e.Slots {
			bySlot[launchName(slot.Token, slot.Index)] = ins[id]
		}
	}
	for _, v := range s.Volumes {
		if in := ins[v.Deployment]; in != nil {
			in.Volumes = append(in.Volumes, v)
		}
	}
	for _, m := range s.Machines {
		in := bySlot[launchName(m.Token, m.Index)]
		if in == nil {
			continue
		}
		in.Machines = append(in.Machines, m)
		if a, ok := s.Agents[m.ID]; ok {
			in.Agents[m.ID] = a
		}
	}
	s.addNames(ins)
	sorted := make([]Input, 0, len(ins))
	for _, id := range slices.Sorted(maps.Keys(ins)) {
		sorted = append(sorted, *ins[id])
	}
	return sorted
}

func (s Scene) input() *Input {
	return &Input{Now: s.Now, Gaps: s.Gaps, Means: s.Means, Agents: map[string]Agent{}}
}

// addNames gives each deployment its certificate and the records that concern it.
func (s Scene) addNames(ins map[string]*Input) {
	byName := map[string]*Input{}
	for id, in := range ins {
		if in.Row != nil {
			byName[in.Row.Name+"."+s.Means.Domain] = in
		}
		if c, ok := s.Certificates[id]; ok {
			in.Certificate = &c
		}
	}
	for _, a := range s.Addresses {
		in := ins[a.Deployment]
		if in != nil {
			in.Addresses = append(in.Addresses, a)
		}
		if other := byName[a.Name]; other != nil && other != in {
			other.Addresses = append(other.Addresses, a)
		}
	}
}

func (s Scene) entries() map[string]*Entry {
	es := maps.Clone(s.Entries)
	if es == nil {
		es = map[string]*Entry{}
	}
	for i := range s.Deleted {
		es[s.Deleted[i].Deployment] = &s.Deleted[i]
	}
	return es
}

func launchName(token string, index int) string { return fmt.Sprintf("%s/%d", token, index) }

// forecastOne plays one deployment forward until nothing is left to do.
func forecastOne(in Input) ([]Action, []Wait) {
	in.Machines, in.Volumes, in.Agents = slices.Clone(in.Machines), slices.Clone(in.Volumes), maps.Clone(in.Agents)
	var actions []Action
	var waits []Wait
	for range maxSteps {
		out := Deployment(in)
		batched := []Outcome{out}
		batch(batched)
		out = batched[0]
		waits = out.Waits
		in.Entry = out.Entry
		if len(out.Actions) == 0 {
			break
		}
		for _, a := range out.Actions {
			actions = append(actions, a)
			suppose(&in, a)
		}
	}
	return actions, waits
}

// suppose changes what is observed as if an action had been done and had its
// effect at once.
func suppose(in *Input, a Action) {
	switch a.Kind {
	case LaunchMachine:
		supposeLaunch(in, a)
	case StartMachine:
		setMachine(in, a.MachineID, MachineRunning)
	case TerminateMachine:
		setMachine(in, a.MachineID, MachineTerminated)
		delete(in.Agents, a.MachineID)
		eachVolume(in, func(v *Volume) {
			if v.AttachedTo == a.MachineID {
				v.AttachedTo = ""
			}
		})
	case AttachVolume:
		setVolume(in, a.VolumeID, func(v *Volume) { v.AttachedTo = a.MachineID })
		changeAgent(in, a.MachineID, func(g *Agent) { g.VolumeAttached = true })
	case DetachVolume:
		setVolume(in, a.VolumeID, func(v *Volume) { v.AttachedTo = "" })
	case GrowVolume:
		setVolume(in, a.VolumeID, func(v *Volume) { v.GB = a.VolumeGB })
	case DeleteVolume:
		in.Volumes = slices.DeleteFunc(in.Volumes, func(v Volume) bool { return v.ID == a.VolumeID })
	case EnrolAgent:
		changeAgent(in, a.MachineID, func(g *Agent) { g.Enrolled = true })
	case DeployDatabase:
		changeAgent(in, a.MachineID, func(g *Agent) {
			g.Order, g.Generation, g.Database, g.DatabaseVersion = a.Order, a.Order.Generation, DatabaseServing, a.Order.DoltVersion
			g.ListenerExpires = time.Time{}
		})
	case ObtainCert:
		in.Certificate = &Certificate{Fingerprint: "(new)", Names: strings.Join(a.Names, " "),
			NotAfter: in.Now.AddDate(0, 3, 0), Renew: in.Now.AddDate(0, 2, 0)}
	case PublishNames:
		in.Addresses = Published(in.Addresses, a.Addresses)
	case UpdateAgent:
		changeAgent(in, a.MachineID, func(g *Agent) { g.Version = a.Release.Version })
	case StopDatabase:
		changeAgent(in, a.MachineID, func(g *Agent) { g.Order, g.Generation, g.Database = nil, a.Generation, DatabaseAbsent })
	}
}

func supposeLaunch(in *Input, a Action) {
	id := "(new)"
	for slices.ContainsFunc(in.Machines, func(m Machine) bool { return m.ID == id }) {
		id += "'"
	}
	in.Machines = append(in.Machines, Machine{ID: id, Token: a.Token, Index: a.Index, State: MachineRunning,
		Zone: a.Shape.Zone, InstanceType: a.Shape.InstanceType})
	in.Agents[id] = Agent{Reachable: true, Database: DatabaseAbsent, VolumeAttached: a.Shape.Volume != nil}
	if v := a.Shape.Volume; v != nil {
		in.Volumes = append(in.Volumes, Volume{ID: "(new)", Deployment: a.Deployment, GB: v.GB, AttachedTo: id})
	}
}

func setMachine(in *Input, id string, s MachineState) {
	for i := range in.Machines {
		if in.Machines[i].ID == id {
			in.Machines[i].State = s
		}
	}
	changeAgent(in, id, func(g *Agent) { g.Reachable = s == MachineRunning })
}

func eachVolume(in *Input, change func(*Volume)) {
	for i := range in.Volumes {
		change(&in.Volumes[i])
	}
}

func setVolume(in *Input, id string, change func(*Volume)) {
	eachVolume(in, func(v *Volume) {
		if v.ID == id {
			change(v)
		}
	})
}

func changeAgent(in *Input, machine string, change func(*Agent)) {
	a := in.Agents[machine]
	change(&a)
	in.Agents[machine] = a
}
